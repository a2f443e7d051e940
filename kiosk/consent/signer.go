package consent

import (
	"slices"
	"time"

	"clinicgate/kiosk"
)

// Relation is who signs a form, as seen from the patient. The list is closed: a
// record holds one of these words and never a name.
type Relation string

const (
	Self                Relation = "self"
	Parent              Relation = "parent"
	Guardian            Relation = "guardian"             // by law or by a court
	LegalRepresentative Relation = "legal-representative" // of whoever cannot decide alone
	HealthCareProxy     Relation = "health-care-proxy"    // named by the patient in writing
)

// Relations lists who may sign at a kiosk.
func Relations() []Relation {
	return []Relation{Self, Parent, Guardian, LegalRepresentative, HealthCareProxy}
}

// Valid reports whether r is of the list.
func (r Relation) Valid() bool { return slices.Contains(Relations(), r) }

// Record's words for who decided, beside "staff" for those who revoke.
const (
	signerPatient = "patient"
	signerOther   = "representative" // Relation says by what right
	signerStaff   = "staff"
)

func (r Relation) signer() string {
	if r == Self {
		return signerPatient
	}
	return signerOther
}

// Age is what the clinic's list says of a patient's age: nothing, in its zero
// value.
type Age struct {
	years int
	known bool
}

// AgeOn gives the age of someone born on a date (2006-01-02) on a clinic day; a
// date that is none, or later than the day, tells nothing. Who was born on
// 29 February is a year older on 1 March.
func AgeOn(birth string, day kiosk.Day) Age {
	b, err := time.Parse(time.DateOnly, birth)
	if err != nil {
		return Age{}
	}
	d, err := time.Parse(time.DateOnly, string(day))
	if err != nil || b.After(d) {
		return Age{}
	}
	years := d.Year() - b.Year()
	if d.Month() < b.Month() || d.Month() == b.Month() && d.Day() < b.Day() {
		years--
	}
	return Age{years, true}
}

// Signers lists who may sign for a patient the forms that a visit needs, the
// patient first: nobody below minAge signs alone, and a parent signs, as a parent,
// for nobody above it. Where the age is not known everybody is listed, and whoever
// signs says what applies. ask reports whether it must be asked who signs; where
// not, the patient is taken to.
func Signers(age Age, minAge int) (list []Relation, ask bool) {
	switch {
	case minAge == 0 || age.known && age.years >= minAge:
		return []Relation{Self, Guardian, LegalRepresentative, HealthCareProxy}, false
	case age.known:
		return []Relation{Parent, Guardian, LegalRepresentative}, true
	}
	return Relations(), true
}

// MinAge is the age from which a patient signs all of the forms alone: the highest
// that one of them asks for.
func MinAge(forms []Form) (years int) {
	for _, f := range forms {
		years = max(years, f.MinAge)
	}
	return years
}
