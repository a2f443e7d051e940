package devices_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"
)

// bench runs a Link over hardware that the test plugs and unplugs, in virtual
// time.
type bench struct {
	link   *devices.Link
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	plugged chan struct{} // closed by unplug; nil while unplugged
	tries   int
	said    []devices.Health
}

func newBench(t *testing.T, deps devices.Deps) *bench {
	b := &bench{done: make(chan error, 1)}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Health == nil {
		deps.Health = func(_ context.Context, h devices.Health) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.said = append(b.said, h)
		}
	}
	b.link = devices.NewLink(devices.Info{ID: "front", Class: devices.Scanner, Binding: "usb:1234:5678"}, deps)
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.done <- b.link.Run(ctx, b.attach) }()
	return b
}

func (b *bench) attach(ctx context.Context, up func(string)) error {
	b.mu.Lock()
	b.tries++
	plugged := b.plugged
	b.mu.Unlock()
	if plugged == nil {
		return &devices.Fault{Reason: "not plugged in", Hint: "plug it in"}
	}
	up("/dev/ttyACM0")
	select {
	case <-plugged:
		return &devices.Fault{Reason: "unplugged"}
	case <-ctx.Done():
		return nil
	}
}

func (b *bench) plug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plugged = make(chan struct{})
}

func (b *bench) unplug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.plugged)
	b.plugged = nil
}

func (b *bench) stop(t *testing.T) {
	t.Helper()
	b.cancel()
	if err := <-b.done; err != nil {
		t.Errorf("Run = %v, want nil after a stop", err)
	}
	if got := b.link.Status().State; got != devices.Stopped {
		t.Errorf("state after a stop = %s", got)
	}
}

func (b *bench) states() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var s []string
	for _, h := range b.said {
		s = append(s, string(h.State)+"("+h.Reason+h.Where+")")
	}
	return strings.Join(s, " ")
}

func TestLossIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, devices.Deps{})
		time.Sleep(time.Hour)
		if got := b.states(); got != "lost(not plugged in)" {
			t.Errorf("said %q after an hour without the device", got)
		}
		if b.tries < 3600 || b.tries > 3600*5 {
			t.Errorf("%d attempts in an hour, want about one a second", b.tries)
		}
		b.plug()
		time.Sleep(3 * time.Second)
		st := b.link.Status()
		if st.State != devices.Attached || st.Where != "/dev/ttyACM0" || st.Reason != "" || st.Counters.Attachments != 1 {
			t.Errorf("3 s after plugging in: %+v", st)
		}
		time.Sleep(time.Minute)
		b.unplug()
		time.Sleep(time.Minute)
		st = b.link.Status()
		if st.State != devices.Lost || st.Reason != "not plugged in" || st.Hint != "plug it in" || st.Counters.Losses != 1 {
			t.Errorf("after unplugging: %+v", st)
		}
		if since := time.Since(st.Since); since < 59*time.Second {
			t.Errorf("lost since %v, want since the loss", since)
		}
		b.stop(t)
		want := "lost(not plugged in) attached(/dev/ttyACM0) lost(unplugged)"
		if got := b.states(); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
		if h := b.said[1]; h.ID != "front" || h.Class != devices.Scanner || h.At.IsZero() {
			t.Errorf("health = %+v", h)
		}
	})
}

func TestStopIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, devices.Deps{})
		b.plug()
		time.Sleep(3 * time.Second)
		b.stop(t)
		if c := b.link.Status().Counters; c.Losses != 0 {
			t.Errorf("counters %+v, want no loss", c)
		}
		if got := b.states(); strings.Count(got, "lost") > 1 || !strings.HasSuffix(got, "attached(/dev/ttyACM0)") {
			t.Errorf("said %q", got)
		}
	})
}

// A loose cable is in use for as long as it holds, and does not fill the
// store.
func TestFlappingIsSaidRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, devices.Deps{})
		const flaps = 500
		for range flaps {
			b.plug()
			time.Sleep(2 * time.Second)
			if st := b.link.Status(); st.State != devices.Attached {
				t.Fatalf("not in use 2 s after plugging in: %+v", st)
			}
			b.unplug()
			time.Sleep(2 * time.Second)
		}
		b.mu.Lock()
		said := len(b.said)
		b.mu.Unlock()
		if said > 8 {
			t.Errorf("%d flaps were said %d times", flaps, said)
		}
		if c := b.link.Status().Counters; c.Attachments != flaps || c.Losses != flaps {
			t.Errorf("counters %+v, want %d attachments and losses", c, flaps)
		}
		b.plug()
		time.Sleep(20 * time.Second)
		if got := b.states(); !strings.HasSuffix(got, "attached(/dev/ttyACM0)") {
			t.Errorf("said %q, want attached at last", got)
		}
		time.Sleep(time.Minute)
		b.unplug()
		time.Sleep(2 * time.Second)
		b.plug()
		time.Sleep(2 * time.Second)
		if got := b.states(); !strings.HasSuffix(got, "attached(/dev/ttyACM0) lost(unplugged) attached(/dev/ttyACM0)") {
			t.Errorf("said %q, want at once again after it held", got)
		}
		b.stop(t)
	})
}

// The audit log may wait for a disk; a device that comes back does not.
func TestSlowHealthDoesNotHoldTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []devices.State
		b := newBench(t, devices.Deps{Health: func(ctx context.Context, h devices.Health) {
			said = append(said, h.State)
			<-ctx.Done()
		}})
		time.Sleep(time.Second) // the loss is being said
		for range 3 {
			b.plug()
			time.Sleep(2 * time.Second)
			if st := b.link.Status(); st.State != devices.Attached {
				t.Errorf("2 s after plugging in, with Health waiting: %+v", st)
			}
			b.unplug()
			time.Sleep(2 * time.Second)
		}
		b.plug()
		time.Sleep(time.Minute)
		b.stop(t)
		if len(said) < 2 || said[0] != devices.Lost || said[len(said)-1] != devices.Attached {
			t.Errorf("said %v, want the first loss, and the state at the end", said)
		}
	})
}

func TestPanicOfADriverIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		link := devices.NewLink(devices.Info{ID: "x"}, devices.Deps{Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		tries := 0
		if err := link.Run(ctx, func(context.Context, func(string)) error {
			tries++
			panic("read Ada Fictional")
		}); err != nil {
			t.Errorf("Run = %v", err)
		}
		if tries < 5 {
			t.Errorf("%d attempts, want it to go on", tries)
		}
		if !strings.Contains(log.String(), "device code panicked") || strings.Contains(log.String(), "Ada") {
			t.Errorf("log must tell of the panic and not quote it:\n%s", log.String())
		}
	})
}

func TestDeliverCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := devices.NewLink(devices.Info{ID: "front", Class: devices.Scanner}, devices.Deps{Log: slog.New(slog.DiscardHandler)})
		at := time.Now()
		var got devices.Reading
		ok := func(_ context.Context, r devices.Reading) error { got = r; return nil }
		refuse := func(context.Context, devices.Reading) error { return errors.New("store is full") }
		hang := func(ctx context.Context, _ devices.Reading) error { <-ctx.Done(); return ctx.Err() }

		if err := link.Deliver(t.Context(), ok, devices.Reading{Verdict: devices.Good, Value: phi.New("v"), At: at}); err != nil {
			t.Errorf("Deliver = %v", err)
		}
		if got.Device != "front" || got.Class != devices.Scanner || got.Value.Reveal() != "v" {
			t.Errorf("sink got %+v", got)
		}
		if err := link.Deliver(t.Context(), refuse, devices.Reading{Verdict: devices.Damaged}); err == nil {
			t.Error("Deliver hides that the sink refused")
		}
		if err := link.Deliver(t.Context(), hang, devices.Reading{Verdict: devices.Refused}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Deliver to a sink that hangs = %v, want a deadline", err)
		}
		st := link.Status()
		if want := (devices.Counters{Accepted: 1, Unaccepted: 2, Damaged: 1, Refused: 1}); st.Counters != want {
			t.Errorf("counters %+v, want %+v", st.Counters, want)
		}
		if !st.LastReading.Equal(at) {
			t.Errorf("last reading %v, want the accepted one", st.LastReading)
		}
	})
}
