//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/wire"
	"clinicgate/storage/keyring"
)

// clinic is a fictional clinic with the built gateway in a process of its own.
type clinic struct {
	t      *testing.T
	dir    string
	data   string
	config string
	maker  roster.Maker

	process *exec.Cmd
	page    string
	mqtt    string
	ready   time.Duration // from the start of the process until everything serves
	control *control.Client
}

// maximal stop of a gateway before the bench gives up on it
const stopLimit = 30 * time.Second

const clinicConfig = `
[kiosk]
id = "lobby-1"
letter = "A"
site = "main"
organization = "org"
zone = "America/New_York"
languages = ["en"]
[storage]
dir = %q
budget = "4GiB"
[key_source]
kind = "key-file"
file = %q
[pubnub]
origin = %q
secure = false
publish_key = "demo"
subscribe_key = "demo"
[checkin]
early = "12h"
late = "12h"
[web]
listen = "127.0.0.1:0"
[control]
path = %q
[mqtt]
listen = "127.0.0.1:0"
[log]
file = %q
`

func clinicDepartments() []string {
	return []string{"cardiology", "family-medicine", "physiotherapy"}
}

// newClinic makes its files, with more settings if any. The gateway does not run
// yet.
func newClinic(t *testing.T, origin string, more ...string) *clinic {
	t.Helper()
	dir := folder(t)
	c := &clinic{t: t, dir: dir, data: filepath.Join(dir, "data"), config: filepath.Join(dir, "clinicgate.toml")}
	var text strings.Builder
	fmt.Fprintf(&text, clinicConfig, c.data, c.keyFile(), origin, filepath.Join(dir, "sock"), filepath.Join(dir, "log"))
	for _, d := range clinicDepartments() {
		fmt.Fprintf(&text, "[[department]]\nid = %q\nname = { en = %q }\nwhere = { en = \"Blue chairs\" }\n", d, d)
		for _, room := range []string{"1", "2"} {
			fmt.Fprintf(&text, "[[provider]]\nid = \"dr-%s-%s\"\nname = \"Dr. %s\"\ndepartment = %q\nroom = %q\n", d, room, room, d, room)
		}
	}
	text.WriteString(strings.Join(more, ""))
	if err := errors.Join(os.Mkdir(c.data, 0o700), keyring.CreateKeyFile(c.keyFile()), os.WriteFile(c.config, []byte(text.String()), 0o600)); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Create(t.Context(), keyring.Dir(c.data), keyring.KeyFile(c.keyFile()), keyring.Options{Classes: gateway.Classes()})
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	ref := bytes.Repeat([]byte{3}, 32)
	c.maker = roster.Maker{Site: "main", RefKey: ref, Key: signingKey()}
	pub := c.maker.Key.Public().(ed25519.PublicKey)
	secrets, err := json.Marshal([]map[string]string{
		{"kind": "pubnub-cipher", "id": "q1", "value": cipherKey},
		{"kind": "patient-reference", "id": "1", "value": base64.StdEncoding.EncodeToString(ref)},
		{"kind": "ticket", "id": "1", "value": base64.StdEncoding.EncodeToString(ref)},
		{"kind": "appointment-code", "id": wire.KeyID(pub), "value": base64.StdEncoding.EncodeToString(pub)},
	})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := keyring.ParseSecrets(bytes.NewReader(secrets))
	if err == nil {
		err = ring.Import(parsed...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *clinic) keyFile() string { return filepath.Join(c.dir, "key") }

// program is what `make build` made.
func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", "clinicgate"))
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("the gateway's program is not there (%v): make build", err)
	}
	return path
}

// start runs the gateway until everything serves.
func (c *clinic) start() {
	c.t.Helper()
	c.process = exec.Command(program(c.t), "run", "--config", c.config)
	c.process.Stderr = os.Stderr
	out, err := c.process.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	begin := time.Now()
	if err := c.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.kill)
	// It prints where it serves, one line for each listener, control last.
	for lines := bufio.NewScanner(out); lines.Scan(); {
		name, address, _ := strings.Cut(lines.Text(), " ")
		switch address = strings.TrimSpace(address); name {
		case "page":
			c.ready, c.page = time.Since(begin), address
		case "mqtt":
			c.mqtt = address
		case "control":
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			if c.control, err = control.Dial(c.t.Context(), address); err != nil {
				c.t.Fatal(err)
			}
			return
		}
	}
	c.t.Fatal("the gateway ended before it was ready")
}

// stop asks the gateway to end and tells how long that took.
func (c *clinic) stop() time.Duration {
	c.t.Helper()
	c.control.Close()
	begin := time.Now()
	if err := c.process.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	late := time.AfterFunc(stopLimit, func() { _ = c.process.Process.Kill() })
	defer late.Stop()
	if err := c.process.Wait(); err != nil {
		c.t.Fatalf("the gateway did not end well: %v", err)
	}
	took := time.Since(begin)
	c.process = nil
	return took
}

// kill ends it as a power cut ends a process.
func (c *clinic) kill() {
	if c.process == nil {
		return
	}
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
	c.process = nil
}

// memory is what the gateway has in memory. It fails the test on a system that
// does not tell.
func (c *clinic) memory() memory {
	c.t.Helper()
	m, err := memoryOf(c.process.Process.Pid)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// admit puts n patients with an appointment now on the roster and gives their
// codes as a scanner reads them.
func (c *clinic) admit(prefix string, n int) (codes []string) {
	c.t.Helper()
	const most = 100 // in one file
	departments := clinicDepartments()
	for at := 0; at < n; at += most {
		csv := "appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start\n"
		var ids []kiosk.AppointmentID
		for i := at; i < min(at+most, n); i++ {
			id, d := fmt.Sprintf("%s-%d", prefix, i), departments[i%len(departments)]
			ids = append(ids, kiosk.AppointmentID(id))
			csv += fmt.Sprintf("%s,MRN-%s,Fictional,Ada,1950-02-03,%s,dr-%s-1,%s\n", id, id, d, d, time.Now().Format(time.RFC3339))
		}
		ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
		in, err := c.control.RosterImport(ctx, control.RosterImport{List: []byte(csv)})
		cancel()
		if err != nil || len(in.Rejected) > 0 {
			c.t.Fatalf("roster: %+v, %v", in, err)
		}
		for _, id := range ids {
			code, err := c.maker.QR(id, kiosk.Day(in.Days[0]))
			if err != nil {
				c.t.Fatal(err)
			}
			codes = append(codes, code)
		}
	}
	return codes
}
