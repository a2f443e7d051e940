package nfc_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/nfc"
	"clinicgate/devices/simulator"
)

// patience is how long a test waits before it gives up; it is no measurement.
const patience = 20 * time.Second

const code = "CHK1:MFRGGZDFMZTWQ2LK"

func four() []byte   { return []byte{0xDE, 0xAD, 0xBE, 0xEF} }
func seven() []byte  { return []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6} }
func random() []byte { return []byte{0x08, 0x11, 0x22, 0x33} }

// place is a pretended reader, whatever it is attached by.
type place interface {
	Place(*simulator.Card)
	Lift()
	Unplug()
	Plug()
}

// counter is a reader as a gateway runs it.
type counter struct {
	t        *testing.T
	place    place
	nfc      *nfc.NFC
	readings chan devices.Reading
	health   chan devices.Health
	refuse   chan error // one error per reading to refuse
	log      syncBuilder
}

// syncBuilder is a log that two goroutines may write.
type syncBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuilder) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuilder) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, p place, cfg nfc.Config) *counter {
	t.Helper()
	c := &counter{t: t, place: p, readings: make(chan devices.Reading, 64), health: make(chan devices.Health, 64), refuse: make(chan error, 8)}
	cfg.ID, cfg.Codes = "card", []string{"CHK1:", "TKT1:"}
	var err error
	c.nfc, err = nfc.New(cfg, devices.Deps{Log: slog.New(slog.NewTextHandler(&c.log, nil)),
		Health: func(_ context.Context, h devices.Health) { c.health <- h }, HashKey: []byte("test key")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.nfc.Run(ctx, c.sink) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v, want nil after a stop", err)
			}
		case <-time.After(patience):
			t.Error("Run does not stop")
		}
		for _, secret := range []string{"DEADBEEF", "04A1B2C3", code} {
			if strings.Contains(c.log.String(), secret) {
				t.Errorf("log tells %s", secret)
			}
		}
	})
	return c
}

func (c *counter) sink(_ context.Context, r devices.Reading) error {
	select {
	case err := <-c.refuse:
		return err
	default:
	}
	c.readings <- r
	return nil
}

func (c *counter) want(kind string, verdict devices.Verdict, value string) devices.Reading {
	c.t.Helper()
	select {
	case r := <-c.readings:
		if r.Kind != kind || r.Verdict != verdict || r.Value.Reveal() != value || r.Class != devices.NFC || r.Device != "card" ||
			(value == "") != (r.Hash == "") || r.At.IsZero() || (r.Reason == "") != (verdict == devices.Good) {
			c.t.Errorf("reading %+v with %q, want %s %s with %q", r, r.Value.Reveal(), verdict, kind, value)
		}
		return r
	case <-time.After(patience):
		c.t.Fatalf("no reading; %+v", c.nfc.Status())
		return devices.Reading{}
	}
}

func (c *counter) wantHealth(want devices.State) devices.Health {
	c.t.Helper()
	select {
	case h := <-c.health:
		if h.State != want {
			c.t.Fatalf("health %+v, want %s", h, want)
		}
		return h
	case <-time.After(patience):
		c.t.Fatalf("nothing said, want %s; %+v", want, c.nfc.Status())
		return devices.Health{}
	}
}

// lift takes the card away for long enough to be seen.
func (c *counter) lift() {
	c.place.Lift()
	time.Sleep(1500 * time.Millisecond) // fifteen looks; fewer would only fail the test
}

// tapAround goes through what a reader has to do, whatever it is attached by.
func (c *counter) tapAround() {
	c.t.Helper()
	c.wantHealth(devices.Attached)
	c.place.Place(simulator.NewTag(seven(), []byte{0xFE}))
	first := c.want(nfc.CardUID, devices.Good, "04A1B2C3D4E5F6")
	if first.Length != 7 {
		c.t.Errorf("length %d, want 7", first.Length)
	}
	c.lift()
	c.place.Place(simulator.NewCard(four()))
	if other := c.want(nfc.CardUID, devices.Good, "DEADBEEF"); other.Hash == first.Hash {
		c.t.Error("two cards have one hash")
	}
	c.lift()
	c.place.Place(simulator.NewTag(seven(), nil)) // damaged: blocks without an end
	if again := c.want(nfc.CardUID, devices.Good, "04A1B2C3D4E5F6"); again.Hash != first.Hash {
		c.t.Error("one card has two hashes")
	}
	c.lift()
	c.place.Place(simulator.NewTextTag(seven(), code))
	c.want(nfc.NDEFText, devices.Good, code)
	c.lift()
	c.place.Place(simulator.NewTextTag(random(), "TKT1:ABC"))
	c.want(nfc.NDEFText, devices.Good, "TKT1:ABC")
	c.lift()
	c.place.Place(simulator.NewTextTag(seven(), "javascript:alert(1)"))
	c.want(nfc.CardUID, devices.Good, "04A1B2C3D4E5F6")
	c.lift()
	c.place.Place(simulator.NewTag(seven(), []byte{0x03, 9, 0xD1, 1, 5, 'U', 4, 'c', 'h', 'k', '1', 0xFE})) // a link is nothing to us
	c.want(nfc.CardUID, devices.Good, "04A1B2C3D4E5F6")
	c.lift()
	c.place.Place(simulator.NewCard(random()))
	c.want(nfc.CardUID, devices.Refused, "")
	c.lift()

	c.refuse <- errors.New("nobody shows the page")
	c.place.Place(simulator.NewCard(four()))
	for end := time.Now().Add(patience); c.nfc.Status().Counters.Unaccepted != 1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("not counted: %+v", c.nfc.Status())
		}
	}
	c.lift() // what was not accepted is not read again by itself
	c.place.Place(simulator.NewCard(four()))
	c.want(nfc.CardUID, devices.Good, "DEADBEEF")
	c.lift()

	c.place.Unplug()
	if h := c.wantHealth(devices.Lost); h.Reason == "" {
		c.t.Error("lost without a reason")
	}
	back := time.Now()
	c.place.Plug()
	c.wantHealth(devices.Attached)
	c.t.Logf("in use %v after the reader came back", time.Since(back).Round(time.Millisecond))
	c.place.Place(simulator.NewTextTag(seven(), code))
	c.want(nfc.NDEFText, devices.Good, code)
	select { // a card that stays is one tap
	case r := <-c.readings:
		c.t.Errorf("reading %+v of a card that lies there", r)
	case <-time.After(time.Second):
	}
	if n := c.nfc.Status().Counters; n.Refused != 1 || n.Accepted != 10 || n.Losses != 1 || n.Damaged != 0 {
		c.t.Errorf("counters %+v", n)
	}
}

func TestDisabled(t *testing.T) {
	r, err := nfc.New(nfc.Config{ID: "card", Port: "pcsc:", Disabled: true}, devices.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Probe(t.Context()); p.Outcome != devices.Skipped {
		t.Errorf("Probe = %+v", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx, nil); err != nil || r.Status().State != devices.Disabled {
		t.Errorf("Run = %v, %+v", err, r.Status())
	}
}
