package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Roster says where the clinic's appointment lists come in and how they are to be
// read. The forms that the keys take are those of kiosk/roster/feed, which this
// package may not import.
type Roster struct {
	Folder       string            `toml:"folder"`
	DaysAhead    int               `toml:"days_ahead"`
	Format       string            `toml:"format"`
	Charset      string            `toml:"charset"`
	Delimiter    string            `toml:"delimiter"`
	Skip         int               `toml:"skip"`
	Header       bool              `toml:"header"`
	Dates        string            `toml:"dates"`
	SerialDates  string            `toml:"serial_dates"`
	Columns      map[string]string `toml:"columns"`
	Departments  map[string]string `toml:"departments"`
	Providers    map[string]string `toml:"providers"`
	Statuses     map[string]string `toml:"statuses"`
	Modes        map[string]string `toml:"modes"`
	Languages    map[string]string `toml:"languages"`
	Department   string            `toml:"department"`
	PatientIDs   int               `toml:"patient_digits"`
	Appointments int               `toml:"appointment_digits"`

	AppointmentID string `toml:"appointment_id"`
	PatientSystem string `toml:"patient_system"`
	VisitSystem   string `toml:"visit_system"`
	CodeSystem    string `toml:"code_system"`
}

const maxWords = 2000 // of a table of the clinic's words

// rosterColumns are the columns that roster.columns may name.
var rosterColumns = []string{
	"appointment_id", "patient_id", "family_name", "given_name", "name", "native_name", "native_family", "native_given", "birth_date",
	"department", "provider", "start", "date", "time", "mode", "language", "phone", "phone_last2", "code", "card", "status",
}

func (x Roster) validate(c *Config, r *report) {
	r.among("roster.format", x.Format, "", "csv", "hl7", "fhir")
	r.among("roster.charset", x.Charset, "", "utf-8", "utf-16le", "utf-16be", "windows-1252")
	r.among("roster.delimiter", x.Delimiter, "", ",", ";", "|", "\t")
	r.among("roster.dates", x.Dates, "", "dmy", "mdy")
	r.among("roster.serial_dates", x.SerialDates, "", "1900", "1904")
	r.among("roster.appointment_id", x.AppointmentID, "", "placer")
	for _, n := range []struct {
		key         string
		value, high int
	}{{"days_ahead", x.DaysAhead, 60}, {"skip", x.Skip, 100}, {"patient_digits", x.PatientIDs, 40}, {"appointment_digits", x.Appointments, 40}} {
		if n.value < 0 || n.value > n.high {
			r.bad("roster."+n.key, itoa(n.value), "0 to "+itoa(n.high), "")
		}
	}
	if x.Department != "" && !c.hasDepartment(x.Department) {
		r.bad("roster.department", x.Department, "the id of a [[department]]: "+c.departmentIDs(), "")
	}
	for _, s := range []struct{ key, value string }{{"patient_system", x.PatientSystem}, {"visit_system", x.VisitSystem}, {"code_system", x.CodeSystem}} {
		if !plainLine(s.value, 200) {
			r.bad("roster."+s.key, s.value, "one line of at most 200 bytes", "")
		}
	}
	x.validateColumns(r)
	x.words(r, "departments", x.Departments, c.hasDepartment, "the id of a [[department]]: "+c.departmentIDs())
	x.words(r, "providers", x.Providers, func(id string) bool { return id == "" || c.hasProvider(id) }, "the id of a [[provider]], or \"\" for whoever is free")
	x.words(r, "statuses", x.Statuses, isOneOf("booked", "skip", "cancelled", "no-show"), oneOf("booked", "skip", "cancelled", "no-show"))
	x.words(r, "modes", x.Modes, isOneOf("in-person", "video", "elsewhere"), oneOf("in-person", "video", "elsewhere"))
	x.words(r, "languages", x.Languages, languageForm.MatchString, "language tags such as \"en\", \"es\" or \"zh-Hans\"")
}

func (x Roster) validateColumns(r *report) {
	for _, column := range slices.Sorted(maps.Keys(x.Columns)) {
		at, where := "roster.columns."+column, x.Columns[column]
		n, err := strconv.Atoi(where)
		switch {
		case !slices.Contains(rosterColumns, column):
			r.bad(at, where, "the columns "+oneOf(rosterColumns...), "")
		case where == "" || !plainLine(where, maxNameLen):
			r.bad(at, where, "a column's name in the file's first line, or its number", "")
		case err == nil && (n < 1 || n > 400):
			r.bad(at, where, "1 to 400", "columns are counted from 1")
		case err != nil && !x.Header:
			r.bad(at, where, "a column's number", "the file has no line with names, by roster.header")
		}
	}
	if len(x.Columns) == 0 {
		if !x.Header {
			r.missing("roster.columns", "the number of each column: the file has no line with names, by roster.header")
		}
		return
	}
	for _, need := range []struct {
		columns []string
		unless  bool
	}{
		{[]string{"appointment_id"}, false}, {[]string{"patient_id"}, false}, {[]string{"family_name", "name"}, false},
		{[]string{"start", "date"}, false}, {[]string{"start", "time"}, false}, {[]string{"department", "provider"}, x.Department != ""},
	} {
		if !need.unless && !slices.ContainsFunc(need.columns, func(c string) bool { return x.Columns[c] != "" }) {
			r.missing("roster.columns", "a column for "+oneOf(need.columns...))
		}
	}
}

// words checks a table of the clinic's words.
func (x Roster) words(r *report, key string, table map[string]string, known func(string) bool, allowed string) {
	if len(table) > maxWords {
		r.bad("roster."+key, itoa(len(table))+" words", fmt.Sprintf("at most %d", maxWords), "")
		return
	}
	for _, word := range slices.Sorted(maps.Keys(table)) {
		if at := "roster." + key + "." + word; word == "" || !plainLine(word, maxNameLen) {
			r.bad(at, word, "words of one line and at most 120 bytes", "")
		} else if !known(table[word]) {
			r.bad(at, table[word], allowed, "")
		}
	}
}

func isOneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

// among reports a value that is none of those allowed; the first of them means
// that nothing is set.
func (r *report) among(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		r.bad(path, value, oneOf(allowed...), "")
	}
}

func (c *Config) hasProvider(id string) bool {
	return slices.ContainsFunc(c.Providers, func(p Provider) bool { return p.ID == id })
}
