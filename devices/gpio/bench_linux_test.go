package gpio

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"

	"clinicgate/devices"
)

// workbench is one pin, and a chip that can be taken away.
type workbench struct {
	*gpiotest.Pin

	mu      sync.Mutex
	missing bool        // guarded by mu
	levels  []change    // guarded by mu: of an output
	begun   time.Time   // of levels
	atStart *gpio.Level // what In finds, if not the pull's level
	heard   []devices.Health
	read    []devices.Reading
}

type change struct {
	at time.Duration
	l  gpio.Level
}

func newBench() *workbench {
	return &workbench{Pin: &gpiotest.Pin{N: "bench", EdgesChan: make(chan gpio.Level, 64)}, begun: time.Now()}
}

func (b *workbench) In(pull gpio.Pull, edge gpio.Edge) error {
	if err := b.Pin.In(pull, edge); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.atStart != nil {
		return b.Pin.Out(*b.atStart)
	}
	return nil
}

func (b *workbench) Out(l gpio.Level) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missing {
		return gone()
	}
	if n := len(b.levels); n == 0 || b.levels[n-1].l != l {
		b.levels = append(b.levels, change{time.Since(b.begun), l})
	}
	return nil
}

func (b *workbench) take(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missing = away
}

func (b *workbench) gone() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missing {
		return gone()
	}
	return nil
}

func (b *workbench) open(Line) (*held, error) {
	if err := b.gone(); err != nil {
		return nil, err
	}
	return &held{PinIO: b, where: "bench", gone: b.gone, close: func() {}}, nil
}

// edges plays levels, each so long after the one before.
func (b *workbench) edges(pause time.Duration, levels ...gpio.Level) {
	for _, l := range levels {
		b.EdgesChan <- l
		time.Sleep(pause)
	}
}

func (b *workbench) deps() devices.Deps {
	return devices.Deps{Log: slog.New(slog.DiscardHandler), Health: func(_ context.Context, h devices.Health) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.heard = append(b.heard, h)
	}}
}

func (b *workbench) sink(_ context.Context, r devices.Reading) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read = append(b.read, r)
	return nil
}

func (b *workbench) kinds() (kinds []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.read {
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

func (b *workbench) health() (said []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.heard {
		s := string(h.State)
		if h.Reason != "" {
			s += ": " + h.Reason
		}
		said = append(said, s)
	}
	return said
}

// runs runs a device in a bubble, waits until it is attached, and calls f.
func runs(t *testing.T, d devices.Device, b *workbench, f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, b.sink) }()
	time.Sleep(2 * time.Second)
	f()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	synctest.Wait()
}
