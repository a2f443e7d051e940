package bridge_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/gateway/bridge"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// with gives the client a certificate.
func (a *attacked) with(t *testing.T, certificate, key string) func(*paho.ClientOptions) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *paho.ClientOptions) { o.TLSConfig.Certificates = []tls.Certificate{pair} }
}

// TestCertificates: over the network only a certificate of the clinic's authority, in
// the client's own name and of this day, is a proof; what is none is counted.
func TestCertificates(t *testing.T) {
	t.Parallel()
	a := newAttacked(t)
	foreign := newAuthority(t)
	ended := *a.pki
	ended.until = time.Now().Add(-time.Minute)
	refused := int64(0)
	for name, c := range map[string]struct {
		pki            *authority
		in, user, with string // whose name is in the certificate, who comes, with what
		ok             bool
	}{
		"its own":                                 {a.pki, "taken", "", "", true},
		"ended":                                   {&ended, "taken", "", "", false},
		"ended, and its credential":               {&ended, "taken", "taken", a.credentials["taken"], false},
		"of a foreign authority":                  {foreign, "taken", "", "", false},
		"of a foreign authority, and credential":  {foreign, "taken", "taken", a.credentials["taken"], false},
		"of another device":                       {a.pki, "honest", "", "", false},
		"of another device, and this one's words": {a.pki, "honest", "taken", a.credentials["taken"], false},
		"of nobody":                               {a.pki, "somebody", "", "", false},
	} {
		cert, key := c.pki.issue(c.in, false)
		client, err := a.connect("taken", c.user, c.with, "127.0.0.3", a.with(t, cert, key))
		if (err == nil) != c.ok {
			t.Errorf("a certificate %s: %v", name, err)
		}
		if err == nil {
			client.Disconnect(10)
		} else {
			refused++
		}
	}
	a.counted(t, fmt.Sprint(refused, " were refused"), func(st bridge.BrokerStatus) bool { return st.Logins == refused })
	if n := a.Status().HalfOpen; n != 0 {
		t.Errorf("%d half-open were counted", n)
	}
	a.undisturbed(t)
}

// Another kiosk of the site says how its own devices are, tells them what to do, and
// retains that; not in another's name, and nothing of the exchange.
func TestAKioskSpeaksForItsOwnDevices(t *testing.T) {
	t.Parallel()
	a := newAttacked(t)
	for _, c := range []struct {
		topic    string
		retained bool
		ok       bool
	}{
		{"clinicgate/main/x/lobby-2/queue", false, true},
		{"clinicgate/main/health/lobby-2/lamp", true, true},
		{"clinic/main/lobby-2/display/tv-1/command", true, true},
		{"clinicgate/main/x/lobby-2/queue", true, false},
		{"clinicgate/main/health/lobby-1/lamp", true, false},
		{"clinicgate/main/health/lobby-2/lamp/more", true, false},
		{"clinic/main/lobby-1/display/tv-1/command", false, false},
		{"clinic/main/lobby-2/button/wc/event", false, false},
		{honestTopic, false, false},
	} {
		client, err := a.connect("lobby-2", "lobby-2", a.credentials["lobby-2"], "127.0.0.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		token := client.Publish(c.topic, 1, c.retained, `{"v":1}`)
		limit := time.Second
		if c.ok {
			limit = 20 * time.Second
		}
		if got := token.WaitTimeout(limit) && token.Error() == nil && client.IsConnectionOpen(); got != c.ok {
			t.Errorf("%s, retained %v: acknowledged %v", c.topic, c.retained, got)
		}
		client.Disconnect(10)
		// One that comes while it is still there takes over, which it may not always do.
		a.counted(t, "the kiosk has gone", func(s bridge.BrokerStatus) bool { return s.Connected == 1 })
	}
	a.undisturbed(t)
}

// hello is the first thing that a TLS client says.
func hello(t *testing.T) []byte {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	go func() { _ = tls.Client(here, &tls.Config{ServerName: "localhost"}).Handshake() }()
	b := make([]byte, 16<<10)
	n, err := there.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b[:n])
}

// TestAbuseOverTheNetwork lets everybody loose at once, over TLS, each from an address
// of its own, while one device goes on. Each is refused and counted, none disturbs it,
// and neither connections nor memory grow beyond their bounds.
func TestAbuseOverTheNetwork(t *testing.T) {
	t.Parallel()
	a := newAttacked(t)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	idle, most := m.HeapAlloc, m.HeapAlloc
	first := hello(t)
	text, err := os.ReadFile(a.pki.file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	foreignCert, foreignKey := newAuthority(t).issue("taken", false)
	foreign := a.with(t, foreignCert, foreignKey)
	captured := `{"v":1,"id":"01890000-0000-7000-8000-00000000c0de","event":"press"}`

	// dial comes from an address and keeps the connection open to the test's end.
	dial := func(from string) net.Conn {
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}).Dial("tcp", a.LANAddr())
		if err != nil {
			return nil
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	// as connects the device that was taken over; it may be refused for coming too often.
	as := func(from string, change func(*paho.ClientOptions), do func(c paho.Client)) {
		c, err := a.connect("taken", "taken", a.credentials["taken"], from, change)
		if err != nil {
			return
		}
		do(c)
		c.Disconnect(10)
	}
	publishes := func(topic, payload string, retain bool) func(paho.Client) {
		return func(c paho.Client) { c.Publish(topic, 1, retain, payload).WaitTimeout(500 * time.Millisecond) }
	}
	attacks := []func(){
		func() { // TCP, and nothing said
			for range 24 {
				dial("127.0.0.11")
			}
		},
		func() { // TLS begun, and left
			for i := range 24 {
				if c := dial("127.0.0.12"); c != nil {
					_, _ = c.Write(first[:len(first)*(i%3+1)/3])
				}
			}
		},
		func() { // TLS, and no CONNECT
			// All at once: those that come after the broker ended the first would not
			// be too many.
			var all []net.Conn
			for range 24 {
				if c := dial("127.0.0.13"); c != nil {
					all = append(all, c)
				}
			}
			for _, c := range all {
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				_ = tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "localhost"}).Handshake()
			}
		},
		func() { // no TLS at all
			for range 8 {
				if c := dial("127.0.0.14"); c != nil {
					_, _ = c.Write([]byte("\x10\x10\x00\x04MQTT\x04\x02\x00\x1e\x00\x05taken"))
				}
			}
		},
		func() {
			for i := range 12 {
				_, _ = a.connect("taken", "taken", bridge.NewCredential(), "127.0.0.15", nil)
				_, _ = a.connect("honest", "honest", a.credentials["taken"], "127.0.0.15", nil)
				if i < 4 {
					_, _ = a.connect("taken", "", "", "127.0.0.16", foreign)
				}
			}
		},
		func() {
			as("127.0.0.17", nil, publishes(honestTopic, `{"spoofed":true}`, false))
			as("127.0.0.17", nil, func(c paho.Client) { c.Subscribe("#", 1, nil).WaitTimeout(500 * time.Millisecond) })
			for range 4 {
				as("127.0.0.17", nil, publishes("clinic/main/lobby-1/button/taken/event", strings.Repeat("x", 256<<10), false))
			}
			as("127.0.0.17", nil, func(c paho.Client) {
				for range 50 {
					publishes("clinic/main/lobby-1/button/taken/event", captured, false)(c)
				}
			})
			as("127.0.0.17", nil, func(c paho.Client) {
				for i := range 60 {
					publishes(fmt.Sprintf("clinic/main/lobby-1/class-%d/taken/state", i), `{"v":1,"state":"ok"}`, true)(c)
				}
			})
			for i := range 40 {
				_, _ = a.connect("taken", "taken", a.credentials["taken"], "127.0.0.17", func(o *paho.ClientOptions) {
					o.SetWill("clinic/main/lobby-1/button/taken/state", fmt.Sprintf(`{"v":1,"state":"lost","n":%d}`, i), 1, true)
				})
			}
		},
	}
	var wg sync.WaitGroup
	for _, f := range attacks {
		wg.Go(f)
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	for served, running := 0, true; running || served < 20; served++ {
		a.undisturbed(t)
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
		if n := a.Status().Connected; n > 512 {
			t.Errorf("%d connections", n)
		}
		select {
		case <-over:
			running = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	for deadline := time.Now().Add(30 * time.Second); a.Status().HalfOpen < 24+8 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	a.undisturbed(t)
	st := a.Status()
	t.Logf("%d messages served beside it; heap %d KiB more at most; %+v", a.sent, (most-idle)>>10, st)
	for what, enough := range map[string]bool{
		"half-open connections turned off":    st.TurnedOff >= 3*(24-8),
		"half-open connections ended":         st.HalfOpen >= 3*8+8,
		"failed logins, certificates too":     st.Logins >= 24+4,
		"forbidden messages and wills":        st.Refused >= 3,
		"connections that came too often":     st.TooOften > 0,
		"takeovers of one id":                 st.Takeovers > 0,
		"retained messages, and no more":      st.Retained > 0 && st.Retained <= 33,
		"when it was":                         time.Since(st.Abused) < time.Minute,
		"heap of this process, attackers too": most-idle < 64<<20,
	} {
		if !enough {
			t.Errorf("%s: %+v", what, st)
		}
	}
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	for _, m := range a.in.got {
		if len(m.Payload) > 16<<10 || m.Client != "taken" && m.Client != "honest" || m.Client == "taken" && m.Topic == honestTopic {
			t.Errorf("taken from %s: %d bytes on %s", m.Client, len(m.Payload), m.Topic)
		}
	}
}
