package feed

import (
	"errors"
	"fmt"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
)

// Mapping says how a clinic's lists are to be read. The zero Mapping with Rules
// reads CSV in our own columns, and HL7 and FHIR in which departments and
// providers have our ids.
type Mapping struct {
	Rules  roster.Rules
	Format Format

	// Tables of the clinic's words. Case and spacing do not matter. Our own ids
	// stand for themselves without an entry.
	Departments map[string]kiosk.DepartmentID
	Providers   map[string]kiosk.ProviderID // "": whoever is free
	Statuses    map[string]Status           // beside those that everybody has, see below
	Modes       map[string]kiosk.Mode
	Languages   map[string]string  // word: language tag
	Department  kiosk.DepartmentID // of rows that name neither department nor provider

	// Ids that always have this many digits, 0: they do not. Leading zeros that a
	// spreadsheet took are put back.
	PatientDigits, AppointmentDigits int

	// CSV. Columns says where each of our columns is found: the name in the
	// file's first line, or a number that counts from 1; nil: by our own names.
	Charset   Charset // also of HL7 messages that do not tell
	Delimiter string  // "": what fits the first line
	Skip      int     // lines before the one with the names
	NoHeader  bool    // there is no line with names
	Columns   map[string]string
	Dates     DateOrder
	Serials   Serials

	// HL7 and FHIR. The systems are FHIR identifier systems, or HL7 assigning
	// authorities.
	AppointmentID                          IDSource
	PatientSystem, VisitSystem, CodeSystem string
}

// Status is what a word about an appointment means for the list.
type Status string

const (
	StatusBooked    Status = "booked"    // the patient is expected, or was and came
	StatusSkip      Status = "skip"      // not an appointment: proposed, blocked
	StatusCancelled Status = "cancelled" // will not take place
	StatusNoShow    Status = "no-show"   // the patient did not come
)

// DateOrder is how a date is written that does not begin with a year of four
// digits, which needs no setting.
type DateOrder string

const (
	YearFirst  DateOrder = "" // no other form is read
	DayFirst   DateOrder = "dmy"
	MonthFirst DateOrder = "mdy"
)

// Serials says what a number in place of a date means.
type Serials string

const (
	NoSerials   Serials = "" // nothing: the row is left out
	Serials1900 Serials = "1900"
	Serials1904 Serials = "1904" // old spreadsheets of one maker of computers
)

// IDSource says which of an HL7 appointment's two ids counts.
type IDSource string

const (
	Filler IDSource = ""       // SCH-2, that of who holds the schedule
	Placer IDSource = "placer" // SCH-1, that of who asked for the appointment
)

// inputs are the columns that a CSV mapping may fill.
var inputs = []string{
	"appointment_id", "patient_id", "family_name", "given_name", "name", nativeName, nativeFamily, nativeGiven, "birth_date",
	"department", "provider", "start", "date", "time", "mode", "language", "phone", "phone_last2", "code", "card", "status",
}

// Inputs lists the columns that Mapping.Columns may name: roster's own; name
// ("Family, Given"), date and time, phone (a whole number) in place of theirs;
// native_family and native_given in place of native_name; status.
func Inputs() []string { return append([]string(nil), inputs...) }

// Validate reports everything that is wrong with the mapping, joined.
func (m Mapping) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if m.Rules.Calendar.Zone == nil {
		bad("no zone")
	}
	switch m.Format {
	case Auto, CSV, HL7, FHIR:
	default:
		bad("format %q is not csv, hl7 or fhir", m.Format)
	}
	switch m.Charset {
	case Detect, UTF8, UTF16LE, UTF16BE, Windows1252:
	default:
		bad("character set %q is not utf-8, utf-16le, utf-16be or windows-1252", m.Charset)
	}
	if m.Delimiter != "" && !isDelimiter(m.Delimiter) {
		bad("delimiter is not one of , ; | and tab")
	}
	if m.Dates != YearFirst && m.Dates != DayFirst && m.Dates != MonthFirst {
		bad("date order %q is not dmy or mdy", m.Dates)
	}
	if m.Serials != NoSerials && m.Serials != Serials1900 && m.Serials != Serials1904 {
		bad("serial dates %q are not 1900 or 1904", m.Serials)
	}
	if m.AppointmentID != Filler && m.AppointmentID != Placer {
		bad("appointment id %q is not placer", m.AppointmentID)
	}
	if m.Skip < 0 || m.Skip > 100 {
		bad("%d lines to skip are not 0 to 100", m.Skip)
	}
	for _, n := range []int{m.PatientDigits, m.AppointmentDigits} {
		if n < 0 || n > 40 {
			bad("%d digits of an id are not 0 to 40", n)
		}
	}
	for word, s := range m.Statuses {
		switch s {
		case StatusBooked, StatusSkip, StatusCancelled, StatusNoShow:
		default:
			bad("status %q means %q, which is not booked, skip, cancelled or no-show", word, s)
		}
	}
	for word, mode := range m.Modes {
		if !mode.Listed() {
			bad("mode %q means %q, which is not in-person, video or elsewhere", word, mode)
		}
	}
	if m.Department != "" && !m.knowsDepartment(m.Department) {
		bad("department %q is no department of this clinic", m.Department)
	}
	for word, id := range m.Departments {
		if !m.knowsDepartment(id) {
			bad("department %q means %q, which is no department of this clinic", word, id)
		}
	}
	for word, id := range m.Providers {
		if _, known := m.Rules.Providers[id]; id != "" && !known {
			bad("provider %q means %q, which is no provider of this clinic", word, id)
		}
	}
	if err := m.checkColumns(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (m Mapping) knowsDepartment(id kiosk.DepartmentID) bool {
	for _, d := range m.Rules.Departments {
		if d == id {
			return true
		}
	}
	return false
}

// fold gives a word as it is looked up.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// tables are the mapping's words, folded.
type tables struct {
	departments map[string]kiosk.DepartmentID
	providers   map[string]kiosk.ProviderID
	statuses    map[string]Status
	modes       map[string]kiosk.Mode
	languages   map[string]string
}

// commonStatuses are the words of HL7 table 0278, of FHIR's AppointmentStatus, and
// their English look-alikes.
var commonStatuses = map[Status][]string{
	StatusBooked: {"", "booked", "scheduled", "confirmed", "pending", "overbook", "arrived", "checked-in", "checked in", "started",
		"complete", "completed", "fulfilled"},
	StatusSkip:      {"proposed", "waitlist", "blocked"},
	StatusCancelled: {"cancelled", "canceled", "deleted", "dc", "entered-in-error"},
	StatusNoShow:    {"noshow", "no-show", "no show"},
}

func newTables(m Mapping) tables {
	t := tables{map[string]kiosk.DepartmentID{}, map[string]kiosk.ProviderID{}, map[string]Status{}, map[string]kiosk.Mode{}, map[string]string{}}
	for _, id := range m.Rules.Departments {
		t.departments[fold(string(id))] = id
	}
	for id := range m.Rules.Providers {
		t.providers[fold(string(id))] = id
	}
	for status, words := range commonStatuses {
		for _, word := range words {
			t.statuses[word] = status
		}
	}
	for _, mode := range []kiosk.Mode{kiosk.InPerson, kiosk.Video, kiosk.Elsewhere} {
		t.modes[string(mode)] = mode
	}
	for word, id := range m.Departments {
		t.departments[fold(word)] = id
	}
	for word, id := range m.Providers {
		t.providers[fold(word)] = id
	}
	for word, status := range m.Statuses {
		t.statuses[fold(word)] = status
	}
	for word, mode := range m.Modes {
		t.modes[fold(word)] = mode
	}
	for word, tag := range m.Languages {
		t.languages[fold(word)] = tag
	}
	return t
}

// department gives the first of several words that names a department.
func (t tables) department(words ...string) kiosk.DepartmentID {
	for _, w := range words {
		if id, ok := t.departments[fold(w)]; ok && w != "" {
			return id
		}
	}
	return ""
}

// provider gives the first of several words that names a provider.
func (t tables) provider(words ...string) (id kiosk.ProviderID, known bool) {
	for _, w := range words {
		if id, ok := t.providers[fold(w)]; ok && w != "" {
			return id, true
		}
	}
	return "", false
}
