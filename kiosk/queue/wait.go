package queue

import (
	"slices"
	"time"

	"clinicgate/kiosk"
)

const (
	samples     = 20 // finished consultations that the mean is made of
	fewest      = 5  // below which the configured length is used
	shortest    = time.Minute
	longest     = 4 * time.Hour
	residual    = 0.25 // least part of a visit that a running one is thought to have left
	spread      = 0.5  // upper bound: this much above the point, until errors are measured
	roundedTo   = 5    // minutes
	mostMinutes = 24 * 60
)

// Wait gives the range, in minutes, in which an entry's turn is expected:
// (those ahead + 1) x recent mean length / active providers, never before the
// appointment less the early-call allowance. known is false when there is
// nothing to go by: no such waiting entry, or no provider at work.
func (q *Queue) Wait(id kiosk.EntryID) (low, high int, known bool) {
	now := q.cfg.Now().Wall
	q.mu.RLock()
	defer q.mu.RUnlock()
	h := q.entries[id.String()]
	if h == nil || !h.state.Exists || h.state.Entry.Status != kiosk.Waiting && h.state.Entry.Status != kiosk.CheckedIn {
		return 0, 0, false
	}
	return q.estimate(h.state.Entry, now)
}

// Estimate is Wait for an entry that is about to be added.
func (q *Queue) Estimate(e kiosk.Entry) (low, high int, known bool) {
	now := q.cfg.Now().Wall
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.estimate(e, now)
}

// estimate is Wait for any entry, there or about to come. mu is held.
func (q *Queue) estimate(e kiosk.Entry, now time.Time) (low, high int, known bool) {
	providers := slices.DeleteFunc(q.callers(&e), func(id kiosk.ProviderID) bool {
		a, known := q.availability(id)
		return !known || !a.Working()
	})
	if len(providers) == 0 {
		return 0, 0, false
	}
	mean := q.meanVisit(&e)
	work := mean
	for _, h := range q.entries {
		o := &h.state.Entry
		if !h.state.Exists || h.state.Removed != "" || o.ID == e.ID || o.Metadata.Day != e.Metadata.Day || !q.shares(o, &e) {
			continue
		}
		switch {
		case o.Status == kiosk.Waiting && (h.state.Call.Times > 0 || compare(o, &e) < 0):
			work += mean
		case o.Status == kiosk.InConsultation && len(providers) == 1:
			// The one provider's running visit is what is left of the first place.
			left := max(mean-now.Sub(h.state.Since), time.Duration(residual*float64(mean)))
			work += left - mean
		}
	}
	if len(providers) == 1 {
		work = max(work, time.Duration(residual*float64(mean)))
	}
	point := work / time.Duration(len(providers))
	if a := e.Metadata.AppointmentTime; !a.IsZero() {
		point = max(point, a.Add(-q.cfg.EarlyCall).Sub(now))
	}
	low = int(point.Minutes()) / roundedTo * roundedTo
	high = (int(point.Minutes()*(1+spread)) + roundedTo) / roundedTo * roundedTo
	return min(low, mostMinutes), min(max(high, low+roundedTo), mostMinutes+roundedTo), true
}

// shares reports whether two entries are served by the same people.
func (q *Queue) shares(a, b *kiosk.Entry) bool {
	return a.Department == b.Department && (a.Provider == "" || b.Provider == "" || a.Provider == b.Provider)
}

// meanVisit is the mean length of the last finished consultations of those who
// would see the entry. mu is held.
func (q *Queue) meanVisit(e *kiosk.Entry) time.Duration {
	type visit struct {
		end  time.Time
		took time.Duration
	}
	var visits []visit
	for _, h := range q.entries {
		s := &h.state
		if s.Exists && s.Entry.Status == kiosk.Completed && q.shares(&s.Entry, e) && s.Seen >= shortest && s.Seen <= longest {
			visits = append(visits, visit{s.Since, s.Seen})
		}
	}
	if len(visits) < fewest {
		return q.cfg.Visit
	}
	slices.SortFunc(visits, func(a, b visit) int { return b.end.Compare(a.end) })
	visits = visits[:min(len(visits), samples)]
	total := time.Duration(0)
	for _, v := range visits {
		total += v.took
	}
	return total / time.Duration(len(visits))
}
