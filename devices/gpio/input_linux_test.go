package gpio

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"clinicgate/devices"
)

func button(t *testing.T, b *workbench, cfg Config) *Button {
	t.Helper()
	cfg.ID, cfg.Line = "help", "gpio:bench/1"
	d, err := NewButton(cfg, b.deps())
	if err != nil {
		t.Fatal(err)
	}
	d.open = b.open
	return d
}

func wantKinds(t *testing.T, b *workbench, want ...string) {
	t.Helper()
	if got := b.kinds(); !slices.Equal(got, want) {
		t.Errorf("readings %v, want %v", got, want)
	}
}

// A press with bouncing contacts at both ends is one reading; what is shorter
// than the bouncing is none.
func TestButtonBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		runs(t, button(t, b, Config{}), b, func() {
			b.edges(2*time.Millisecond, gpio.Low, gpio.High, gpio.Low, gpio.High, gpio.Low)
			time.Sleep(100 * time.Millisecond)
			wantKinds(t, b, Pressed)
			b.edges(2*time.Millisecond, gpio.High, gpio.Low, gpio.High)
			time.Sleep(time.Second)
			wantKinds(t, b, Pressed)
			b.edges(5*time.Millisecond, gpio.Low, gpio.High) // a spark
			time.Sleep(time.Second)
			wantKinds(t, b, Pressed)
			b.edges(300*time.Millisecond, gpio.Low, gpio.High)
			wantKinds(t, b, Pressed, Pressed)
		})
	})
}

// The same at the other level, which is a matter of configuration.
func TestButtonActiveHigh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		runs(t, button(t, b, Config{Active: "high"}), b, func() {
			b.Lock()
			if b.P != gpio.PullDown {
				t.Errorf("pull %v, want down", b.P)
			}
			b.Unlock()
			b.edges(100*time.Millisecond, gpio.High, gpio.Low)
			wantKinds(t, b, Pressed)
		})
	})
}

// Held down for minutes, it has called once; then it is a fault, said once, and
// works again when it is let go.
func TestButtonHeldDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		d := button(t, b, Config{})
		low := gpio.Low
		b.atStart = &low // the button is down from the start
		runs(t, d, b, func() {
			wantKinds(t, b)
			if st := d.Status(); st.State != devices.Attached {
				t.Fatalf("state %s, want attached", st.State)
			}
			time.Sleep(stuckAfter)
			if st := d.Status(); st.State != devices.Lost || st.Reason != "button is stuck" || st.Hint == "" {
				t.Errorf("status %+v, want lost, with reason and hint", st)
			}
			time.Sleep(10 * time.Minute)
			if got, want := b.health(), []string{"attached", "lost: button is stuck"}; !slices.Equal(got, want) {
				t.Errorf("health %v, want %v", got, want)
			}
			b.mu.Lock()
			b.atStart = nil // let go
			b.mu.Unlock()
			time.Sleep(3 * time.Second)
			if st := d.Status(); st.State != devices.Attached {
				t.Errorf("state %s after it was let go, want attached", st.State)
			}
			b.edges(100*time.Millisecond, gpio.Low, gpio.High)
			wantKinds(t, b, Pressed)
		})
	})
}

// Somebody leans on it while the service starts, and lets go: that was no press, and
// the next one is.
func TestButtonDownAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		d := button(t, b, Config{})
		low := gpio.Low
		b.atStart = &low
		runs(t, d, b, func() {
			time.Sleep(stuckAfter / 2)
			b.edges(100*time.Millisecond, gpio.High)
			wantKinds(t, b)
			b.edges(100*time.Millisecond, gpio.Low, gpio.High)
			wantKinds(t, b, Pressed)
			if got := b.health(); !slices.Equal(got, []string{"attached"}) {
				t.Errorf("health %v, want no loss", got)
			}
		})
	})
}

// A line that nothing pulls is a loss, and no flood of readings.
func TestButtonChatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		d := button(t, b, Config{})
		runs(t, d, b, func() {
			for range 400 {
				b.edges(10*time.Millisecond, gpio.Low, gpio.High)
			}
			if got := b.health(); !slices.Contains(got, "lost: line does not settle") || len(got) > 8 {
				t.Errorf("health %v, want a few times that the line does not settle", got)
			}
			if n := len(b.kinds()); n > 0 {
				t.Errorf("%d readings, want none", n)
			}
		})
	})
}

// Somebody who drums on it calls, and does not fill the store.
func TestButtonDrummed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		d := button(t, b, Config{})
		runs(t, d, b, func() {
			for range 100 {
				b.edges(50*time.Millisecond, gpio.Low, gpio.High)
			}
			c := d.Status().Counters
			if c.Accepted == 0 || c.Accepted > pressesBurst+pressesPerSecond*11 || c.Accepted+c.Throttled != 100 {
				t.Errorf("counters %+v, want each of 100 presses counted, at most 2 a second accepted", c)
			}
		})
	})
}

func TestButtonChipAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		d := button(t, b, Config{})
		runs(t, d, b, func() {
			b.take(true)
			time.Sleep(5 * time.Second)
			if st := d.Status(); st.State != devices.Lost || st.Hint == "" {
				t.Errorf("status %+v, want lost with a hint", st)
			}
			b.take(false)
			time.Sleep(3 * time.Second)
			b.edges(100*time.Millisecond, gpio.Low, gpio.High)
			wantKinds(t, b, Pressed)
			if c := d.Status().Counters; c.Attachments != 2 || c.Losses != 1 {
				t.Errorf("counters %+v, want two attachments and a loss", c)
			}
		})
	})
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		d, err := NewPresence(Config{ID: "front", Line: "gpio:bench/1", Hold: 5 * time.Second}, b.deps())
		if err != nil {
			t.Fatal(err)
		}
		d.open = b.open
		runs(t, d, b, func() {
			wantKinds(t, b)
			b.edges(2*time.Second, gpio.High, gpio.Low, gpio.High, gpio.Low) // a motion sensor that sees her move now and then
			wantKinds(t, b, Present)
			time.Sleep(5 * time.Second)
			wantKinds(t, b, Present, Absent)
			b.edges(2*time.Second, gpio.High)
			b.take(true)
			time.Sleep(time.Second)
			wantKinds(t, b, Present, Absent, Present, Absent) // nobody knows any more
		})
	})
}
