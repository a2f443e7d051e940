package roster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
)

// columns are the names of what a row says; see Check.
var columns = []string{"appointment_id", "patient_id", "family_name", "given_name", "native_name", "birth_date", "department", "provider", "start", "mode", "language", "phone_last2", "code", "card"}

// Problem says why a row was left out.
type Problem struct {
	Line   int    // in the file, the first is 1
	Column string // empty: the row as a whole
	Reason string // fixed words, nothing of the row
}

func (p Problem) String() string {
	if p.Column == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.Reason)
	}
	return fmt.Sprintf("line %d, %s: %s", p.Line, p.Column, p.Reason)
}

// Rules is what a row is checked against.
type Rules struct {
	Calendar    kiosk.Calendar
	Departments []kiosk.DepartmentID
	Providers   map[kiosk.ProviderID]kiosk.DepartmentID
}

// Check makes an appointment of a row's texts, which field gives by the names of
// our columns, "" for what the row does not tell. Otherwise it names the column
// that is first wrong and, in fixed words, the reason. Every reader of
// appointment lists ends here, whatever the form of its file.
//
//	appointment_id  the clinic's, 1 to 40 of A-Z a-z 0-9 _ -
//	patient_id      the clinic's; only a keyed hash of it is kept
//	family_name     given_name        native_name   in its own script, may be empty
//	birth_date      2006-01-02, may be empty
//	department      id of a department     provider   id of a provider, may be empty
//	start           RFC 3339, or the clinic's local time as 2006-01-02 15:04
//	mode            in-person (default), video or elsewhere
//	language        a tag such as en        phone_last2   two digits
//	code            the clinic's own check-in code, may be empty
//	card            number of the patient's contactless card in hex, may be empty;
//	                only a keyed hash of it is kept
func (r Rules) Check(field func(column string) string) (a Appointment, column, reason string) {
	for _, name := range columns {
		if v := field(name); !utf8.ValidString(v) {
			return Appointment{}, name, "is not UTF-8"
		} else if len(v) > maxName {
			return Appointment{}, name, "is longer than 200 bytes"
		} else if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return Appointment{}, name, "has a control character"
		}
	}
	a = Appointment{
		ID: kiosk.AppointmentID(field("appointment_id")), PatientID: phi.New(field("patient_id")),
		Family: phi.New(field("family_name")), Given: phi.New(field("given_name")), Native: phi.New(field("native_name")), Birth: phi.New(field("birth_date")),
		Department: kiosk.DepartmentID(field("department")), Provider: kiosk.ProviderID(field("provider")),
		Mode: kiosk.Mode(strings.ToLower(field("mode"))), Language: field("language"), PhoneLast2: phi.New(field("phone_last2")),
		Code: phi.New(Normalize(field("code"))),
	}
	if a.Mode == "" {
		a.Mode = kiosk.InPerson
	}
	card, isCard := ReadCard(field("card"))
	a.CardNumber = phi.New(card)
	start, startErr := r.start(field("start"))
	a.Start, a.Day = start, r.Calendar.Day(start)
	home, known := r.Providers[a.Provider]
	_, birthErr := time.Parse(time.DateOnly, field("birth_date"))
	for _, c := range []struct {
		ok             bool
		column, reason string
	}{
		{a.ID.Validate() == nil, "appointment_id", "want 1 to 40 of A-Z a-z 0-9 _ -"},
		{!a.PatientID.IsZero(), "patient_id", "is empty"},
		{!a.Family.IsZero(), "family_name", "is empty"},
		{a.Birth.IsZero() || birthErr == nil, "birth_date", "want the form 2006-01-02"},
		{slices.Contains(r.Departments, a.Department), "department", "is no department of this clinic"},
		{a.Provider == "" || known, "provider", "is no provider of this clinic"},
		{a.Provider == "" || !known || home == a.Department, "provider", "does not belong to the department"},
		{startErr == nil, "start", "want RFC 3339 or 2006-01-02 15:04"},
		{a.Mode.Listed(), "mode", "want in-person, video or elsewhere"},
		{len(a.Language) <= 40, "language", "want a tag such as en"},
		{a.PhoneLast2.IsZero() || twoDigits(field("phone_last2")), "phone_last2", "want two digits"},
		{field("code") == "" || plainCode(a.Code.Reveal()), "code", "want 4 to 40 letters and digits"},
		{field("card") == "" || isCard, "card", WantCard},
	} {
		if !c.ok {
			return Appointment{}, c.column, c.reason
		}
	}
	return a, "", ""
}

// start reads a time with its zone, or one of the clinic's local time.
func (r Rules) start(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), plausible(t)
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return r.Calendar.Local(t), plausible(t)
		}
	}
	return time.Time{}, errors.New("not a time")
}

func plausible(t time.Time) error {
	if t.Year() < 2000 || t.Year() > 2200 {
		return errors.New("not a time of this clinic")
	}
	return nil
}

func twoDigits(s string) bool {
	return len(s) == 2 && s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9'
}
