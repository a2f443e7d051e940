package queue

import (
	"slices"
	"time"

	"clinicgate/kiosk"
)

// Promise is the longest wait that a patient was told at check-in, and what came
// of it. It is a part of the fold, so every kiosk knows what came of all promises,
// also after a restart.
type Promise struct {
	Wait  time.Duration // the upper bound, counted from check-in; 0: none was made, or it no longer counts
	Took  time.Duration // from check-in to the first call, or to the consultation if nobody called
	Ended bool          // the patient's turn has come
}

// turn notes that the wait is over. The first call counts: what follows is the
// patient's doing.
func (p *Promise) turn(after time.Duration) {
	if !p.Ended {
		p.Took, p.Ended = max(0, after), true
	}
}

// void takes back a promise whose patient went away, went elsewhere, or was given
// another priority, before it was this patient's turn.
func (p *Promise) void() {
	if !p.Ended {
		p.Wait = 0
	}
}

// counts reports whether a promise is judged: it has ended, and it said more than
// the least there is, or failed. That who found a provider free did not wait is no
// merit of the promise, and would hide the others.
func (p Promise) counts() bool {
	return p.Wait > 0 && p.Ended && (p.Wait > roundedTo*time.Minute || !p.met())
}

func (p Promise) met() bool { return p.Took <= p.Wait }

// late reports whether a promise was missed by more than people forgive.
func (p Promise) late() bool { return p.Took > p.Wait+10*time.Minute }

// Accuracy says how good the promised waits were, for status and metrics. What is
// wanted: Met 75 to 90 % of Promised, Late below 10 %.
type Accuracy struct {
	Promised int           // judged: the patient's turn has come, and was promised later than at once, or came late
	Met      int           // called within the promised time
	Late     int           // called more than ten minutes after it
	Excess   time.Duration // median of the time taken less the time promised: below 0 on most days
}

// Accuracy judges the promises of a day to the patients of some departments (none:
// of all). Removed entries count.
func (q *Queue) Accuracy(day kiosk.Day, departments ...kiosk.DepartmentID) Accuracy {
	q.mu.RLock()
	defer q.mu.RUnlock()
	var a Accuracy
	var excess []time.Duration
	for _, h := range q.entries {
		p, e := h.state.Promise, &h.state.Entry
		if !p.counts() || e.Metadata.Day != day || len(departments) > 0 && !slices.Contains(departments, e.Department) {
			continue
		}
		a.Promised++
		if p.met() {
			a.Met++
		}
		if p.late() {
			a.Late++
		}
		excess = append(excess, p.Took-p.Wait)
	}
	if len(excess) > 0 {
		slices.Sort(excess)
		a.Excess = excess[len(excess)/2]
	}
	return a
}

// The margin is in standard deviations. Each promise that was met makes it a
// little smaller and each that was not makes it larger, in the proportion that
// holds it still when the wanted share is met: adaptive conformal inference
// (Gibbs and Candes 2021), which needs no model of how the clinic goes wrong. One
// that was missed by much counts twice: where waits are long, most are.
const (
	firstMargin = 1.0
	leastMargin = -0.5
	mostMargin  = 3.0
	wantMissed  = 0.20
	learns      = 0.12
)

// margin gives the present margin of a department. A promise whose patient still
// waits is known to be missed as soon as its time is over. mu is held.
func (q *Queue) margin(d kiosk.DepartmentID, now time.Time) float64 {
	type judged struct {
		at time.Time
		id kiosk.EntryID
		Promise
	}
	var list []judged
	for _, h := range q.entries {
		p, e := h.state.Promise, &h.state.Entry
		if e.Status == kiosk.Waiting && now.Sub(e.CheckInTime) > p.Wait {
			p.turn(now.Sub(e.CheckInTime))
		}
		if e.Department == d && p.counts() {
			list = append(list, judged{e.CheckInTime.Add(p.Took), e.ID, p})
		}
	}
	slices.SortFunc(list, func(a, b judged) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return slices.Compare(a.id[:], b.id[:])
	})
	m := firstMargin
	for _, j := range list {
		switch {
		case j.met():
			m -= learns * wantMissed
		case j.late():
			m += 2 * learns * (1 - wantMissed)
		default:
			m += learns * (1 - wantMissed)
		}
		m = min(max(m, leastMargin), mostMargin)
	}
	return m
}
