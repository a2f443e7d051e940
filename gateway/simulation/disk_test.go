package simulation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"clinicgate/storage"
)

// disk is a store on a bad disk: commits are slow, or end without a word, and
// for moments it is fenced. Whoever gets storage.ErrOutcomeUnknown here cannot
// tell whether it was done.
type disk struct {
	*storage.Store
	weather *weather
	armed   atomic.Bool

	mu   sync.Mutex
	dice *rand.Rand // guarded by mu
}

type mood uint8

const (
	fine mood = iota
	notDone
	doneSilently
	isFenced
)

func (d *disk) draw() (time.Duration, mood) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.weather.rates
	slow, roll, unknown, fenced, done := upTo(d.dice, 0, 3*time.Second), d.dice.Float64(), d.dice.Float64(), d.dice.Float64(), d.dice.IntN(2)
	if !d.armed.Load() || d.weather.over() {
		return 0, fine
	}
	if roll >= r.slowDisk {
		slow = 0
	}
	switch {
	case fenced < r.fenced:
		return slow, isFenced
	case unknown < r.unknownCommit && done == 0:
		return slow, notDone
	case unknown < r.unknownCommit:
		return slow, doneSilently
	}
	return slow, fine
}

// commit does a change as the disk's mood is.
func (d *disk) commit(ctx context.Context, do func() error) error {
	slow, m := d.draw()
	if slow > 0 && !wait(ctx, slow) {
		return ctx.Err()
	}
	switch m {
	case isFenced:
		return storage.ErrFenced
	case notDone:
		return fmt.Errorf("%w: simulated", storage.ErrOutcomeUnknown)
	case doneSilently:
		if err := do(); err != nil {
			return err
		}
		return fmt.Errorf("%w: simulated", storage.ErrOutcomeUnknown)
	}
	return do()
}

// Update implements queue.Store.
func (d *disk) Update(ctx context.Context, fn func(tx *storage.Tx) error) error {
	return d.commit(ctx, func() error { return d.Store.Update(ctx, fn) })
}

// View implements queue.Store.
func (d *disk) View(ctx context.Context, fn func(r *storage.Reader) error) error {
	if _, m := d.draw(); m == isFenced {
		return storage.ErrFenced
	}
	return d.Store.View(ctx, fn)
}

// Advance implements uplink.Source.
func (d *disk) Advance(ctx context.Context, channel string, to storage.Cursor, outcome storage.Outcome, reason string, timetoken uint64) error {
	return d.commit(ctx, func() error { return d.Store.Advance(ctx, channel, to, outcome, reason, timetoken) })
}
