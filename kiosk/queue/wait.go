package queue

import (
	"math"
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
	varies      = 0.6  // standard deviation of visits by their mean, where few were seen
	pace        = 0.2  // the same of a day's pace
	roundedTo   = 5    // minutes
	mostMinutes = 24 * 60
)

// Wait gives the range, in minutes, in which an entry's turn is expected:
// (those ahead + 1) x recent mean length / active providers, of whom those who are
// free take one each at once, never before the appointment less the early-call
// allowance. The upper bound lies a margin above, which promises that were not met
// make wider (see Accuracy). known is false when there is nothing to go by: no such
// waiting entry, or no provider at work.
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
	mean, varies := q.visits(&e)
	ahead, running, left := 0, 0, mean
	for _, h := range q.entries {
		o := &h.state.Entry
		if !h.state.Exists || h.state.Removed != "" || o.ID == e.ID || o.Metadata.Day != e.Metadata.Day || !q.shares(o, &e) {
			continue
		}
		switch {
		case o.Status == kiosk.Waiting && (h.state.Call.Times > 0 || compare(o, &e) < 0):
			ahead++
		case o.Status == kiosk.InConsultation:
			running++
			left = max(mean-now.Sub(h.state.Since), time.Duration(residual*float64(mean)))
		}
	}
	point, each := time.Duration(0), mean/time.Duration(len(providers))
	if free := max(0, len(providers)-running); ahead >= free {
		point = time.Duration(ahead-free+1) * each
		if len(providers) == 1 && running == 1 {
			point += left - mean // the one provider's running visit is the first of those
		}
	}
	// Each visit ahead adds its variance, and the day's pace is theirs in common.
	deviation := math.Sqrt(varies*varies*float64(point)*float64(each) + pace*pace*float64(point)*float64(point))
	upper := point + time.Duration(q.margin(e.Department, now)*deviation)
	if a := e.Metadata.AppointmentTime; !a.IsZero() {
		floor := a.Add(-q.cfg.EarlyCall).Sub(now)
		point, upper = max(point, floor), max(upper, floor)
	}
	low = int(point.Minutes()) / roundedTo * roundedTo
	high = (int(math.Ceil(upper.Minutes())) + roundedTo - 1) / roundedTo * roundedTo
	return min(low, mostMinutes), min(max(high, low+roundedTo), mostMinutes+roundedTo), true
}

// shares reports whether two entries are served by the same people.
func (q *Queue) shares(a, b *kiosk.Entry) bool {
	return a.Department == b.Department && (a.Provider == "" || b.Provider == "" || a.Provider == b.Provider)
}

// visits gives the mean length of the last finished consultations of those who
// would see the entry, and their standard deviation by that mean. mu is held.
func (q *Queue) visits(e *kiosk.Entry) (mean time.Duration, deviation float64) {
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
		return q.cfg.Visit, varies
	}
	slices.SortFunc(visits, func(a, b visit) int { return b.end.Compare(a.end) })
	visits = visits[:min(len(visits), samples)]
	total := time.Duration(0)
	for _, v := range visits {
		total += v.took
	}
	mean = total / time.Duration(len(visits))
	// The usual deviation counts as much as five visits: a few say little of it.
	sum := fewest * varies * varies
	for _, v := range visits {
		off := float64(v.took-mean) / float64(mean)
		sum += off * off
	}
	return mean, math.Sqrt(sum / float64(fewest+len(visits)-1))
}
