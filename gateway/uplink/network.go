package uplink

import (
	"context"
	"errors"
	"time"

	"clinicgate/gateway/pubnub"
)

// network remembers whether requests are answered at all. While they are not,
// one probe at a time goes out instead of one from every stream.
type network struct {
	failures  int
	notBefore time.Time
}

const longestProbe = 4 * time.Second

// mayStart tells whether one more request may start.
func (n *network) mayStart(now time.Time, inFlight int) bool {
	if n.failures == 0 {
		return true
	}
	return inFlight == 0 && !now.Before(n.notBefore)
}

// heard takes the outcome of a request. It reports whether the network just came
// back, which only an answer shows: what there was nothing to send of, or what
// failed in the store, went nowhere. A probe that hung has waited already: the
// next one need not wait again.
func (n *network) heard(r result) bool {
	var pe *pubnub.Error
	switch {
	case r.answered:
		back := n.failures > 0
		*n = network{}
		return back
	case errors.Is(r.err, context.Canceled):
	case errors.As(r.err, &pe):
		n.failures++
		n.notBefore = r.began.Add(jitter(250*time.Millisecond, n.failures, longestProbe))
	}
	return false
}
