//go:build e2e

package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/bridge"
)

// mosquitto is a real broker of the test's own, on loopback, with TLS: who comes
// needs a certificate, whose name is the user.
type mosquitto struct {
	t    *testing.T
	pki  *authority
	addr string
	conf string
	run  *exec.Cmd
}

func newMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	address, err := simulator.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{t: t, pki: newAuthority(t), addr: address}
	cert, key := m.pki.issue("broker", false)
	dir := t.TempDir()
	m.conf = filepath.Join(dir, "mosquitto.conf")
	_, port, _ := net.SplitHostPort(m.addr)
	text := fmt.Sprintf("per_listener_settings false\nlistener %s 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\nuse_identity_as_username true\n"+
		"persistence true\npersistence_location %s/\nautosave_on_changes true\nautosave_interval 1\nlog_dest none\n", port, m.pki.file, cert, key, dir)
	if os.Geteuid() == 0 {
		text += "user root\n" // else it gives up its rights and cannot read the test's files
	}
	if err := os.WriteFile(m.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	return m
}

// program finds a program of the package mosquitto; sbin is not in every PATH.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return filepath.Join("/usr/sbin", name)
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.run = exec.Command(program(m.t, "mosquitto"), "-c", m.conf)
	if err := m.run.Start(); err != nil {
		m.t.Fatalf("%v: install mosquitto and mosquitto-clients", err)
	}
	for range 200 {
		if conn, err := net.Dial("tcp", m.addr); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	m.t.Fatal("mosquitto does not listen")
}

func (m *mosquitto) stop() {
	if m.run == nil {
		return
	}
	_ = m.run.Process.Signal(syscall.SIGTERM)
	_ = m.run.Wait()
	m.run = nil
}

// publish is mosquitto_pub: another library, which waits for each PUBACK.
func (m *mosquitto) publish(topic string, messages ...string) {
	m.t.Helper()
	cert, key := m.pki.issue("publisher", false)
	host, port, _ := net.SplitHostPort(m.addr)
	cmd := exec.Command(program(m.t, "mosquitto_pub"), "-h", host, "-p", port, "--cafile", m.pki.file, "--cert", cert, "--key", key, "-q", "1", "-t", topic, "-l")
	cmd.Stdin = strings.NewReader(strings.Join(messages, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
}

func (m *mosquitto) client(id, addr string) *bridge.Client {
	m.t.Helper()
	cert, key := m.pki.issue(id, false)
	c, err := bridge.NewClient(bridge.ClientConfig{Broker: "tls://" + addr, ID: id, CAFile: m.pki.file, CertificateFile: cert, KeyFile: key}, slog.New(slog.DiscardHandler))
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

const xTopic = "clinicgate/main/x/lobby-2/queue"

func numbered(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("message-%04d", i))
	}
	return list
}

func on(topic string, messages []string) []string {
	list := make([]string, len(messages))
	for i, m := range messages {
		list[i] = topic + " " + m
	}
	return list
}

func TestE2EMosquittoOfflineAtStartRestartAndAway(t *testing.T) {
	m := newMosquitto(t)
	box, up := newMail(0), make(chan struct{}, 16)
	listener := func() *bridge.Client {
		c := m.client("lobby-1", m.addr)
		c.Subscribe("clinicgate/main/x/#", box.take)
		c.Connected(func() { up <- struct{}{} })
		return c
	}
	c := listener()
	stop := run(t, c)
	time.Sleep(1500 * time.Millisecond) // it has tried, in vain
	if st := c.Status(); st.State != bridge.ClientConnecting || st.Reason != "the broker cannot be reached" {
		t.Errorf("offline at start: %+v", st)
	}
	m.start()
	<-up
	m.publish(xTopic, numbered(0, 100)...)
	box.wait(t, 100)

	m.stop()
	m.start()
	<-up
	m.publish(xTopic, numbered(100, 200)...)
	box.wait(t, 100)

	// Away, with a broker restart meanwhile: the session holds what was published.
	stop()
	m.publish(xTopic, numbered(200, 250)...)
	m.stop()
	m.start()
	m.publish(xTopic, numbered(250, 300)...)
	run(t, listener())
	<-up
	box.wait(t, 100)
	box.all(t, on(xTopic, numbered(0, 300)))
}

// all waits until everything came, in order; what was handled and not acknowledged
// before a connection ended may come again.
func (m *mail) all(t *testing.T, want []string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		m.mu.Lock()
		got = nil
		for _, s := range m.got {
			if !slices.Contains(got, s) {
				got = append(got, s)
			}
		}
		m.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("got %d messages, not the 300 in order: at %d stands %q", len(got), i, got[i:min(i+5, len(got))])
				break
			}
		}
	}
}

func TestE2EMosquittoSessionTakeover(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	a, b := m.client("lobby-1", m.addr), m.client("lobby-1", m.addr)
	a.Subscribe("clinicgate/main/x/#", newMail(0).take)
	b.Subscribe("clinicgate/main/x/#", newMail(0).take)
	run(t, a)
	run(t, b)
	contended := func(c *bridge.Client) bool {
		st := c.Status()
		return st.State == bridge.ClientContended && strings.Contains(st.Hint, "lobby-1")
	}
	deadline := time.Now().Add(90 * time.Second)
	for !contended(a) && !contended(b) && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	if !contended(a) && !contended(b) {
		t.Fatalf("nobody noticed: %+v %+v", a.Status(), b.Status())
	}
	if n := a.Status().Connections + b.Status().Connections; n > 20 {
		t.Errorf("%d connections: the fight is not slowed down", n)
	}
	t.Logf("noticed after %d connections of both", a.Status().Connections+b.Status().Connections)
}

// Mosquitto that wants certificates lets nobody in without one that it believes, and
// the client says that this is what is wrong.
func TestE2EMosquittoWantsACertificate(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	cert, key := newAuthority(t).issue("lobby-1", false)
	for _, cfg := range []bridge.ClientConfig{{}, {CertificateFile: cert, KeyFile: key}} {
		cfg.Broker, cfg.ID, cfg.CAFile = "tls://"+m.addr, "lobby-1", m.pki.file
		c, err := bridge.NewClient(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		run(t, c)
		// A connection that the broker resets before its alert is read says less; the next says it.
		const refused = "the broker does not accept this kiosk's certificate"
		for deadline := time.Now().Add(20 * time.Second); c.Status().Reason != refused && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if st := c.Status(); st.Reason != refused || st.Connections != 0 {
			t.Errorf("status %+v", st)
		}
	}
}

// relay carries TCP to the broker until it is told to keep what the client says.
type relay struct {
	net.Listener
	mute  atomic.Bool
	conns sync.Map
}

func newRelay(t *testing.T, to string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l}
	t.Cleanup(func() { _ = l.Close(); r.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			r.conns.Store(in, out)
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
			go func() {
				buf := make([]byte, 4096)
				for {
					n, err := in.Read(buf)
					if err != nil {
						_ = out.Close()
						return
					}
					if !r.mute.Load() {
						_, _ = out.Write(buf[:n])
					}
				}
			}()
		}
	}()
	return r
}

// cut ends all connections.
func (r *relay) cut() {
	r.conns.Range(func(in, out any) bool {
		_ = in.(net.Conn).Close()
		_ = out.(net.Conn).Close()
		r.conns.Delete(in)
		return true
	})
}

// A message that was handled, and whose acknowledgement was lost on the way, comes
// again and is not handled again.
func TestE2EMosquittoSendsAgainWhatWasHandled(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	way := newRelay(t, m.addr)
	c := m.client("lobby-1", way.Addr().String())
	box, up := newMail(0), make(chan struct{}, 16)
	c.Subscribe("clinicgate/main/x/#", func(ctx context.Context, topic string, payload []byte) error {
		if string(payload) == "message-0001" {
			way.mute.Store(true) // its acknowledgement, and those after it, go nowhere
		}
		return box.take(ctx, topic, payload)
	})
	c.Connected(func() { up <- struct{}{} })
	run(t, c)
	<-up
	m.publish(xTopic, numbered(0, 3)...)
	box.wait(t, 3)
	time.Sleep(300 * time.Millisecond) // for the acknowledgements to be sent and lost
	way.mute.Store(false)
	way.cut()
	<-up
	m.publish(xTopic, "last")
	got := box.wait(t, 1)
	if want := on(xTopic, []string{"message-0000", "message-0001", "message-0002", "last"}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if st := c.Status(); st.Duplicates < 1 || st.Losses != 1 {
		t.Errorf("status %+v, want duplicates that were dropped", st)
	}
}

// victimOf names the file that the child of TestE2EMosquittoKillBeforeDurable writes.
const victimOf = "BRIDGE_TEST_VICTIM"

// TestVictim is the child process: it takes messages to a file and says so, and
// holds the fifth before it is durable when it is told to.
func TestVictim(t *testing.T) {
	args := strings.Split(os.Getenv(victimOf), "|")
	if len(args) != 6 {
		return // only as a child
	}
	file, err := os.OpenFile(args[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c, err := bridge.NewClient(bridge.ClientConfig{Broker: "tls://" + args[1], ID: "lobby-1", CAFile: args[2], CertificateFile: args[3], KeyFile: args[4]}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	c.Subscribe("clinicgate/main/x/#", func(_ context.Context, _ string, payload []byte) error {
		if n++; n == 5 && args[5] == "hold" {
			fmt.Println("HELD")
			select {}
		}
		if _, err := fmt.Fprintf(file, "%s\n", payload); err != nil {
			return err
		}
		return file.Sync()
	})
	c.Connected(func() { fmt.Println("UP") })
	_ = c.Run(t.Context())
}

func TestE2EMosquittoKillBeforeDurable(t *testing.T) {
	m := newMosquitto(t)
	m.start()
	cert, key := m.pki.issue("lobby-1", false)
	file := filepath.Join(t.TempDir(), "durable")
	child := func(mode string) (*exec.Cmd, *bufio.Scanner) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestVictim$", "-test.timeout", "2m")
		cmd.Env = append(os.Environ(), victimOf+"="+strings.Join([]string{file, m.addr, m.pki.file, cert, key, mode}, "|"))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd, bufio.NewScanner(out)
	}
	says := func(s *bufio.Scanner, word string) {
		for s.Scan() {
			if s.Text() == word {
				return
			}
		}
		t.Fatalf("the child did not say %s", word)
	}
	victim, out := child("hold")
	says(out, "UP")
	m.publish(xTopic, numbered(0, 40)...)
	says(out, "HELD")
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	_, out = child("go")
	says(out, "UP")
	var got []string
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		data, _ := os.ReadFile(file)
		if got = strings.Fields(string(data)); len(got) >= 40 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(got)))
	if !slices.Equal(distinct, numbered(0, 40)) {
		t.Errorf("of 40 acknowledged messages %d are durable", len(distinct))
	}
	t.Logf("durable: %d messages, %d of them twice (handled, and not acknowledged before the kill)", len(distinct), len(got)-len(distinct))
}
