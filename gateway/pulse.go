package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"clinicgate/storage"
)

// Pulse is how somebody outside watches whether this process still does its work.
type Pulse struct {
	Every time.Duration // between two probes; 0: nobody watches
	// Beat is called after each probe that went well, never otherwise.
	Beat func()
	// Pause is called when the gateway begins again by itself, after new keys or a
	// recovered store: there is no beat until Ready is called again. May be nil.
	Pause func()
}

const (
	pulseCursor  = "pulse"
	doctorCursor = "doctor"
	// fenceBound is how long a store that verifies itself anew counts as alive: a
	// restart in the middle of that would only begin it again.
	fenceBound = 10 * time.Minute
)

// runPulse probes for as long as the gateway runs: a store that commits a record and
// reads it back, and a page that answers. A probe that hangs is left, and the next
// one waits for it: no beat meanwhile.
func (g *Gateway) runPulse(ctx context.Context) error {
	if g.o.Pulse.Every <= 0 {
		<-ctx.Done()
		return nil
	}
	var n uint64
	fenced := time.Time{}
	tick := time.NewTicker(g.o.Pulse.Every)
	defer tick.Stop()
	for {
		n++
		bounded, cancel := context.WithTimeout(ctx, g.o.Pulse.Every)
		err := g.probe(bounded, pulseCursor, n)
		cancel()
		switch {
		case err == nil:
			fenced = time.Time{}
			g.o.Pulse.Beat()
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errFenced):
			if fenced.IsZero() {
				fenced = time.Now()
			}
			if time.Since(fenced) < fenceBound {
				g.o.Pulse.Beat()
			}
		default:
			g.log.Error("the service's own probe failed; the service manager restarts it if that goes on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

var errFenced = errors.New("the store verifies itself anew")

// probe commits the number n in the place of the cursor's one before, so that the store
// does not grow, reads it back, and asks the page for an answer.
func (g *Gateway) probe(ctx context.Context, cursor string, n uint64) error {
	err := g.store.Update(ctx, func(tx *storage.Tx) error { return tx.SetCursor(cursor, n) })
	var read uint64
	if err == nil {
		err = g.store.View(ctx, func(r *storage.Reader) (err error) {
			read, err = r.Cursor(cursor)
			return err
		})
	}
	if err == nil && read != n {
		err = fmt.Errorf("committed %d, read back %d", n, read)
	}
	if err != nil {
		if g.store.Status().Fenced {
			return errFenced
		}
		return fmt.Errorf("store: %w", err)
	}
	if err := PageAnswers(ctx, g.web.Addr()); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// errPanicked ends a run in which a part panicked. What it panicked with is not
// logged: it may hold what a patient typed.
var errPanicked = errors.New("panicked")

// contained runs a part and turns its panic into an error, so that the others
// stop in order and the store is closed.
func (g *Gateway) contained(ctx context.Context, p part) (err error) {
	defer func() {
		if v := recover(); v != nil {
			g.log.Error("a part of the service panicked", "part", p.name, "kind", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	return p.run(ctx)
}
