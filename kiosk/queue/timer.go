package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

const (
	// takeover is how long a kiosk may be silent before others run its timers.
	takeover = 60 * time.Second
	// longestNap bounds how long Run trusts its arithmetic: the clock may be
	// corrected meanwhile.
	longestNap = 30 * time.Second
	// keepDays is how many clinic days before today stay in memory and views.
	keepDays = 1
)

// rule is something that falls due about an entry. Its act's id derives from
// what caused it, the rule and this kiosk: after a restart it is the same act.
// The kiosk is part of it because two kiosks that cannot hear each other may
// both act; the fold takes the two for one.
type rule struct {
	name  string
	cause uuid.UUID
	at    time.Time
	do    func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error
}

// due lists what falls due about an entry and when. mu is held.
func (q *Queue) due(s *State, now time.Time) []rule {
	var rules []rule
	switch e := &s.Entry; {
	case s.Removed != "":
	case e.Status == kiosk.Waiting && s.Call.late:
		// The paper says what came of this call.
	case e.Status == kiosk.Waiting && s.Call.Times > 0:
		if !s.Call.signed {
			// A provider's own app called; the patient's devices are told from here.
			rules = append(rules, rule{"ready", s.Call.Fact, s.Call.At, q.readyDue(s.Call.Fact)})
		}
		// The timer stands still while nobody can call.
		left := q.cfg.NoShowAfter - q.callable(e, s.Call.At, now)
		if left <= 0 || q.callable(e, now, now.Add(time.Millisecond)) > 0 {
			rules = append(rules, rule{"no-show", s.Call.Fact, now.Add(left), q.noShowDue(s.Call.Fact)})
		}
	case e.Status == kiosk.NoShow:
		rules = append(rules, rule{"grace", s.by, s.Since.Add(q.cfg.Grace), q.removalDue(kiosk.NoShow, kiosk.RemovedNoShow)})
	case e.Status == kiosk.Completed:
		rules = append(rules, rule{"completed", s.by, s.Since, q.removalDue(kiosk.Completed, kiosk.RemovedCompleted)})
	case e.Status == kiosk.Cancelled:
		rules = append(rules, rule{"cancelled", s.by, s.Since, q.removalDue(kiosk.Cancelled, kiosk.RemovedCancelled)})
	}
	return rules
}

func (q *Queue) noShowDue(call uuid.UUID) func(*storage.Tx, kiosk.Act, kiosk.EntryID) error {
	return func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		_, _, state, err := q.open(tx, id)
		if err != nil || state.Call.Fact != call {
			return err
		}
		act.Actor = noShowActor(call)
		_, err = q.SetStatus(tx, act, id, kiosk.NoShow)
		return err
	}
}

func (q *Queue) readyDue(call uuid.UUID) func(*storage.Tx, kiosk.Act, kiosk.EntryID) error {
	return func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		_, _, state, err := q.open(tx, id)
		if err != nil || state.Call.Fact != call {
			return err
		}
		return q.tellPatient(tx, act, state.Entry)
	}
}

func (q *Queue) removalDue(status kiosk.Status, why kiosk.Removal) func(*storage.Tx, kiosk.Act, kiosk.EntryID) error {
	return func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		s, r, state, err := q.open(tx, id)
		if err != nil || state.Entry.Status != status || state.Removed != "" {
			return err
		}
		_, err = q.remove(s, act, r, state, why)
		return err
	}
}

// Run acts when something falls due (no-shows after a call, the end of the
// grace period, what a provider's own app leaves to the gateway) and forgets
// days that are over. It returns nil when ctx ends.
func (q *Queue) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	start := q.cfg.Now().Wall
	var day kiosk.Day
	done := map[uuid.UUID]bool{} // acts that need not be tried again
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-q.wake:
		}
		wait, err := q.turn(ctx, start, &day, done)
		if err != nil && ctx.Err() == nil {
			q.log.Warn("queue timer waits", "reason", err)
			wait = time.Second
		}
		timer.Reset(wait)
	}
}

// turn does what is due and tells how long until more is.
func (q *Queue) turn(ctx context.Context, start time.Time, day *kiosk.Day, done map[uuid.UUID]bool) (time.Duration, error) {
	if q.stale.Swap(false) {
		// A transaction that changes nothing waits its turn behind the one whose
		// outcome was unknown; what is read after it is settled.
		if err := q.store.Update(ctx, func(*storage.Tx) error { return nil }); err != nil {
			q.stale.Store(true)
			return 0, err
		}
		if err := q.Load(ctx); err != nil {
			q.stale.Store(true)
			return 0, err
		}
	}
	now := q.cfg.Now()
	if today := q.cfg.Today(now); today != *day {
		// A clock that nobody has set must not cost an entry: what is forgotten does
		// not come again.
		if now.Synced {
			if err := q.forget(ctx, today.Add(-keepDays)); err != nil {
				return 0, err
			}
		}
		*day = today
		clear(done)
	}
	type task struct {
		id   kiosk.EntryID
		rule rule
		act  kiosk.Act
	}
	var tasks []task
	wait := longestNap
	q.mu.RLock()
	for _, h := range q.entries {
		if !h.state.Exists || h.state.Entry.Metadata.Day < *day {
			continue
		}
		for _, r := range q.due(&h.state, now.Wall) {
			act := kiosk.Act{ID: kiosk.DeriveID(r.cause, r.name, string(q.cfg.Kiosk)), Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: r.name}}
			if done[act.ID] {
				continue
			}
			at := r.at
			if h.state.Home != string(q.cfg.Kiosk) {
				// The entry's own kiosk acts while it is alive.
				heard := q.heard[h.state.Home]
				if heard.Before(start) {
					heard = start
				}
				if silent := heard.Add(takeover); silent.After(at) {
					at = silent
				}
			}
			if d := at.Sub(now.Wall); d > 0 {
				wait = min(wait, d)
				continue
			}
			tasks = append(tasks, task{h.state.Entry.ID, r, act})
		}
	}
	q.mu.RUnlock()
	for _, t := range tasks {
		err := q.Update(ctx, func(tx *storage.Tx) error { return t.rule.do(tx, t.act, t.id) })
		var refused *Refusal
		switch {
		case err == nil, errors.As(err, &refused), errors.Is(err, ErrNotFound):
			// Refused: somebody was quicker. Memory will say so in a moment.
			if len(done) >= 4*maxEntries {
				clear(done)
			}
			done[t.act.ID] = true
		default:
			return 0, fmt.Errorf("cannot record %s: %w", t.rule.name, err)
		}
	}
	return wait, nil
}

// forget drops the entries and ticket counters of days before a day, and the
// consents of patients who have no entry.
func (q *Queue) forget(ctx context.Context, before kiosk.Day) error {
	var keys []string
	q.mu.RLock()
	limit := q.cfg.Calendar.Start(before)
	for key, h := range q.entries {
		if h.state.Exists && h.state.Entry.Metadata.Day < before {
			keys = append(keys, key)
		}
		if !h.state.Exists && len(h.row.Facts) > 0 && h.row.Facts[0].time(q.clocks).Before(limit) {
			keys = append(keys, key) // messages about an entry that never came
		}
	}
	q.mu.RUnlock()
	err := q.Update(ctx, func(tx *storage.Tx) error {
		for _, key := range keys {
			if err := tx.Delete(entryView, []byte(key)); err != nil {
				return err
			}
		}
		for n := range 7 {
			if err := tx.Delete(ticketView, []byte(before.Add(-1-n))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot forget old days: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, key := range keys {
		q.unlink(key)
		delete(q.entries, key)
	}
	for d := range q.tickets {
		if d < before {
			delete(q.tickets, d)
		}
	}
	here := make(map[kiosk.PatientRef]bool, len(q.entries))
	for _, h := range q.entries {
		here[h.state.Entry.Patient] = true
	}
	for p := range q.consents {
		if !here[p] {
			delete(q.consents, p)
		}
	}
	return nil
}
