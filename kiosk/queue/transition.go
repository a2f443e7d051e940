package queue

import (
	"errors"
	"fmt"

	"clinicgate/kiosk"
)

// Allowed reports whether the vocabulary has the transition. There are nine.
func Allowed(from, to kiosk.Status) bool {
	switch from {
	case kiosk.CheckedIn:
		return to == kiosk.Waiting || to == kiosk.Cancelled
	case kiosk.Waiting:
		return to == kiosk.InConsultation || to == kiosk.NoShow || to == kiosk.Cancelled
	case kiosk.InConsultation:
		return to == kiosk.Completed || to == kiosk.Waiting
	case kiosk.NoShow:
		return to == kiosk.Waiting // within the grace period
	case kiosk.Cancelled:
		return to == kiosk.CheckedIn // the same day
	}
	return false // completed is terminal
}

// The reasons for which an act is refused. They come wrapped in a *Refusal.
var (
	// ErrTransition: the vocabulary has no such transition.
	ErrTransition = errors.New("the queue's rules do not allow this change")
	// ErrNotCalled: only a patient who was called can become a no-show.
	ErrNotCalled = errors.New("the patient has not been called")
	// ErrGrace: the grace period after a no-show is over.
	ErrGrace = errors.New("the grace period is over")
	// ErrNotLast: only one's own last action can be undone.
	ErrNotLast = errors.New("this is not your own last action on the entry")
	// ErrRemoval: the reason follows from a status and is no choice.
	ErrRemoval = errors.New("a visit leaves as cancelled or as rescheduled; completed and no-show are statuses")
	// ErrListed: the entry came in by an appointment, and is for no other.
	ErrListed = errors.New("the entry came in by an appointment of its own")
	// ErrArrived: the appointment has an entry already.
	ErrArrived = errors.New("somebody has arrived for this appointment already")
	// ErrOtherDay: the entry belongs to another clinic day.
	ErrOtherDay = errors.New("the entry belongs to another day")
)

// ErrNotFound says that there is no such entry.
var ErrNotFound = errors.New("no such queue entry")

// ErrBusy says that the queue, or one entry of it, has grown beyond all reason
// and takes no more.
var ErrBusy = errors.New("the queue takes no more changes")

// Refusal says which act on which entry was refused and why. Nothing changed.
type Refusal struct {
	Entry kiosk.EntryID
	From  kiosk.Status
	Act   string // as in "to waiting", "call"
	Err   error
}

func (r *Refusal) Error() string { return fmt.Sprintf("cannot %s from %s: %v", r.Act, r.From, r.Err) }

func (r *Refusal) Unwrap() error { return r.Err }

// Hint is the next step for the person who asked.
func (r *Refusal) Hint() string {
	if t, ok := errors.AsType[*TimeError](r.Err); ok {
		return t.Hint()
	}
	switch r.Err {
	case ErrNotCalled:
		return "call the patient first"
	case ErrGrace:
		return "ask the desk to put the patient back"
	case ErrNotLast:
		return "change the entry instead of undoing"
	case ErrRemoval:
		return "give cancelled or rescheduled, or change the status"
	case ErrListed:
		return "cancel it and check the patient in for the right appointment"
	case ErrArrived:
		return "look who that is: cancel one of the two entries, or leave this one as it is"
	case ErrOtherDay:
		return "check the patient in again today"
	}
	return "look at the entry again: somebody may have changed it meanwhile"
}
