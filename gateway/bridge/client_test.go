package bridge_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/mqtt"
	"clinicgate/gateway/bridge"
)

// site is an embedded broker with a listener for the network, that two kiosks and
// some devices know.
type site struct {
	*bridge.Broker
	pki         *authority
	credentials map[string]string
	stop        func()
}

func newSite(t *testing.T, in mqtt.Intake, parties ...bridge.Party) *site {
	t.Helper()
	s := &site{pki: newAuthority(t), credentials: map[string]string{}}
	cert, key := s.pki.issue("broker", false)
	for _, p := range parties {
		s.credentials[p.ID] = bridge.NewCredential()
	}
	var err error
	s.Broker, err = bridge.New(bridge.Config{Site: "main", Kiosk: "lobby-1", Listen: "127.0.0.1:0", LAN: "127.0.0.1:0", Certificate: cert, Key: key, ClientCA: s.pki.file, Clients: parties,
		Credential: func(_ context.Context, id string) ([]byte, bool) {
			text, ok := s.credentials[id]
			return bridge.CredentialSum(id, text), ok
		}}, in, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) serve(t *testing.T) {
	t.Helper()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(s.stop)
}

func (s *site) kiosk(t *testing.T, id string) *bridge.Client {
	t.Helper()
	c, err := bridge.NewClient(bridge.ClientConfig{Broker: "tls://" + s.LANAddr(), ID: id, CAFile: s.pki.file,
		Credentials: func() (string, string) { return id, s.credentials[id] }}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, c *bridge.Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// mail collects what a handler got.
type mail struct {
	mu   sync.Mutex
	got  []string
	fail int // how many to refuse first
	came chan struct{}
}

func newMail(fail int) *mail { return &mail{fail: fail, came: make(chan struct{}, 1000)} }

func (m *mail) take(_ context.Context, topic string, payload []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail > 0 {
		m.fail--
		return errors.New("disk is full")
	}
	m.got = append(m.got, topic+" "+string(payload))
	m.came <- struct{}{}
	return nil
}

func (m *mail) wait(t *testing.T, n int) []string {
	t.Helper()
	limit := time.After(20 * time.Second)
	for range n {
		select {
		case <-m.came:
		case <-limit:
			m.mu.Lock()
			defer m.mu.Unlock()
			t.Fatalf("got %d messages, want %d: %q", len(m.got), n, m.got)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

var kiosks = []bridge.Party{{ID: "lobby-2", Kind: bridge.KindKiosk}, {ID: "lobby-3", Kind: bridge.KindKiosk}}

func publish(t *testing.T, c interface {
	Publish(context.Context, string, []byte) error
}, topic, payload string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Publish(ctx, topic, []byte(payload)); err != nil {
		t.Fatalf("Publish: %v", err)
	}
}

func TestKiosksExchangeThroughTheEmbeddedBroker(t *testing.T) {
	s := newSite(t, nil, kiosks...)
	here, there := newMail(0), newMail(0)
	s.Subscribe("clinicgate/main/x/#", here.take)
	s.serve(t)
	a, b := s.kiosk(t, "lobby-2"), s.kiosk(t, "lobby-3")
	up := make(chan struct{}, 1)
	b.Connected(func() { up <- struct{}{} })
	b.Subscribe("clinicgate/main/x/#", there.take)
	run(t, a)
	run(t, b)
	<-up
	publish(t, a, "clinicgate/main/x/lobby-2/queue", "from 2")
	publish(t, s, "clinicgate/main/x/lobby-1/queue", "from 1")
	got := there.wait(t, 2)
	slices.Sort(got)
	if want := []string{"clinicgate/main/x/lobby-1/queue from 1", "clinicgate/main/x/lobby-2/queue from 2"}; !slices.Equal(got, want) {
		t.Errorf("the third kiosk got %q, want %q", got, want)
	}
	if got := here.wait(t, 1); got[0] != "clinicgate/main/x/lobby-2/queue from 2" {
		t.Errorf("the broker's own kiosk got %q", got)
	}
}

func TestClientLeavesToTheBrokerWhatIsNotDurable(t *testing.T) {
	s := newSite(t, nil, kiosks...)
	s.serve(t)
	a, b := s.kiosk(t, "lobby-2"), s.kiosk(t, "lobby-3")
	there, up := newMail(1), make(chan struct{}, 10)
	b.Subscribe("clinicgate/main/x/#", there.take)
	b.Connected(func() { up <- struct{}{} })
	run(t, a)
	run(t, b)
	<-up
	publish(t, a, "clinicgate/main/x/lobby-2/queue", "one")
	publish(t, a, "clinicgate/main/x/lobby-2/queue", "two")
	got := there.wait(t, 2)
	if want := []string{"clinicgate/main/x/lobby-2/queue one", "clinicgate/main/x/lobby-2/queue two"}; !slices.Equal(got, want) {
		t.Errorf("after a failed handler got %q, want %q", got, want)
	}
	<-up
	if st := b.Status(); st.Failed != 1 || st.Connections != 2 {
		t.Errorf("status %+v, want 1 failed and 2 connections", st)
	}
}

func TestPublishWaitsForAConnectionAndNoLonger(t *testing.T) {
	s := newSite(t, nil, kiosks...)
	s.serve(t)
	c := s.kiosk(t, "lobby-2")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Publish(ctx, "clinicgate/main/x/lobby-2/queue", []byte("x")); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("Publish without Run gave %v, want ErrNotConnected", err)
	}
	s.stop()
	run(t, c)
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := c.Publish(ctx, "clinicgate/main/x/lobby-2/queue", []byte("x")); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("Publish without a broker gave %v, want ErrNotConnected", err)
	}
	if st := c.Status(); st.State != bridge.ClientConnecting || st.Reason == "" || st.Hint == "" {
		t.Errorf("status %+v does not say what is wrong", st)
	}
}

// Of a message that left on a connection that ended before the acknowledgement it is
// not said that there was no connection: the broker may have it.
func TestWhatLeftIsNotCalledUnsent(t *testing.T) {
	broker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	arrived := make(chan byte, 10)
	go func() {
		for {
			c, err := broker.Accept()
			if err != nil {
				return
			}
			packet := make([]byte, 1024)
			_, _ = c.Read(packet)               // CONNECT
			_, _ = c.Write([]byte{32, 2, 0, 0}) // CONNACK
			_, _ = c.Read(packet)
			arrived <- packet[0] >> 4
			_ = c.Close()
		}
	}()
	c, err := bridge.NewClient(bridge.ClientConfig{Broker: "tcp://" + broker.Addr().String(), ID: "lobby-2", Clean: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	run(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = c.Publish(ctx, "clinicgate/main/x/lobby-2/queue", []byte("x"))
	if kind := <-arrived; kind != 3 {
		t.Fatalf("the broker got a packet of type %d, want PUBLISH", kind)
	}
	if err == nil || errors.Is(err, mqtt.ErrNotConnected) || ctx.Err() != nil {
		t.Errorf("Publish = %v, want an error that is not ErrNotConnected", err)
	}
}

func TestNobodyGetsInWithoutProof(t *testing.T) {
	s := newSite(t, nil, kiosks...)
	s.serve(t)
	stranger := s.kiosk(t, "lobby-9")
	run(t, stranger)
	deadline := time.Now().Add(10 * time.Second)
	for stranger.Status().Reason == "" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if st := stranger.Status(); st.Connections != 0 || st.Reason != "the broker does not let this kiosk in" {
		t.Errorf("a stranger's status is %+v", st)
	}
	if s.Status().Logins == 0 {
		t.Error("the broker did not count the failed login")
	}
}

func TestClientCertificateIsProof(t *testing.T) {
	s := newSite(t, nil, kiosks...)
	s.serve(t)
	for id, certificate := range map[string]string{"lobby-2": "lobby-2", "lobby-3": "somebody"} {
		cert, key := s.pki.issue(certificate, false)
		c, err := bridge.NewClient(bridge.ClientConfig{Broker: "tls://" + s.LANAddr(), ID: id, CAFile: s.pki.file, CertificateFile: cert, KeyFile: key}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		run(t, c)
		limit := 2 * time.Second
		if id == certificate {
			limit = 20 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err = c.Publish(ctx, "clinicgate/main/x/"+id+"/queue", []byte("x"))
		cancel()
		if (err == nil) != (id == certificate) {
			t.Errorf("%s with the certificate of %s: %v", id, certificate, err)
		}
	}
}

func TestBrokerInTheClearIsOnThisMachineOnly(t *testing.T) {
	for text, ok := range map[string]bool{"tls://broker.example": true, "tls://10.0.0.5:8884": true, "tcp://127.0.0.1:1883": true, "tcp://[::1]": true, "tcp://localhost": true,
		"tcp://10.0.0.5:1883": false, "tcp://broker.example": false, "ws://127.0.0.1": false, "10.0.0.5:1883": false, "tls://u:p@broker.example": false, "tls://broker.example/x": false, "": false} {
		if _, _, _, err := mqtt.ParseBroker(text); (err == nil) != ok {
			t.Errorf("ParseBroker(%q) gave %v", text, err)
		}
	}
}

// A certificate that one side does not believe is named as what is wrong, and not the
// address.
func TestACertificateThatIsRefusedIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, kiosks...)
	s.serve(t)
	foreign := newAuthority(t)
	cert, key := foreign.issue("lobby-2", false)
	ended := *s.pki
	ended.until = time.Now().Add(-time.Minute)
	pair, err := tls.LoadX509KeyPair(ended.issue("broker", false))
	if err != nil {
		t.Fatal(err)
	}
	late, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = late.Close() })
	go func() {
		for {
			c, err := late.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	for _, c := range []struct {
		cfg          bridge.ClientConfig
		reason, hint string
	}{
		{bridge.ClientConfig{Broker: "tls://" + s.LANAddr(), CAFile: s.pki.file, CertificateFile: cert, KeyFile: key}, "the broker does not accept this kiosk's certificate", "mqtt.broker_certificate"},
		{bridge.ClientConfig{Broker: "tls://" + s.LANAddr(), CAFile: foreign.file}, "the broker's certificate is of an unknown authority", "mqtt.broker_ca_file"},
		{bridge.ClientConfig{Broker: "tls://" + late.Addr().String(), CAFile: s.pki.file}, "the broker's certificate is not valid at this machine's time", "clock"},
	} {
		c.cfg.ID = "lobby-2"
		client, err := bridge.NewClient(c.cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		run(t, client)
		for deadline := time.Now().Add(10 * time.Second); client.Status().Reason == "" && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if st := client.Status(); st.Reason != c.reason || !strings.Contains(st.Hint, c.hint) {
			t.Errorf("status %+v, want %q", st, c.reason)
		}
	}
}
