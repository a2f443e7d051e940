package scanner

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"
)

// Readings that nothing can be done with may come at this rate; the rest is
// counted as throttled. Real codes have no limit but the sink's own speed.
const (
	unknownPerSecond = 5
	unknownBurst     = 10
)

// judge turns frames into readings, in the same way for every mode.
type judge struct {
	link    *devices.Link
	hashKey []byte
	unknown *rate.Limiter
}

func newJudge(link *devices.Link, deps devices.Deps) judge {
	return judge{link, deps.HashKey, rate.NewLimiter(unknownPerSecond, unknownBurst)}
}

// deliver turns a frame into a reading. A refused frame leaves nothing behind
// but its length and its kind. The error is the sink's, and has been counted.
func (j judge) deliver(ctx context.Context, f Frame, sink devices.Sink) error {
	kind, verdict, reason := Judge(f)
	r := devices.Reading{Kind: string(kind), Verdict: verdict, Reason: reason, Symbology: f.Symbology, Length: f.Length, At: time.Now()}
	if verdict == devices.Good {
		r.Value = phi.New(string(f.Data))
		r.Hash = devices.Fingerprint(j.hashKey, devices.Scanner, f.Data)
	}
	if (kind == Unknown || kind == PaymentCard) && !j.unknown.Allow() {
		j.link.Count(func(c *devices.Counters) { c.Throttled++ })
		return nil
	}
	return j.link.Deliver(ctx, sink, r)
}

func (j judge) countNoise(f *Framer) {
	if n := f.TakeNoise(); n > 0 {
		j.link.Count(func(c *devices.Counters) { c.Noise += n })
	}
}
