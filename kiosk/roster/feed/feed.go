package feed

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
)

// MaxFile bounds a file, in bytes.
const MaxFile = 16 << 20

const (
	maxRows     = 20_000 // rows, messages or resources that are appointments
	maxProblems = 1000
)

// Format is the form of a list.
type Format string

const (
	Auto Format = "" // the beginning of the file tells
	CSV  Format = "csv"
	HL7  Format = "hl7"
	FHIR Format = "fhir"
)

// Ending says how a file ends.
type Ending string

const (
	Ended Ending = "ended" // as a whole file of its format does
	Open  Ending = "open"  // the last row has all its fields but no line end; it counts
	Cut   Ending = "cut"   // in the middle of something: half-written
)

// List is what a file says.
type List struct {
	Format       Format
	Whole        bool // the file lists all appointments of its days; SIU messages tell changes only
	Appointments []roster.Appointment
	Cancelled    []Cancelled
	Problems     []roster.Problem // what was left out, and what was kept without a damaged part
	Refused      int              // rows that were left out
	Ending       Ending
}

// Cancelled is an appointment that will not take place.
type Cancelled struct {
	ID     kiosk.AppointmentID
	Day    kiosk.Day // empty: the file does not say
	NoShow bool      // the clinic's system says that the patient did not come
}

// Read reads a list. The error is about the file as a whole, and what could be
// read comes with it only where Ending is Cut.
func Read(data []byte, m Mapping) (List, error) {
	if len(data) > MaxFile {
		return List{}, fmt.Errorf("roster is larger than %d MiB", MaxFile>>20)
	}
	if err := m.Validate(); err != nil {
		return List{}, err
	}
	format := m.Format
	if format == Auto {
		format = sniff(data)
	}
	b := builder{mapping: m, tables: newTables(m), lines: map[kiosk.AppointmentID]int{}}
	b.list = List{Format: format, Whole: format != HL7, Ending: Ended}
	var err error
	switch format {
	case HL7:
		err = b.readHL7(data)
	case FHIR:
		err = b.readFHIR(data)
	default:
		err = b.readCSV(data)
	}
	if err == nil {
		err = b.err
	}
	if err != nil && b.list.Ending != Cut {
		return List{}, err
	}
	slices.SortStableFunc(b.list.Problems, func(a, b roster.Problem) int { return a.Line - b.Line })
	return b.list, err
}

// sniff tells the format by what no other format begins with.
func sniff(data []byte) Format {
	start := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), 64)], utf8Mark), " \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("{")):
		return FHIR
	case bytes.HasPrefix(start, []byte{startBlock}):
		return HL7
	}
	for _, segment := range []string{"MSH", "FHS", "BHS"} {
		if rest, ok := bytes.CutPrefix(start, []byte(segment)); ok && len(rest) > 5 && isSeparator(rest[0]) && isSeparator(rest[1]) && isSeparator(rest[2]) {
			return HL7
		}
	}
	return CSV
}

// builder gathers a list.
type builder struct {
	mapping Mapping
	tables  tables
	list    List
	lines   map[kiosk.AppointmentID]int
	err     error // the list has become too long
}

// full reports whether reading should stop.
func (b *builder) full() bool { return b.err != nil }

// refuse notes why a row is left out.
func (b *builder) refuse(line int, column, reason string) {
	b.list.Refused++
	b.note(line, column, reason)
}

// note notes what a row lost.
func (b *builder) note(line int, column, reason string) {
	b.list.Problems = append(b.list.Problems, roster.Problem{Line: line, Column: column, Reason: reason})
	if len(b.list.Problems) >= maxProblems && b.err == nil {
		b.err = fmt.Errorf("roster has %d problems: is it the right file?", maxProblems)
	}
}

// texts are what a row says, by the names of our columns, and what else a list
// may tell.
type texts map[string]string

// Names of texts besides those of roster's columns.
const (
	nativeFamily = "native_family"
	nativeGiven  = "native_given"
	nativeName   = "native_name" // of roster's columns: both in one
)

// add checks a row and keeps it, or reports why not. places says where in the
// file a column comes from, where that is not the column's own name.
func (b *builder) add(line int, t texts, places map[string]string) {
	place := func(column string) string {
		if p, ok := places[column]; ok {
			return p
		}
		return column
	}
	for _, column := range []string{"family_name", "given_name", nativeFamily, nativeGiven, nativeName} {
		if strings.ContainsFunc(t[column], func(r rune) bool { return r == '\uFFFD' || r >= 0x80 && r < 0xA0 }) {
			b.refuse(line, place(column), "has a mark in place of a letter: the export lost it")
			return
		}
	}
	native := nativeName
	if t[nativeName] == "" {
		t[nativeName], native = wholeName(t[nativeFamily], t[nativeGiven]), nativeFamily
	}
	if !plainName(t[nativeName]) {
		b.note(line, place(native), "is too long or has a control character; the row is kept without it")
		delete(t, nativeName)
	}
	b.fill(t)
	a, column, reason := b.mapping.Rules.Check(func(column string) string { return t[column] })
	if reason != "" {
		b.refuse(line, place(column), reason)
		return
	}
	if !b.once(line, a.ID, place("appointment_id")) {
		return
	}
	b.list.Appointments = append(b.list.Appointments, a)
}

// fill completes a department that the row does not name: the provider's, or
// that of the whole file.
func (b *builder) fill(t texts) {
	if t["department"] == "" {
		t["department"] = string(b.mapping.Rules.Providers[kiosk.ProviderID(t["provider"])])
	}
	if t["department"] == "" {
		t["department"] = string(b.mapping.Department)
	}
}

// cancel notes an appointment that will not take place.
func (b *builder) cancel(line int, id kiosk.AppointmentID, start string, noShow bool, place string) {
	if id.Validate() != nil {
		b.refuse(line, place, "want 1 to 40 of A-Z a-z 0-9 _ -")
		return
	}
	if b.once(line, id, place) {
		b.list.Cancelled = append(b.list.Cancelled, Cancelled{ID: id, Day: b.day(start), NoShow: noShow})
	}
}

// day gives the clinic day of a start in RFC 3339, "" where there is none.
func (b *builder) day(start string) kiosk.Day {
	if t, ok := parseZoned(start); ok {
		return b.mapping.Rules.Calendar.Day(t)
	}
	return ""
}

// once reports whether an appointment has not been listed before.
func (b *builder) once(line int, id kiosk.AppointmentID, place string) bool {
	if first, twice := b.lines[id]; twice {
		b.refuse(line, place, fmt.Sprintf("stands in line %d already", first))
		return false
	}
	b.lines[id] = line
	if len(b.lines) > maxRows && b.err == nil {
		b.err = fmt.Errorf("roster has more than %d rows", maxRows)
	}
	return true
}

var errEmpty = errors.New("roster is empty")
