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

// heard takes the outcome of a request that began at a time. It reports whether
// the network just came back. A probe that hung has waited already: the next one
// need not wait again.
func (n *network) heard(err error, began time.Time) bool {
	var pe *pubnub.Error
	switch {
	case errors.Is(err, context.Canceled):
		return false
	case errors.As(err, &pe) && pe.Status == 0:
		n.failures++
		n.notBefore = began.Add(jitter(250*time.Millisecond, n.failures, longestProbe))
		return false
	case err != nil && pe == nil:
		return false // ours: the store or the keys
	}
	back := n.failures > 0
	*n = network{}
	return back
}
