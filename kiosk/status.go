package kiosk

import (
	"slices"
	"time"
)

// Status is where an entry stands. The strings are those of the vocabulary.
type Status string

const (
	CheckedIn      Status = "checked-in"
	Waiting        Status = "waiting"
	InConsultation Status = "in-consultation"
	Completed      Status = "completed"
	NoShow         Status = "no-show"
	Cancelled      Status = "cancelled"
)

// Statuses lists all six.
func Statuses() []Status {
	return []Status{CheckedIn, Waiting, InConsultation, Completed, NoShow, Cancelled}
}

// Valid reports whether s is one of the six.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// Open reports whether the patient is still expected to be seen.
func (s Status) Open() bool { return s == CheckedIn || s == Waiting || s == InConsultation }

// Priority is how urgent an entry is.
type Priority string

const (
	Emergency Priority = "emergency"
	Urgent    Priority = "urgent"
	Normal    Priority = "normal"
	FollowUp  Priority = "follow-up"
)

// Priorities lists all four, most urgent first.
func Priorities() []Priority { return []Priority{Emergency, Urgent, Normal, FollowUp} }

// Valid reports whether p is one of the four.
func (p Priority) Valid() bool { return slices.Contains(Priorities(), p) }

// Rank is 0 for the most urgent. An unknown priority ranks with Normal.
func (p Priority) Rank() int {
	if i := slices.Index(Priorities(), p); i >= 0 {
		return i
	}
	return 2
}

// HeadStart is how much earlier than its reference time an entry of this
// priority stands in the queue. Emergency has none: it is a tier of its own,
// before everyone. The values are the same on every kiosk, since the order of
// a shared queue must not depend on local settings.
func (p Priority) HeadStart() time.Duration {
	switch p {
	case Urgent:
		return 30 * time.Minute
	case FollowUp:
		return -10 * time.Minute
	}
	return 0
}

// Removal says why an entry left the queue for good.
type Removal string

const (
	RemovedCompleted   Removal = "completed"
	RemovedNoShow      Removal = "no-show"
	RemovedCancelled   Removal = "cancelled"
	RemovedRescheduled Removal = "rescheduled"
)

// Valid reports whether r is one of the four.
func (r Removal) Valid() bool {
	return r == RemovedCompleted || r == RemovedNoShow || r == RemovedCancelled || r == RemovedRescheduled
}

// Mode is how a visit takes place.
type Mode string

const (
	InPerson Mode = "in-person"
	Video    Mode = "video"
	// Elsewhere is an appointment that nobody comes here for: by phone, at home, at
	// another site. It is on lists and never in a queue.
	Elsewhere Mode = "elsewhere"
)

// Valid reports whether a visit in the queue can have this mode.
func (m Mode) Valid() bool { return m == InPerson || m == Video }

// Listed reports whether an appointment on a list can have this mode.
func (m Mode) Listed() bool { return m.Valid() || m == Elsewhere }

// Here gives the mode of a visit that takes place after all, because the desk took the
// patient in: an appointment elsewhere is in person then.
func (m Mode) Here() Mode {
	if m == Elsewhere {
		return InPerson
	}
	return m
}

// Availability is a provider's clinical availability.
type Availability string

const (
	Available Availability = "available"
	Busy      Availability = "in-consultation"
	Away      Availability = "away"
	Offline   Availability = "offline"
)

// Valid reports whether a is one of the four.
func (a Availability) Valid() bool {
	return a == Available || a == Busy || a == Away || a == Offline
}

// Working reports whether the provider sees patients now.
func (a Availability) Working() bool { return a == Available || a == Busy }

// PatientView is the word that a patient sees, in English; the page translates
// it by this key.
func (a Availability) PatientView() string {
	switch a {
	case Available:
		return "Available"
	case Busy:
		return "Busy"
	case Away:
		return "Away"
	}
	return "Offline"
}
