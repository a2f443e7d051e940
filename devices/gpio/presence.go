package gpio

import (
	"context"
	"time"

	"clinicgate/devices"
)

// The kinds of a presence sensor's readings.
const (
	Present = "present"
	Absent  = "absent"
)

// Presence is a sensor that tells whether somebody stands before the kiosk: a
// motion sensor, a light barrier, a mat. Make one with NewPresence.
type Presence struct{ input }

var _ devices.Device = (*Presence)(nil)

// NewPresence makes a presence sensor. It opens nothing; the error is that of
// Config.Validate.
func NewPresence(cfg Config, deps devices.Deps) (*Presence, error) {
	in, err := newInput(devices.Presence, cfg, deps)
	if err != nil {
		return nil, err
	}
	return &Presence{in}, nil
}

// Run implements devices.Device. Somebody is there at once; nobody is there
// after Hold without anybody, and when the sensor is lost.
func (s *Presence) Run(ctx context.Context, sink devices.Sink) error {
	return s.run(ctx, func(ctx context.Context, p *held, up func(string)) error {
		up(p.where)
		said := false // the last reading was Present
		say := func(kind string) {
			said = kind == Present
			_ = s.link.Deliver(ctx, sink, devices.Reading{Kind: kind, Verdict: devices.Good, At: time.Now()}) // counted; the sink knows its own error
		}
		var seen time.Time
		err := s.follow(ctx, p, func(on bool, now time.Time) error {
			switch {
			case on:
				seen = now
				if !said {
					say(Present)
				}
			case said && now.Sub(seen) >= s.cfg.Hold:
				say(Absent)
			}
			return nil
		})
		if said && ctx.Err() == nil {
			say(Absent)
		}
		return err
	})
}
