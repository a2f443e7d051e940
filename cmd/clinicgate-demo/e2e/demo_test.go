//go:build e2e

// Package e2e_test tries the whole product the way other programs meet it: the
// demo runs as a process, and a real browser, the JavaScript SDK, an MQTT client
// and the panel's documented calls use it through its ready file.
//
// It needs Go, Chromium, Node 20 or newer, and npm with a registry. A tool that is
// missing is a failure that names it.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs is where TestMain built the commands.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cge-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "clinicgate/cmd/clinicgate", "clinicgate/cmd/clinicgate-demo")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build: %v\n%s", err, out)
	} else {
		programs = dir
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func program(name string) string { return filepath.Join(programs, name) }

// tool gives the path of a program that the machine must have.
func tool(t *testing.T, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: install %s: %v", name, install, err)
	}
	return path
}

// ready is the demo's ready file, as another program reads it.
type ready struct {
	Kiosk        string   `json:"kiosk"`
	Board        string   `json:"board"`
	Desk         string   `json:"desk"`
	Panel        string   `json:"panel"`
	ActionHeader string   `json:"actionHeader"`
	MQTT         string   `json:"mqtt"`
	Organization string   `json:"organization"`
	Departments  []string `json:"departments"`
	KioskID      string   `json:"kioskId"`
	KioskKey     string   `json:"kioskKey"`
	Scanner      string   `json:"scanner"`
	GatewayPid   int      `json:"gatewayPid"`
	DataDir      string   `json:"dataDir"`
	Config       string   `json:"config"`
	Codes        []struct {
		Scan  string `json:"scan"`
		Typed string `json:"typed"`
	} `json:"codes"`
	PubNub struct {
		Origin       string `json:"origin"`
		PublishKey   string `json:"publishKey"`
		SubscribeKey string `json:"subscribeKey"`
		CipherKey    string `json:"cipherKey"`
		Providers    []struct {
			ID         string `json:"id"`
			Department string `json:"department"`
		} `json:"providers"`
	} `json:"pubnub"`
}

// state is the part of the panel's state that the tests look at.
type state struct {
	GatewayPid int    `json:"gatewayPid"`
	Starts     int    `json:"starts"`
	Limit      string `json:"limit"`
	Used       int64  `json:"used"`
	Budget     int64  `json:"budget"`
	Counts     *struct {
		Accepted    uint64 `json:"accepted"`
		Delivered   uint64 `json:"delivered"`
		Queued      uint64 `json:"queued"`
		Quarantined uint64 `json:"quarantined"`
		Expired     uint64 `json:"expired"`
		Dropped     uint64 `json:"dropped"`
		Unreadable  uint64 `json:"unreadable"`
	} `json:"counts"`
	Balanced bool `json:"balanced"`
	Patients struct {
		CheckedIn int    `json:"checkedIn"`
		Served    int    `json:"served"`
		Failed    int    `json:"failed"`
		Trouble   string `json:"trouble"`
	} `json:"patients"`
	Ledger struct {
		Messages      uint64 `json:"messages"`
		Batches       uint64 `json:"batches"`
		Events        uint64 `json:"events"`
		Duplicates    uint64 `json:"duplicates"`
		Inversions    uint64 `json:"inversions"`
		Missing       uint64 `json:"missing"`
		BadSignatures uint64 `json:"badSignatures"`
		Unreadable    uint64 `json:"unreadable"`
		Plaintext     uint64 `json:"plaintext"`
	} `json:"ledger"`
	Streams map[string]struct {
		Events  uint64 `json:"events"`
		Highest uint64 `json:"highest"`
	} `json:"streams"`
}

// demo is a running clinicgate-demo.
type demo struct {
	t     *testing.T
	dir   string
	ready ready // as it was at the start
	log   *buffer
}

// startDemo runs the demo until the test ends.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	dir, err := os.MkdirTemp("", "cge-") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &demo{t: t, dir: dir, log: &buffer{}}
	file := filepath.Join(dir, "ready.json")
	cmd := exec.Command(program("clinicgate-demo"), append([]string{"--dir", filepath.Join(dir, "d"), "--ready-file", file}, args...)...)
	run(t, cmd, d.log)
	eventually(t, time.Minute, "the demo is ready", func() bool {
		text, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(text, &d.ready) == nil
	})
	return d
}

// run starts a process that ends with the test.
func run(t *testing.T, cmd *exec.Cmd, log *buffer) {
	t.Helper()
	cmd.Stderr = log
	if cmd.Stdout == nil {
		cmd.Stdout = io.Discard
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended with %v", filepath.Base(cmd.Path), err)
			}
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("%s did not stop", filepath.Base(cmd.Path))
		}
		if t.Failed() {
			t.Logf("the end of its log:\n%s", log.tail(60))
		}
	})
}

// state asks the panel.
func (d *demo) state() state {
	d.t.Helper()
	var s state
	d.fetch(d.ready.Panel+"/state", &s)
	return s
}

// counted is state once the gateway gave its counts, which a busy one gives too late for
// a single look.
func (d *demo) counted() (s state) {
	d.t.Helper()
	eventually(d.t, time.Minute, "the gateway's counts", func() bool { s = d.state(); return s.Counts != nil })
	return s
}

func (d *demo) fetch(url string, into any) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 15*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		d.t.Fatalf("%s: status %d, %v", url, resp.StatusCode, err)
	}
}

// act does one action of the panel.
func (d *demo) act(name, parameters string) string {
	d.t.Helper()
	said, err := d.tryAct(name, parameters)
	if err != nil {
		d.t.Fatal(err)
	}
	return said
}

func (d *demo) tryAct(name, parameters string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), 310*time.Second) // the panel itself ends an action before
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.ready.Panel+"/action/"+name, strings.NewReader(parameters))
	if err != nil {
		return "", err
	}
	r.Header.Set("X-Demo-Action", d.ready.ActionHeader)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("action %s %s: %s", name, parameters, text)
	}
	return string(text), err
}

// arrive lets n more patients check in by themselves.
func (d *demo) arrive(n int, within time.Duration) {
	d.t.Helper()
	before := d.state().Patients.CheckedIn
	d.act("auto", `{"perMinute":600}`)
	var s state
	eventually(d.t, within, fmt.Sprintf("%d patients check in", n), func() bool {
		s = d.state()
		return s.Patients.CheckedIn >= before+n
	})
	d.act("auto", `{"perMinute":0}`)
}

// settled waits until PubNub has everything, and gives that state.
func (d *demo) settled(within time.Duration) (s state) {
	d.t.Helper()
	still := 0
	eventually(d.t, within, "nothing is queued", func() bool {
		last := s
		s = d.state()
		if s.Counts == nil || s.Counts.Queued > 0 || last.Counts == nil || s.Ledger.Events != s.Counts.Delivered || *s.Counts != *last.Counts {
			still = 0
			return false
		}
		still++
		return still >= 3
	})
	return s
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(within)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("never within %s: %s", within, what)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// soon looks until there is enough, for a minute; what was seen last is then judged.
func soon(enough func() bool) {
	for end := time.Now().Add(time.Minute); !enough() && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
	}
}

// buffer keeps what processes write.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.text.Bytes())
}

func (b *buffer) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(string(b.bytes())), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
