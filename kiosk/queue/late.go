package queue

import (
	"errors"
	"fmt"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// A late entry is an act that staff record later than it was done: while the kiosk
// was out of order they wrote on paper who came, when, and who was called and seen.
// Its kiosk.Act says when it Happened. These rules hold for it:
//
//   - It cannot have happened after now, before the clinic day began, or before what
//     it follows. Paper has minutes, so of one minute all may be.
//   - Who came stands where the time of coming puts her, and is promised no wait:
//     nobody told her one.
//   - A call moves nobody any more. The patient's devices are not told, the board does
//     not show it, and no timer runs: the paper says what became of it.
//   - A promise is judged by when its patient's turn really came. The length of a
//     visit is not learnt from it: two times of a note, of which one is often when
//     the pen was at hand, are no measurement, and one visit that is begun on paper
//     and ended by a click would spoil the mean of twenty.

// The reasons, beside those of every act, for which a late entry is refused. They
// come wrapped in a *TimeError.
var (
	// ErrFuture: the time is not there yet.
	ErrFuture = errors.New("that is later than now")
	// ErrDayBegan: the time is before today.
	ErrDayBegan = errors.New("that is before the clinic day began")
	// ErrEarlier: the patient came later, or what the act follows happened later.
	ErrEarlier = errors.New("that is before the patient came, or before what was done last")
)

// TimeError says why an act cannot have happened when it is said to have.
type TimeError struct {
	Err   error     // one of the above
	Limit time.Time // the last or first time possible, by the clinic's clock
}

func (e *TimeError) Error() string { return fmt.Sprintf("%v (%s)", e.Err, e.Limit.Format(clockLayout)) }

func (e *TimeError) Unwrap() error { return e.Err }

// Hint is the next step for the person who asked.
func (e *TimeError) Hint() string {
	at := e.Limit.Format(clockLayout)
	switch e.Err {
	case ErrFuture:
		return "give a time up to " + at + ", or none for what is done now"
	case ErrDayBegan:
		return "give a time of today, from " + at + " on; another day is not entered any more"
	}
	return "give a time from " + at + " on, or look whether this is the right entry"
}

const clockLayout = "15:04"

// Moment reads when something happened today: "09:40" by the clinic's clock, or an
// instant of RFC 3339. It fails with kiosk.ErrMoment.
func (q *Queue) Moment(text string) (time.Time, error) {
	return q.cfg.Calendar.Moment(text, q.Today())
}

// Possible reports, as a *TimeError, why an act cannot have happened when it is said
// to have. s is the state of its entry, the zero State for an arrival. An act that is
// done now is always possible.
func (q *Queue) Possible(tx *storage.Tx, act kiosk.Act, s State) error {
	if !act.Late() {
		return nil
	}
	_, now := tx.Now()
	today := q.cfg.Today(now)
	latest := now.Wall
	if !now.Synced && q.cfg.Calendar.Day(now.Wall) != today {
		latest = q.cfg.Calendar.End(today) // the clock is known to be wrong; people know the time
	}
	limit := func(why error, t time.Time) error { return &TimeError{why, t.In(q.cfg.Calendar.Zone)} }
	switch begins, after := q.cfg.Calendar.Start(today), s.latest(); {
	case act.Happened.After(latest):
		return limit(ErrFuture, latest)
	case act.Happened.Before(begins):
		return limit(ErrDayBegan, begins)
	case act.Happened.Before(after.Truncate(time.Minute)):
		return limit(ErrEarlier, after)
	}
	return nil
}

// latest is when the last of what an act must follow happened; zero without an entry.
func (s *State) latest() time.Time {
	t := s.Since
	if s.Call.At.After(t) {
		t = s.Call.At
	}
	return t
}

// when is when a fact about the entry happened. Of one minute of paper it is not
// before what it follows.
func (s *State) when(f *Fact, c Corrections) time.Time {
	t := f.happened(c)
	if last := s.latest(); f.late() && t.Before(last) {
		return last
	}
	return t
}
