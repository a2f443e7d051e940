package feed

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
)

// checkColumns reports what is wrong with the columns of a mapping.
func (m Mapping) checkColumns() error {
	var errs []error
	for input, where := range m.Columns {
		if !slices.Contains(inputs, input) {
			errs = append(errs, fmt.Errorf("%q is not a column that can be mapped: want some of %s", input, strings.Join(inputs, ", ")))
		}
		n, err := strconv.Atoi(where)
		switch {
		case where == "":
			errs = append(errs, fmt.Errorf("column %s has no name or number", input))
		case err == nil && (n < 1 || n > maxFields):
			errs = append(errs, fmt.Errorf("column %s: %d is not 1 to %d", input, n, maxFields))
		case err != nil && m.NoHeader:
			errs = append(errs, fmt.Errorf("column %s needs a number: the file has no line with names", input))
		}
	}
	if m.NoHeader && m.Columns == nil {
		errs = append(errs, errors.New("columns need numbers: the file has no line with names"))
	}
	if m.Columns == nil {
		return errors.Join(errs...)
	}
	for _, either := range [][]string{{"appointment_id"}, {"patient_id"}, {"family_name", "name"}, {"start", "date"}, {"start", "time"},
		{"department", "provider", ""}} {
		found := slices.ContainsFunc(either, func(c string) bool { return m.Columns[c] != "" || c == "" && m.Department != "" })
		if !found {
			errs = append(errs, fmt.Errorf("no column for %s", strings.Trim(strings.Join(either, " or "), " or")))
		}
	}
	return errors.Join(errs...)
}

// layout says where each input stands in a record, from 0.
type layout struct {
	at    map[string]int
	width int
	head  []string // the line with the names; nil: none
}

// lay finds the columns in the first record.
func (m Mapping) lay(first []string) (layout, error) {
	l := layout{at: map[string]int{}, width: len(first)}
	if !m.NoHeader {
		l.head = first
		for l.width > 0 && strings.TrimSpace(first[l.width-1]) == "" {
			l.width-- // separators behind the last name
		}
	}
	columns := m.Columns
	if columns == nil {
		columns = map[string]string{}
		for i, name := range first[:l.width] {
			name = fold(name)
			if !slices.Contains(inputs, name) {
				return l, fmt.Errorf("roster column %d has a name that is not known here: map the columns in the config", i+1)
			}
			columns[name] = name
		}
	}
	for _, input := range inputs {
		where, ok := columns[input]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(where)
		if err == nil {
			if n > l.width {
				return l, fmt.Errorf("roster has %d columns, and %s should be column %d", l.width, input, n)
			}
			l.at[input] = n - 1
			continue
		}
		for i, name := range first[:l.width] {
			if fold(name) != fold(where) {
				continue
			}
			if _, twice := l.at[input]; twice {
				return l, fmt.Errorf("roster column for %s stands twice", input)
			}
			l.at[input] = i
		}
		if _, found := l.at[input]; !found {
			return l, fmt.Errorf("roster column for %s is missing", input)
		}
	}
	if m.Columns == nil {
		own := m
		own.Columns = columns
		if err := own.checkColumns(); err != nil {
			return l, fmt.Errorf("roster lacks a column: %w", err)
		}
	}
	return l, nil
}

// open finds the delimiter and the columns.
func (m Mapping) open(text []byte) (*records, layout, error) {
	r, named, err := newRecords(text, m.Skip)
	if err != nil {
		return nil, layout{}, err
	}
	try := delimiters
	if m.Delimiter != "" {
		try = []string{m.Delimiter}
	} else if named != "" {
		try = []string{named}
	}
	var found *records
	var columns layout
	var first error
	parted := 0
	for _, d := range try {
		trial := *r
		trial.delimiter = d[0]
		rec, ok := trial.next()
		if !ok || rec.bad {
			continue
		}
		l, err := m.lay(rec.fields)
		if err != nil {
			// That of the delimiter which parts the line is the one to tell.
			if len(rec.fields) > parted {
				first, parted = err, len(rec.fields)
			}
			continue
		}
		if found != nil {
			return nil, l, errors.New("roster can be read with several delimiters: set the right one")
		}
		if m.NoHeader {
			trial = *r
			trial.delimiter = d[0]
		}
		found, columns = &trial, l
	}
	switch {
	case found != nil:
		return found, columns, nil
	case first != nil:
		return nil, layout{}, first
	}
	return nil, layout{}, errors.New("roster has no first line with the column names")
}

func (b *builder) readCSV(data []byte) error {
	text, cut, err := decode(data, b.mapping.Charset)
	if err != nil {
		return err
	}
	r, l, err := b.mapping.open(text)
	if err != nil {
		return err
	}
	c := csvReader{builder: b, layout: l, dates: dates{b.mapping.Rules.Calendar, b.mapping.Dates, b.mapping.Serials}}
	for !b.full() {
		start, line := r.at, r.line
		rec, ok := r.next()
		if !ok {
			break
		}
		if rec.span > 1 && !c.plain(rec) {
			// A quote that nobody closed, and one further down, make one record of many.
			r.again(start, line)
			rec = record{line: line, span: 1, bad: true}
		}
		c.record(rec)
	}
	if cut {
		b.list.Ending = Cut
	}
	return nil
}

// csvReader makes appointments of records.
type csvReader struct {
	*builder
	layout
	dates dates
}

// plain reports whether a record has its width and no line end in a field of ours.
func (c csvReader) plain(rec record) bool {
	if len(rec.fields) < c.width {
		return false
	}
	for _, i := range c.at {
		if strings.Contains(rec.fields[i], "\n") {
			return false
		}
	}
	return true
}

// record takes one record.
func (c csvReader) record(rec record) {
	for len(rec.fields) > c.width && strings.TrimSpace(rec.fields[len(rec.fields)-1]) == "" {
		rec.fields = rec.fields[:len(rec.fields)-1]
	}
	switch {
	case rec.bad:
		c.refuse(rec.line, "", "quotes do not match")
		if rec.cut || rec.open {
			c.list.Ending = Cut
		}
	case !slices.ContainsFunc(rec.fields, func(f string) bool { return strings.TrimSpace(f) != "" }):
	case c.head != nil && slices.Equal(rec.fields, c.head[:c.width]):
	case len(rec.fields) > c.width:
		c.refuse(rec.line, "", fmt.Sprintf("has %d fields, the first line has %d", len(rec.fields), c.width))
	case len(rec.fields) < c.width && (rec.open || !c.mayEnd(len(rec.fields))):
		reason := fmt.Sprintf("has %d fields, the first line has %d", len(rec.fields), c.width)
		if rec.open {
			c.list.Ending, reason = Cut, "is half-written: "+reason
		}
		c.refuse(rec.line, "", reason)
	default:
		if rec.open {
			c.list.Ending = Open
		}
		c.row(rec)
	}
}

// mayEnd reports whether a row may lack all fields from n on: spreadsheets leave
// out empty ones at the end of a row. A status is never taken to be empty.
func (c csvReader) mayEnd(n int) bool {
	for _, input := range []string{"appointment_id", "patient_id", "family_name", "name", "start", "date", "time", "department", "status"} {
		if i, ok := c.at[input]; ok && i >= n {
			return false
		}
	}
	return true
}

// row reads the cells of a record and lists what it says.
func (c csvReader) row(rec record) {
	t := texts{}
	why := map[string]string{} // by input
	for input, i := range c.at {
		if i < len(rec.fields) {
			if t[input], why[input] = cell(rec.fields[i]); why[input] == "" && len(t[input]) > 200 {
				why[input] = "is longer than 200 bytes"
			}
		}
	}
	fix := func(input string, fn func(string) (string, string)) {
		if why[input] == "" {
			t[input], why[input] = fn(t[input])
		}
	}
	fix("appointment_id", func(s string) (string, string) { return number(s, c.mapping.AppointmentDigits) })
	fix("patient_id", func(s string) (string, string) { return number(s, c.mapping.PatientDigits) })
	fix("code", func(s string) (string, string) { return number(s, 0) })
	fix("card", func(s string) (string, string) {
		if i, ok := c.at["card"]; ok && rec.open && i == c.width-1 {
			return "", "" // its end may be missing
		}
		if card, ok := roster.ReadCard(strings.TrimPrefix(s, "'")); ok || s == "" {
			return card, ""
		}
		return "", roster.WantCard
	})
	fix("birth_date", func(s string) (string, string) { return c.dates.birth(strings.TrimPrefix(s, "'")) })
	c.start(t, why)

	status, known := c.tables.statuses[fold(t["status"])]
	switch {
	case why["status"] != "":
		c.refuse(rec.line, "status", why["status"])
		return
	case !known:
		c.refuse(rec.line, "status", "is a word that the table of statuses does not have")
		return
	case status == StatusSkip:
		return
	case status != StatusBooked:
		if why["appointment_id"] != "" {
			c.refuse(rec.line, "appointment_id", why["appointment_id"])
			return
		}
		c.cancel(rec.line, kiosk.AppointmentID(t["appointment_id"]), t["start"], status == StatusNoShow, "appointment_id")
		return
	}
	c.name(t, why)
	c.words(t, why)
	c.phone(rec, t, why)
	for _, input := range inputs {
		switch {
		case why[input] == "":
		case slices.Contains([]string{"phone", "phone_last2", "language", "card"}, input):
			c.note(rec.line, input, why[input]+without)
			delete(t, input)
		default:
			c.refuse(rec.line, input, why[input])
			return
		}
	}
	c.add(rec.line, t, nil)
}

// start makes one start of a row's date and time.
func (c csvReader) start(t texts, why map[string]string) {
	input, date, clockText := "start", t["start"], ""
	if _, split := c.at["date"]; split {
		input, date, clockText = "date", t["date"], t["time"]
		if clockText == "" && why["time"] == "" {
			why["time"] = reasonClock
		}
	}
	if why[input] == "" {
		var reason string
		t["start"], reason = c.dates.start(strings.TrimPrefix(date, "'"), strings.TrimPrefix(clockText, "'"))
		if reason == reasonClock && input == "date" {
			input = "time"
		}
		why[input] = reason
	}
}

// name parts a name in one cell.
func (c csvReader) name(t texts, why map[string]string) {
	if _, one := c.at["name"]; one && why["name"] == "" {
		family, given, ok := partName(t["name"])
		if !ok {
			why["name"] = reasonName
			return
		}
		t["family_name"], t["given_name"] = family, given
	}
}

// words looks up what the clinic calls things.
func (c csvReader) words(t texts, why map[string]string) {
	if w := t["department"]; w != "" {
		if t["department"] = string(c.tables.department(w)); t["department"] == "" {
			why["department"] = "is no department of this clinic"
		}
	}
	if w := t["provider"]; w != "" {
		id, known := c.tables.provider(w)
		if t["provider"] = string(id); !known {
			why["provider"] = "is no provider of this clinic"
		}
	}
	if w := t["mode"]; w != "" {
		mode, known := c.tables.modes[fold(w)]
		if t["mode"] = string(mode); !known {
			why["mode"] = "is a word that the table of modes does not have"
		}
	}
	tag, ok := c.tables.language(t["language"])
	if t["language"] = tag; !ok && why["language"] == "" {
		why["language"] = reasonLanguage
	}
}

const reasonLanguage = "is neither a language tag nor in the table of languages"

// phone gives the last two digits of a row's telephone number. A lost zero in
// front of a single digit is put back, but not in a row that may have been cut.
func (c csvReader) phone(rec record, t texts, why map[string]string) {
	if s := strings.TrimPrefix(t["phone_last2"], "'"); why["phone_last2"] == "" {
		switch {
		case len(s) == 1 && allDigits(s) && !rec.open:
			s = "0" + s
		case s != "" && (len(s) != 2 || !allDigits(s)):
			why["phone_last2"] = "want two digits"
		}
		t["phone_last2"] = s
	}
	if t["phone_last2"] == "" && why["phone"] == "" {
		if t["phone_last2"], why["phone"] = lastTwo(t["phone"]); rec.open && c.at["phone"] == c.width-1 {
			t["phone_last2"] = "" // its end may be missing
		}
	}
}
