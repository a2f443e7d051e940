package gpio

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"clinicgate/devices"
)

// Pressed is the kind of a button's reading.
const Pressed = "pressed"

// stuckAfter is how long a person may hold a button down. A button that is held
// longer has something leaning on it or a short circuit, and calls nobody.
const stuckAfter = 30 * time.Second

// Presses beyond this rate are counted as throttled: nobody needs them, the
// first one has called.
const (
	pressesPerSecond = 2
	pressesBurst     = 5
)

// Button is a push button. Make one with NewButton.
type Button struct {
	input
	rate  *rate.Limiter
	stuck bool // owned by Run: it was lost for being held down, and must be let go first
}

var _ devices.Device = (*Button)(nil)

// NewButton makes a button. It opens nothing; the error is that of
// Config.Validate.
func NewButton(cfg Config, deps devices.Deps) (*Button, error) {
	in, err := newInput(devices.Button, cfg, deps)
	if err != nil {
		return nil, err
	}
	return &Button{input: in, rate: rate.NewLimiter(pressesPerSecond, pressesBurst)}, nil
}

// Run implements devices.Device. A button that is down when it is attached has
// not been pressed: nobody knows since when.
func (b *Button) Run(ctx context.Context, sink devices.Sink) error {
	return b.run(ctx, func(ctx context.Context, p *held, up func(string)) error {
		var downSince time.Time // zero: it is up
		attached := false
		return b.follow(ctx, p, func(on bool, now time.Time) error {
			if b.stuck && on {
				return errStuck()
			}
			b.stuck = false
			if !attached {
				up(p.where)
			}
			switch {
			case !on:
				downSince = time.Time{}
			case downSince.IsZero():
				downSince = now
				if attached {
					b.press(ctx, sink, now)
				}
			case now.Sub(downSince) >= stuckAfter:
				b.stuck = true
				return errStuck()
			}
			attached = true
			return nil
		})
	})
}

func errStuck() error {
	return &devices.Fault{Reason: "button is stuck", Hint: "look what holds it down, then for a short circuit in its cable; if nobody ever pressed it, set active"}
}

func (b *Button) press(ctx context.Context, sink devices.Sink, at time.Time) {
	if !b.rate.Allow() {
		b.link.Count(func(c *devices.Counters) { c.Throttled++ })
		return
	}
	_ = b.link.Deliver(ctx, sink, devices.Reading{Kind: Pressed, Verdict: devices.Good, At: at}) // counted; the sink knows its own error
}
