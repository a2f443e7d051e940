//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk/wire"
)

// kiosk is `clinicgate run` as an operator sets it up, beside a PubNub double in
// this process that keeps every byte it was sent.
type kiosk struct {
	t       *testing.T
	dir     string // everything of the gateway's; what the test wrote is elsewhere
	input   string // what the test wrote
	config  string
	pubnub  *emulator.Emulator
	origin  string
	scanner *simulator.SerialPort
	mqtt    string
	board   string
	log     *buffer // standard error, at level debug
	out     *buffer // standard output of the service and of every command
	cipher  *pubnub.Cipher
	process *exec.Cmd
	cable   *cable // the kiosk's own way to PubNub; others reach it at outside
	outside string
}

// startKiosk starts one with more lines in its config.
func startKiosk(t *testing.T, cut bool, more string) *kiosk {
	t.Helper()
	root, err := os.MkdirTemp("", "cge-") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	k := &kiosk{t: t, dir: filepath.Join(root, "gw"), input: filepath.Join(root, "in"), log: &buffer{}, out: &buffer{},
		pubnub: emulator.New(emulator.Options{RequestLimit: 200_000, RecordBodies: true})}
	for _, dir := range []string{k.dir, k.input} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	own, others := httptest.NewUnstartedServer(k.pubnub), httptest.NewServer(k.pubnub)
	k.cable = &cable{Listener: own.Listener, cut: cut}
	own.Listener = k.cable
	own.Start()
	t.Cleanup(func() { k.pubnub.Close(); own.Close(); others.Close() })
	k.origin, k.outside = strings.TrimPrefix(own.URL, "http://"), strings.TrimPrefix(others.URL, "http://")
	if k.scanner, err = simulator.NewSerialPort(root, "scanner"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = k.scanner.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })

	limits := "[checkin]\nearly = \"12h\"\nlate = \"12h\""
	if strings.Contains(more, "[checkin]") {
		limits = ""
	}
	k.config = filepath.Join(k.dir, "config.toml")
	k.board, k.mqtt = freeAddress(t), freeAddress(t)
	k.write(k.config, fmt.Sprintf(`
[kiosk]
id = "lobby-1"
letter = "A"
site = "main"
organization = "riverside"
zone = %q
languages = ["en", "es"]
departments = ["cardiology"]
[storage]
dir = %q
budget = "64MiB"
[key_source]
kind = "passphrase"
file = %q
[pubnub]
origin = %q
secure = false
publish_key = "demo"
subscribe_key = "demo"
%s
[web]
listen = "127.0.0.1:0"
[board]
listen = %q
[control]
path = %q
[mqtt]
listen = %q
[log]
level = "debug"
[[department]]
id = "cardiology"
name = { en = "Cardiology", es = "Cardiología" }
where = { en = "Area A", es = "Sala A" }
[[provider]]
id = "dr-okafor"
name = "Dr. Okafor"
department = "cardiology"
room = "Room 101"
[[device]]
id = "front-scanner"
class = "scanner"
port = %q
%s
`, middayZone(), filepath.Join(k.dir, "data"), filepath.Join(k.dir, "passphrase"), k.origin, limits, k.board, filepath.Join(k.dir, "c", "sock"), k.mqtt, k.scanner.Path(), more))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of its log:\n%s", k.log.tail(40))
		}
	})
	k.must("", "keys", "init", "--generate", "--shared-keys", filepath.Join(k.input, "shared.json"))
	maker := k.must("", "roster", "keygen", filepath.Join(k.input, "maker.pem"))
	k.must(maker, "keys", "import")
	k.start()
	text, err := os.ReadFile(filepath.Join(k.input, "shared.json"))
	if err != nil {
		t.Fatal(err)
	}
	var shared []struct{ Kind, Value string }
	if err := json.Unmarshal(text, &shared); err != nil {
		t.Fatal(err)
	}
	for _, s := range shared {
		if s.Kind == "pubnub-cipher" {
			if k.cipher, err = pubnub.NewCipher([]pubnub.CipherKey{{ID: "shared", Key: []byte(s.Value)}}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	return k
}

// middayZone is one in which it is about noon, so that a day around now is one day.
func middayZone() string {
	return fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12)
}

// cable is a way into PubNub that may be cut: then whoever is connected or
// connects is dropped.
type cable struct {
	net.Listener
	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

func (c *cable) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return conn, err
		}
		c.mu.Lock()
		cut := c.cut
		if !cut {
			c.open = append(c.open, conn)
		}
		c.mu.Unlock()
		if !cut {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// set cuts it, or mends it.
func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	if cut {
		for _, conn := range c.open {
			_ = conn.Close()
		}
		c.open = nil
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := simulator.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// write writes one of the test's own files.
func (k *kiosk) write(path, text string) string {
	k.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// start runs the gateway until the test ends or somebody kills it.
func (k *kiosk) start() {
	k.t.Helper()
	k.process = exec.Command(program("clinicgate"), "run", "--config", k.config)
	k.process.Stdout, k.process.Stderr = k.out, k.log
	if err := k.process.Start(); err != nil {
		k.t.Fatal(err)
	}
	process, ended := k.process, make(chan error, 1)
	go func() { ended <- process.Wait() }()
	k.t.Cleanup(func() {
		_ = process.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = process.Process.Kill()
		}
	})
	eventually(k.t, 60*time.Second, "the gateway answers", func() bool {
		_, err := k.command("", "status")
		return err == nil
	})
}

// command runs a subcommand; what it writes is kept and searched.
func (k *kiosk) command(stdin string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.Command(program("clinicgate"), append(args, "--config", k.config)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), io.MultiWriter(&out, k.out), k.out
	err := cmd.Run()
	return out.String(), err
}

func (k *kiosk) must(stdin string, args ...string) string {
	k.t.Helper()
	out, err := k.command(stdin, args...)
	if err != nil {
		k.t.Fatalf("clinicgate %s: %v\n%s", strings.Join(args, " "), err, k.out.tail(20))
	}
	return out
}

// inject puts a message into PubNub as somebody else's app would. Encrypted when
// sealed is set.
func (k *kiosk) inject(channel, publisher, text string, sealed bool) {
	k.t.Helper()
	payload := json.RawMessage(text)
	if sealed {
		s, err := k.cipher.Encrypt([]byte(text))
		if err != nil {
			k.t.Fatal(err)
		}
		if payload, err = json.Marshal(s); err != nil {
			k.t.Fatal(err)
		}
	}
	k.pubnub.InjectRaw(channel, payload, publisher)
}

// published gives every message of the gateway's, decrypted, and how many of its
// payloads were not ciphertext.
func (k *kiosk) published() (plain []string, clear int) {
	k.t.Helper()
	for _, channel := range k.pubnub.Channels() {
		for _, m := range k.pubnub.History(channel) {
			if m.UUID != "lobby-1" {
				continue
			}
			var text string
			if json.Unmarshal(m.Payload, &text) != nil {
				clear++
				continue
			}
			if _, _, err := k.cipher.Decrypt(text, func(p []byte) bool {
				env, err := wire.Parse(p)
				for _, e := range env.Events {
					plain = append(plain, channel+" "+string(e.Body))
				}
				return err == nil
			}); err != nil {
				clear++
			}
		}
	}
	return plain, clear
}

type patientCode struct{ qr, typed string }

// codesOf makes the codes of a roster. They are for the patients' letters and
// kept out of what is searched.
func (k *kiosk) codesOf(roster string) map[string]patientCode {
	k.t.Helper()
	out, err := exec.Command(program("clinicgate"), "roster", "codes", roster, "--key", filepath.Join(k.input, "maker.pem"),
		"--shared-keys", filepath.Join(k.input, "shared.json"), "--config", k.config).Output()
	if err != nil {
		k.t.Fatalf("roster codes: %v", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		k.t.Fatal(err)
	}
	codes := map[string]patientCode{}
	for _, r := range rows[1:] {
		codes[r[0]] = patientCode{r[1], r[2]}
	}
	return codes
}

// scan sends bytes as the scanner does.
func (k *kiosk) scan(text string) {
	k.t.Helper()
	for len(text) > 0 {
		n := min(len(text), 4096)
		if _, err := k.scanner.Write([]byte(text[:n])); err != nil {
			k.t.Fatal(err)
		}
		text = text[n:]
	}
}

func (k *kiosk) answers() bool {
	err := exec.Command(program("clinicgate"), "status", "--config", k.config).Run()
	return err == nil
}

// queued tells how many events wait.
func (k *kiosk) queued() uint64 {
	k.t.Helper()
	var s struct {
		Data struct {
			Total struct {
				Queued uint64 `json:"queued"`
			} `json:"total"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(k.must("", "sync", "status", "--json")), &s); err != nil {
		k.t.Fatal(err)
	}
	return s.Data.Total.Queued
}

// anEntry gives the id of a patient who waits.
func (k *kiosk) anEntry() string {
	k.t.Helper()
	var s struct {
		Data struct {
			Entries []struct {
				ID     string `json:"id"`
				Status string `json:"status"`
			} `json:"entries"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(k.must("", "queue", "list", "--json")), &s); err != nil {
		k.t.Fatal(err)
	}
	for _, e := range s.Data.Entries {
		if e.Status == "waiting" {
			return e.ID
		}
	}
	k.t.Fatal("nobody waits")
	return ""
}

// metadata gives what PubNub keeps beside a channel.
func (k *kiosk) metadata(channel string) string {
	k.t.Helper()
	resp, err := http.Get("http://" + k.origin + "/v2/objects/demo/channels/" + channel + "?include=custom&uuid=stranger")
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}
