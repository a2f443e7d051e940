package kiosk

import (
	"log/slog"
	"slices"
	"time"
)

// Entry is one visit in a department's queue. It holds references, never a
// name, a birth date or a phone number.
type Entry struct {
	ID            EntryID
	Patient       PatientRef
	Appointment   AppointmentID // empty for a walk-in
	Provider      ProviderID    // empty: whoever of the department is free
	Department    DepartmentID
	Status        Status
	Priority      Priority
	CheckInTime   time.Time
	EstimatedWait time.Duration // whole minutes; 0: not known
	Metadata      Metadata
}

// Metadata is what the vocabulary keeps beside an entry's own fields.
type Metadata struct {
	ConsentGiven      bool // the consent that the visit's mode needs is in effect
	ConsentTimestamp  time.Time
	DeviceReady       bool
	InterpreterNeeded bool

	Ticket          string // number on board and paper, as in "A-017"
	Room            string
	Day             Day
	OrderAt         time.Time // place in the queue before the priority's head start
	AppointmentTime time.Time
	Mode            Mode
	Language        string // tag of the page's language, as in "es"
	Reason          string // why a walk-in came: a code of the clinic's list; empty for everyone else
	Needs           []Need
	Flags           []Flag
}

// Flag tells staff that an entry needs a person's attention.
type Flag string

const (
	// FlagConsentDeclined: the patient declined a consent that an in-person visit
	// can do without.
	FlagConsentDeclined Flag = "consent-declined"
	// FlagConsentMissing: a video visit without telehealth consent.
	FlagConsentMissing Flag = "consent-missing"
	// FlagConsentDesk: there is no form in the patient's language, so nothing was
	// signed and the desk helps.
	FlagConsentDesk Flag = "consent-desk"
	// FlagConsentSigner: nobody was here who may sign for the patient, so nothing was
	// signed and the desk helps.
	FlagConsentSigner Flag = "consent-signer"
	// FlagDetails: the patient says that something of the visit is not right.
	FlagDetails Flag = "details-not-right"
	// FlagProvisional: the person said who they are and was not found on a list that
	// may lack them; their appointment is to be looked for.
	FlagProvisional Flag = "provisional"
	// FlagArrived: the appointment that this arrival seems to be for has arrived
	// already, or another entry is for the same one. Staff decide which holds.
	FlagArrived Flag = "arrived-twice"
	// FlagDevices: camera, microphone or speech did not work where the patient tried
	// them for a visit by video.
	FlagDevices Flag = "devices-not-ready"
	// FlagConflict: somebody asked for a change that the queue's rules forbid.
	FlagConflict Flag = "conflict"
)

// HasFlag reports whether f is among the entry's flags.
func (e Entry) HasFlag(f Flag) bool { return slices.Contains(e.Metadata.Flags, f) }

// Clone gives a copy that shares nothing with e.
func (e Entry) Clone() Entry {
	e.Metadata.Needs = slices.Clone(e.Metadata.Needs)
	e.Metadata.Flags = slices.Clone(e.Metadata.Flags)
	return e
}

// LogValue gives the entry's id and status alone.
func (e Entry) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", e.ID.String()), slog.String("status", string(e.Status)))
}
