package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/gateway/bridge"
	"clinicgate/gateway/control"
)

// observatory holds what devices said lately, without what was read, while
// somebody watches.
type observatory struct {
	mu    sync.Mutex
	list  []control.DeviceSeen // guarded by mu: the newest
	last  uint64               // guarded by mu: how many there were
	until time.Time            // guarded by mu: nobody watches after that
	wake  chan struct{}        // guarded by mu; closed when something comes

	topic string             // guarded by mu: what is listened to beside the own topics
	stop  context.CancelFunc // guarded by mu; ends that
	idle  *time.Timer        // guarded by mu; calls stop
}

const (
	maxObserved  = 256
	watchHeld    = time.Minute // after the last question
	watchAnswers = 64          // of one question
)

func newObservatory() *observatory { return &observatory{wake: make(chan struct{})} }

func (o *observatory) note(s control.DeviceSeen) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	if o.list = append(o.list, s); len(o.list) > maxObserved {
		o.list = o.list[len(o.list)-maxObserved:]
	}
	close(o.wake)
	o.wake = make(chan struct{})
}

func (o *observatory) watching() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Before(o.until)
}

// expect keeps what is said for who is about to ask.
func (o *observatory) expect(wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until = time.Now().Add(wait + watchHeld)
}

// next gives what was seen after a number and fits, waiting for the first.
func (o *observatory) next(ctx context.Context, in control.DeviceWatch, wait time.Duration) (control.DeviceWatched, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	o.expect(wait)
	o.mu.Lock()
	if in.After == 0 || in.After > o.last {
		in.After = o.last
	}
	o.mu.Unlock()
	out := control.DeviceWatched{Seen: []control.DeviceSeen{}, Next: in.After}
	for {
		o.mu.Lock()
		wake := o.wake
		oldest := o.last - uint64(len(o.list)) // the number before the first that is held
		out.Missed = out.Missed || out.Next < oldest
		for n := max(out.Next, oldest); n < o.last && len(out.Seen) < watchAnswers; n++ {
			s := o.list[n-oldest]
			if (in.ID == "" || in.ID == s.Device) && (in.Topic == "" || s.Topic != "" && mqtt.Covers(in.Topic, s.Topic)) {
				out.Seen = append(out.Seen, s)
			}
			out.Next = n + 1
		}
		o.mu.Unlock()
		if len(out.Seen) > 0 {
			return out, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return out, nil
		}
	}
}

// observed is reading for the sink of the devices.
func (g *Gateway) observed(ctx context.Context, r devices.Reading) error {
	err := g.reading(ctx, r)
	if g.watched.watching() {
		s := control.DeviceSeen{At: g.trusted(r.At), Device: string(r.Device), Class: string(r.Class), Kind: r.Kind, Verdict: string(r.Verdict), Why: r.Reason, Length: r.Length, Accepted: err == nil}
		if err != nil {
			s.Why = "was not taken"
		}
		g.watched.note(s)
	}
	return err
}

// deviceMessage takes what an MQTT device said. It returns when it is durable; then
// the device gets its acknowledgement. While everything ends there is nobody for it: it
// gets none, and says it again.
func (g *Gateway) deviceMessage(ctx context.Context, m mqtt.Message) error {
	if g.running.Err() != nil {
		<-ctx.Done() // an error would cut off a device that is yet to be told something
		return ctx.Err()
	}
	err := g.station.Take(ctx, m)
	g.sawMessage(m, err)
	return err
}

func (g *Gateway) sawMessage(m mqtt.Message, err error) {
	if !g.watched.watching() {
		return
	}
	s := control.DeviceSeen{At: g.clock.Now().Wall, Topic: m.Topic, Retained: m.Retained, Length: len(m.Payload), Shape: mqtt.Shape(m.Payload), Read: g.station.Explain(m), Accepted: err == nil}
	if t, bad := mqtt.ParseTopic(m.Topic); bad == nil {
		s.Device, s.Class = t.Device, t.Class
	}
	switch {
	case errors.Is(err, mqtt.ErrNotAccepted):
		s.Why = "is not of a known form"
	case err != nil:
		s.Why = "was not taken"
	}
	g.watched.note(s)
}

// alsoListen listens to more of the external broker than this kiosk's own topics
// while somebody watches: on a connection of its own, so that no message comes
// twice where it counts.
func (g *Gateway) alsoListen(filter string) error {
	if !mqtt.ValidFilter(filter) {
		return &control.Error{Code: control.Invalid, Message: "that is no MQTT topic filter", Next: "levels between slashes, + for one level, # for the rest"}
	}
	if g.remote == nil {
		return nil // clients of the embedded broker are heard anyway
	}
	o := g.watched
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.topic == filter {
		o.idle.Reset(watchFor + watchHeld)
		return nil
	}
	if o.stop != nil {
		o.stop()
	}
	c := g.remoteConfig()
	c.ID, c.Clean = c.ID[:min(len(c.ID), 34)]+"-watch", true
	client, err := bridge.NewClient(c, g.log.With("component", "watch"))
	if err != nil {
		return err
	}
	own := g.station.Filters()
	client.Listen(filter, func(_ context.Context, m mqtt.Message) error {
		for _, f := range own {
			if mqtt.Covers(f, m.Topic) {
				return nil // it is seen where it is taken
			}
		}
		g.sawMessage(m, mqtt.ErrNotAccepted)
		return nil
	})
	ctx, cancel := context.WithCancel(g.running)
	o.topic, o.stop, o.idle = filter, cancel, time.AfterFunc(watchFor+watchHeld, cancel)
	go func() { // ends when nobody watches, somebody watches something else, or the gateway stops
		defer cancel()
		if err := client.Run(ctx); err != nil {
			g.log.Warn("watching the broker ended", "error", err)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.topic == filter {
			o.topic, o.stop = "", nil
		}
	}()
	return nil
}
