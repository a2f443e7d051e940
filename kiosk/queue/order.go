package queue

import (
	"bytes"
	"cmp"
	"time"

	"clinicgate/kiosk"
)

// Key is where an entry stands: the time it is ordered by, less its priority's
// head start. It does not change while the patient waits, so nobody overtakes
// later who did not from the beginning, and how much later one may come and
// still be first is bounded by the difference of two head starts.
func Key(e kiosk.Entry) time.Time { return e.Metadata.OrderAt.Add(-e.Priority.HeadStart()) }

// Compare orders entries as they are called: emergencies first, by arrival; the
// others by Key. Ties fall to the entry id, which is the same on every kiosk.
func Compare(a, b kiosk.Entry) int { return compare(&a, &b) }

func compare(a, b *kiosk.Entry) int {
	if ea, eb := a.Priority == kiosk.Emergency, b.Priority == kiosk.Emergency; ea != eb {
		if ea {
			return -1
		}
		return 1
	}
	return cmp.Or(Key(*a).Compare(Key(*b)), bytes.Compare(a.ID[:], b.ID[:]))
}

// OrderAt fixes an entry's time in the order when the patient arrives: arrival,
// but not before the appointment's start less the early allowance, so that
// coming very early does not jump the line. Without an appointment it is the
// arrival.
func OrderAt(arrival, appointment time.Time, early time.Duration) time.Time {
	if appointment.IsZero() {
		return arrival
	}
	if from := appointment.Add(-early); arrival.Before(from) {
		return from
	}
	return arrival
}
