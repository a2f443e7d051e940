package roster

import (
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
)

// Appointment is one row of the list.
type Appointment struct {
	ID         kiosk.AppointmentID
	PatientID  phi.Text // the clinic's own; known from a file only, never stored
	Patient    kiosk.PatientRef
	Family     phi.Text
	Given      phi.Text
	Native     phi.Text // the whole name in its own script, where the clinic has one
	Birth      phi.Text // 2006-01-02; empty when the clinic did not say
	Department kiosk.DepartmentID
	Provider   kiosk.ProviderID // empty: whoever is free
	Start      time.Time
	Day        kiosk.Day
	Mode       kiosk.Mode
	Language   string
	PhoneLast2 phi.Text
	Code       phi.Text // the clinic's own code, as Normalize gives it; empty: ours
	CardNumber phi.Text // of the patient's card, as ReadCard gives it; known from a file only, never stored
	Card       kiosk.CardRef
}

// shape gives the row as it travels and is stored.
func (a Appointment) shape() kiosk.RosterRow {
	return kiosk.RosterRow{
		AppointmentID: a.ID, PatientID: a.Patient, FamilyName: a.Family.Reveal(), GivenName: a.Given.Reveal(), NativeName: a.Native.Reveal(), BirthDate: a.Birth.Reveal(),
		ProviderID: a.Provider, Start: kiosk.At(a.Start), Mode: a.Mode, Language: a.Language, PhoneLast2: a.PhoneLast2.Reveal(), Code: a.Code.Reveal(), Card: a.Card,
	}
}

func fromShape(s kiosk.RosterRow, d kiosk.DepartmentID, day kiosk.Day) Appointment {
	return Appointment{
		ID: s.AppointmentID, Patient: s.PatientID, Family: phi.New(s.FamilyName), Given: phi.New(s.GivenName), Native: phi.New(s.NativeName), Birth: phi.New(s.BirthDate),
		Department: d, Provider: s.ProviderID, Start: s.Start.Time, Day: day, Mode: s.Mode, Language: s.Language,
		PhoneLast2: phi.New(s.PhoneLast2), Code: phi.New(s.Code), Card: s.Card,
	}
}

// valid reports whether a received row can be used.
func valid(s kiosk.RosterRow) bool {
	return s.AppointmentID.Validate() == nil && s.PatientID.Validate() == nil && (s.ProviderID == "" || s.ProviderID.Validate() == nil) &&
		!s.Start.IsZero() && s.Mode.Listed() && len(s.FamilyName) <= maxName && len(s.GivenName) <= maxName && len(s.NativeName) <= maxName && len(s.BirthDate) <= 10 &&
		len(s.Language) <= 40 && len(s.PhoneLast2) <= 2 && len(s.Code) <= maxCode && len(s.Card) <= maxCode
}

const (
	maxName = 200 // bytes
	maxCode = 40
)
