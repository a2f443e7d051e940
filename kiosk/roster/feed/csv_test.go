package feed_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster/feed"

	"github.com/google/go-cmp/cmp"
)

func read(t testing.TB, text string, m feed.Mapping) feed.List {
	t.Helper()
	list, err := feed.Read([]byte(text), m)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return list
}

// reasons gives the problems as text, without lines.
func reasons(l feed.List) string {
	var out []string
	for _, p := range l.Problems {
		out = append(out, p.Column+": "+p.Reason)
	}
	return strings.Join(out, "\n")
}

const head = "appointment_id,patient_id,family_name,birth_date,department,start,phone\n"

// One cell of a good row is replaced by what a spreadsheet made of it.
func TestDamageOfACell(t *testing.T) {
	columns := []string{"appointment_id", "patient_id", "family_name", "birth_date", "department", "start", "phone"}
	good := []string{"a-1", "00012345", "Roe", "1980-02-29", "cardiology", "2026-11-23 09:30", "5550142"}
	setting := func(m feed.Mapping) feed.Mapping { m.Rules = rules(); return m }
	for _, c := range []struct {
		name, column, cell string
		mapping            feed.Mapping
		want               string // of the cell; or
		reason             string // part of it; "kept:" where the row is not lost
	}{
		{"text formula", "patient_id", `="00012345"`, feed.Mapping{}, "00012345", ""},
		{"quoted text formula", "patient_id", `"=""00012345"""`, feed.Mapping{}, "00012345", ""},
		{"text formula with a quote", "family_name", `="Ro""e"`, feed.Mapping{}, `Ro"e`, ""},
		{"two text formulas", "patient_id", `="1"&"2"`, feed.Mapping{}, "", "is a formula"},
		{"formula", "family_name", "=A1", feed.Mapping{}, "", "is a formula"},
		{"apostrophe of an id", "patient_id", "'00012345", feed.Mapping{}, "00012345", ""},
		{"apostrophe of a name", "family_name", "'t Hooft", feed.Mapping{}, "'t Hooft", ""},
		{"blank around", "patient_id", " 00012345\u00a0", feed.Mapping{}, "00012345", ""},
		{"zeros lost", "patient_id", "12345", feed.Mapping{PatientDigits: 8}, "00012345", ""},
		{"zeros lost, not told", "patient_id", "12345", feed.Mapping{}, "12345", ""},
		{"too many digits", "patient_id", "123456789", feed.Mapping{PatientDigits: 8}, "", "number of digits"},
		{"letters among digits", "patient_id", "12a45", feed.Mapping{PatientDigits: 8}, "", "number of digits"},
		{"scientific", "patient_id", "1.23E+15", feed.Mapping{}, "", "scientific form"},
		{"scientific with a comma", "patient_id", `"1,23E+15"`, feed.Mapping{}, "", "scientific form"},
		{"scientific, digits told", "patient_id", "1.23E+15", feed.Mapping{PatientDigits: 16}, "", "scientific form"},
		{"scientific appointment", "appointment_id", "1E+11", feed.Mapping{}, "", "scientific form"},
		{"an id that only looks so", "patient_id", "12E3", feed.Mapping{}, "12E3", ""},
		{"fraction", "patient_id", "12345.0", feed.Mapping{}, "", "with a fraction"},
		{"error mark", "patient_id", "#N/A", feed.Mapping{}, "", "error mark"},
		{"too narrow", "birth_date", "########", feed.Mapping{}, "", "error mark"},
		{"birth as number", "birth_date", "29280", feed.Mapping{}, "", "spreadsheet's number"},
		{"birth as number, told", "birth_date", "29280", feed.Mapping{Serials: feed.Serials1900}, "1980-02-29", ""},
		{"birth as number since 1904", "birth_date", "27818", feed.Mapping{Serials: feed.Serials1904}, "1980-02-29", ""},
		{"birth before both count alike", "birth_date", "060", feed.Mapping{Serials: feed.Serials1900}, "", "is not a date"},
		{"first day that both count alike", "birth_date", "061", feed.Mapping{Serials: feed.Serials1900}, "1900-03-01", ""},
		{"birth with midnight", "birth_date", "1980-02-29 00:00:00", feed.Mapping{}, "1980-02-29", ""},
		{"day first, not told", "birth_date", "03/04/1980", feed.Mapping{}, "", "order of day and month"},
		{"day first", "birth_date", "03/04/1980", feed.Mapping{Dates: feed.DayFirst}, "1980-04-03", ""},
		{"month first", "birth_date", "03/04/1980", feed.Mapping{Dates: feed.MonthFirst}, "1980-03-04", ""},
		{"year first in any order", "birth_date", "1980/4/3", feed.Mapping{Dates: feed.DayFirst}, "1980-04-03", ""},
		{"month by name", "birth_date", "3-Apr-1980", feed.Mapping{}, "1980-04-03", ""},
		{"no such day", "birth_date", "30/02/1980", feed.Mapping{Dates: feed.DayFirst}, "", "is not a date"},
		{"no such month", "birth_date", "04/13/1980", feed.Mapping{Dates: feed.DayFirst}, "", "is not a date"},
		{"two digits of a year", "birth_date", "03/04/80", feed.Mapping{Dates: feed.DayFirst}, "", "year of two digits"},
		{"compact", "birth_date", "19800229", feed.Mapping{}, "1980-02-29", ""},
		{"part of a birth date", "birth_date", "1980-02", feed.Mapping{}, "", "is not a date"},
		{"start as number", "start", "46349.395833", feed.Mapping{}, "", "spreadsheet's number"},
		{"start as number, told", "start", "46349.395833", feed.Mapping{Serials: feed.Serials1900}, "2026-11-23T14:30:00Z", ""},
		{"start with a comma", "start", `"46349,395833"`, feed.Mapping{Serials: feed.Serials1900}, "2026-11-23T14:30:00Z", ""},
		{"start as a day number", "start", "46349", feed.Mapping{Serials: feed.Serials1900}, "", "no time of day"},
		{"start with a zone", "start", "2026-11-23T09:30:00+01:00", feed.Mapping{}, "2026-11-23T08:30:00Z", ""},
		{"start of this century", "start", "23.11.26 9:30", feed.Mapping{Dates: feed.DayFirst}, "2026-11-23T14:30:00Z", ""},
		{"start after noon", "start", "11/23/2026 12:30 PM", feed.Mapping{Dates: feed.MonthFirst}, "2026-11-23T17:30:00Z", ""},
		{"start after midnight", "start", "11/23/2026 12:30 a.m.", feed.Mapping{Dates: feed.MonthFirst}, "2026-11-23T05:30:00Z", ""},
		{"start at thirteen in the afternoon", "start", "11/23/2026 13:30 PM", feed.Mapping{Dates: feed.MonthFirst}, "", "no time of day"},
		{"start shown twice is the first", "start", "2026-11-01 01:30", feed.Mapping{}, "2026-11-01T05:30:00Z", ""},
		{"start never shown is the jump", "start", "2026-03-08 02:30", feed.Mapping{}, "2026-03-08T07:00:00Z", ""},
		{"start cut in the minutes", "start", "2026-11-23 09:3", feed.Mapping{}, "", "no time of day"},
		{"start in another age", "start", "1926-11-23 09:30", feed.Mapping{}, "", "want RFC 3339"},
		{"telephone as number", "phone", "4.41633E+11", feed.Mapping{}, "", "kept:scientific form"},
		{"two telephones", "phone", "555 0100 / 555 0199 / 555 0198", feed.Mapping{}, "", "kept:is not one telephone number"},
		{"telephone with extension", "phone", "(555) 555-0142 x17", feed.Mapping{}, "42", ""},
		{"no telephone", "phone", "none", feed.Mapping{}, "", "kept:is not one telephone number"},
		{"letter lost", "family_name", "Ro\ufffd", feed.Mapping{}, "", "in place of a letter"},
		{"letter read in the wrong set", "family_name", "Jos\u00c3\u0089", feed.Mapping{}, "", "in place of a letter"},
		{"long", "family_name", strings.Repeat("x", 201), feed.Mapping{}, "", "longer than 200 bytes"},
		{"no department", "department", "oncology", feed.Mapping{}, "", "is no department"},
		{"department left to the file", "department", "", feed.Mapping{Department: "radiology"}, "radiology", ""},
		{"department of nobody", "department", "", feed.Mapping{}, "", "is no department"},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := append([]string(nil), good...)
			for i, name := range columns {
				if name == c.column {
					row[i] = c.cell
				}
			}
			list := read(t, head+strings.Join(row, ",")+"\n"+"b-1,99999999,Doe,,cardiology,2026-11-23 10:00,\n", setting(c.mapping))
			last := list.Appointments[len(list.Appointments)-1]
			if last.ID != "b-1" {
				t.Fatalf("the good row was lost: %s", reasons(list))
			}
			reason, kept := strings.CutPrefix(c.reason, "kept:")
			if kept || c.reason == "" {
				if len(list.Appointments) != 2 {
					t.Fatalf("the row was lost: %s", reasons(list))
				}
			} else if len(list.Appointments) != 1 || list.Refused != 1 {
				t.Fatalf("the row was kept")
			}
			if c.reason != "" {
				if got := reasons(list); !strings.HasPrefix(got, c.column) || !strings.Contains(got, reason) || c.cell != "" && strings.Contains(got, c.cell) {
					t.Errorf("problem %q, want %q", got, c.reason)
				}
				return
			}
			a := list.Appointments[0]
			got := map[string]string{"appointment_id": string(a.ID), "patient_id": a.PatientID.Reveal(), "family_name": a.Family.Reveal(), "birth_date": a.Birth.Reveal(),
				"department": string(a.Department), "start": a.Start.Format("2006-01-02T15:04:05Z07:00"), "phone": a.PhoneLast2.Reveal()}[c.column]
			if got != c.want {
				t.Errorf("read %q, want %q", got, c.want)
			}
		})
	}
}

const rowA, rowB = "a-1,M1,Roe,1980-02-29,cardiology,2026-11-23 09:30,5550142", "a-2,M2,Doe,1980-02-29,cardiology,2026-11-23 09:40,5550143"

func TestDamageOfAFile(t *testing.T) {
	withStatus := "appointment_id,patient_id,family_name,department,start,given_name,status\n"
	for _, c := range []struct {
		name, text string
		mapping    feed.Mapping
		ids        string
		ending     feed.Ending
		problems   string
	}{
		{"CRLF", head[:len(head)-1] + "\r\n" + rowA + "\r\n" + rowB + "\r\n", feed.Mapping{}, "a-1 a-2", feed.Ended, ""},
		{"CR", strings.ReplaceAll(head+rowA+"\n"+rowB+"\n", "\n", "\r"), feed.Mapping{}, "a-1 a-2", feed.Ended, ""},
		{"semicolons", strings.ReplaceAll(head+rowA+"\n", ",", ";"), feed.Mapping{}, "a-1", feed.Ended, ""},
		{"tabs", strings.ReplaceAll(head+rowA+"\n", ",", "\t"), feed.Mapping{}, "a-1", feed.Ended, ""},
		{"sep line", "sep=|\n" + strings.ReplaceAll(head+rowA+"\n", ",", "|"), feed.Mapping{}, "a-1", feed.Ended, ""},
		{"trailing separators", strings.ReplaceAll(head+rowA+"\n", "\n", ",,,\n"), feed.Mapping{}, "a-1", feed.Ended, ""},
		{"something behind the separators", head + rowA + ",,x\n" + rowB + "\n", feed.Mapping{}, "a-2", feed.Ended, ": has 9 fields, the first line has 7"},
		{"empty rows", head + rowA + "\n\n,,,,,,\n \n" + rowB + "\n,,,\n\n", feed.Mapping{}, "a-1 a-2", feed.Ended, ""},
		{"header repeated", head + rowA + "\n" + head + rowB + "\n", feed.Mapping{}, "a-1 a-2", feed.Ended, ""},
		{"lines before the names", "Report,of\n\n" + head + rowA + "\n", feed.Mapping{Skip: 2}, "a-1", feed.Ended, ""},
		{"names in capitals with blanks", strings.ToUpper(strings.ReplaceAll(head, ",", " , ")) + rowA + "\n", feed.Mapping{}, "a-1", feed.Ended, ""},
		{"no last line end", head + rowA, feed.Mapping{}, "a-1", feed.Open, ""},
		{"half a row", head + rowA + "\na-2,M2,Do", feed.Mapping{}, "a-1", feed.Cut, ": is half-written: has 3 fields, the first line has 7"},
		{"half a quote", head + rowA + "\na-2,M2,\"Do", feed.Mapping{}, "a-1", feed.Cut, ": quotes do not match"},
		{"half a letter", head + rowA + "\na-2,M2,D\xc3", feed.Mapping{}, "a-1", feed.Cut, ": is half-written: has 3 fields, the first line has 7"},
		{"half a UTF-16 letter", utf16Text(head+rowA+"\n") + "a", feed.Mapping{}, "a-1", feed.Cut, ""},
		{"short row where the rest may be empty", head + "a-1,M1,Roe,,cardiology,2026-11-23 09:30\n" + rowB + "\n", feed.Mapping{}, "a-1 a-2", feed.Ended, ""},
		{"short row without its status", withStatus + "a-1,M1,Roe,cardiology,2026-11-23 09:30\na-2,M2,Doe,cardiology,2026-11-23 09:30,Al,booked\n", feed.Mapping{},
			"a-2", feed.Ended, ": has 5 fields, the first line has 7"},
		{"a quote that nobody closes", head + "a-0,M0,\"Roe,,cardiology,2026-11-23 09:00,\n" + rowA + "\n" + rowB + "\n", feed.Mapping{}, "a-1 a-2", feed.Ended, ": quotes do not match"},
		{"a quote that is closed rows later", head + "a-0,M0,\"Roe,,cardiology,2026-11-23 09:00,\n" + rowA + "\n" + "a-3,M3,Roe\",,cardiology,2026-11-23 09:00,\n" + rowB + "\n", feed.Mapping{},
			"a-1 a-3 a-2", feed.Ended, ": quotes do not match"},
		{"a line end within a field that nobody reads", "appointment_id,patient_id,note,family_name,department,start\n" + "a-1,M1,\"call\nback, \"\"soon\"\"\",Roe,cardiology,2026-11-23 09:30\n",
			feed.Mapping{Columns: map[string]string{"appointment_id": "appointment_id", "patient_id": "2", "family_name": "family_name", "department": "department", "start": "start"}}, "a-1", feed.Ended, ""},
		{"status words", withStatus + "a-1,M1,Roe,cardiology,2026-11-23 09:30,,Canceled\na-2,M2,Roe,cardiology,2026-11-23 09:30,,Proposed\na-3,M3,Roe,cardiology,2026-11-23 09:30,,ARRIVED\n",
			feed.Mapping{}, "a-3 -a-1@2026-11-23", feed.Ended, ""},
		{"cancelled with nothing else", withStatus + "a-1,,,,,,no show\n", feed.Mapping{}, "-a-1@!", feed.Ended, ""},
		{"cancelled without a usable id", withStatus + "1.2E+15,,,,,,cancelled\n", feed.Mapping{}, "", feed.Ended, "appointment_id: is a number in scientific form: a spreadsheet lost its digits; export it as text"},
		{"one digit of two", "appointment_id,patient_id,family_name,department,start,phone_last2\na-1,M1,Roe,cardiology,2026-11-23 09:30,7\n", feed.Mapping{}, "a-1+07", feed.Ended, ""},
		{"one digit of two, maybe cut", "appointment_id,patient_id,family_name,department,start,phone_last2\na-1,M1,Roe,cardiology,2026-11-23 09:30,7", feed.Mapping{}, "a-1", feed.Open,
			"phone_last2: want two digits; the row is kept without it"},
		{"a card", "appointment_id,patient_id,family_name,department,start,card\na-1,M1,Roe,cardiology,2026-11-23 09:30,04:a1:b2:c3:d4:e5:f6\n", feed.Mapping{}, "a-1#04A1B2C3D4E5F6", feed.Ended, ""},
		{"no card", "appointment_id,patient_id,family_name,department,start,card\na-1,M1,Roe,cardiology,2026-11-23 09:30,\n", feed.Mapping{}, "a-1#", feed.Ended, ""},
		{"a card, maybe cut", "appointment_id,patient_id,family_name,department,start,card\na-1,M1,Roe,cardiology,2026-11-23 09:30,04A1B2C3", feed.Mapping{}, "a-1#", feed.Open, ""},
		{"no number of a card", "appointment_id,patient_id,family_name,department,start,card\na-1,M1,Roe,cardiology,2026-11-23 09:30,4.28E+13\n", feed.Mapping{}, "a-1#", feed.Ended,
			"card: want a card's number of 4, 7, 8 or 10 bytes in hex, not one that begins with 08; the row is kept without it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.mapping.Rules = rules()
			list := read(t, c.text, c.mapping)
			var ids []string
			for _, a := range list.Appointments {
				id := string(a.ID)
				if strings.Contains(c.ids, "+") {
					id += "+" + a.PhoneLast2.Reveal()
				}
				if strings.Contains(c.ids, "#") {
					id += "#" + a.CardNumber.Reveal()
				}
				ids = append(ids, id)
			}
			for _, x := range list.Cancelled {
				id := "-" + string(x.ID) + "@" + string(x.Day)
				if x.NoShow {
					id += "!"
				}
				ids = append(ids, id)
			}
			if got := strings.Join(ids, " "); got != c.ids || list.Ending != c.ending {
				t.Errorf("rows %q, ending %q; want %q, %q", got, list.Ending, c.ids, c.ending)
			}
			if diff := cmp.Diff(c.problems, reasons(list)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func utf16Text(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.Write([]byte{byte(u), byte(u >> 8)})
	}
	return b.String()
}

func swapped(s string) string {
	b := []byte(s)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

func TestCharacterSets(t *testing.T) {
	text := "appointment_id,patient_id,family_name,department,start\na-1,M1,Nuñez,cardiology,2026-11-23 09:30\n"
	latin := strings.ReplaceAll(text, "ñ", "\xf1")
	for _, c := range []struct {
		name, text string
		set        feed.Charset
		err        string
	}{
		{"UTF-8", text, feed.Detect, ""},
		{"UTF-8 with a mark", "\ufeff" + text, feed.Detect, ""},
		{"a mark against the config", "\ufeff" + text, feed.Windows1252, ""},
		{"UTF-16 LE with a mark", utf16Text("\ufeff" + text), feed.Detect, ""},
		{"UTF-16 BE with a mark", swapped(utf16Text("\ufeff" + text)), feed.Detect, ""},
		{"UTF-16 LE", utf16Text(text), feed.Detect, ""},
		{"UTF-16 BE", swapped(utf16Text(text)), feed.Detect, ""},
		{"UTF-16 LE, told", utf16Text(text), feed.UTF16LE, ""},
		{"Windows-1252, told", latin, feed.Windows1252, ""},
		{"Windows-1252, not told", latin, feed.Detect, "is not UTF-8"},
		{"UTF-8 told to be Windows-1252", text, feed.Windows1252, "is UTF-8, but"},
		{"zero bytes", "a\x00" + text, feed.Detect, "is not UTF-8"},
	} {
		m := plain()
		m.Charset = c.set
		list, err := feed.Read([]byte(c.text), m)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil || len(list.Appointments) != 1 || list.Appointments[0].Family.Reveal() != "Nuñez" {
			t.Errorf("%s: %d rows, %v, %s", c.name, len(list.Appointments), err, reasons(list))
		}
	}
}

func TestFilesThatAreNoRoster(t *testing.T) {
	numbers := map[string]string{"appointment_id": "1", "patient_id": "2", "family_name": "3", "department": "4", "start": "5"}
	for _, c := range []struct {
		name, text string
		mapping    feed.Mapping
		err        string
	}{
		{"empty", "", feed.Mapping{}, "is empty"},
		{"skipped to the end", "a\nb\n", feed.Mapping{Skip: 5}, "is empty"},
		{"unknown column", "appointment_id,patient_id,family_name,department,start,colour\n", feed.Mapping{}, "column 6 has a name that is not known"},
		{"missing column", "appointment_id,patient_id,family_name,department\n", feed.Mapping{}, "no column for start"},
		{"column twice", "appointment_id,patient_id,family_name,department,start,start\n", feed.Mapping{}, "stands twice"},
		{"mapped column missing", head, feed.Mapping{Columns: map[string]string{"appointment_id": "Nr", "patient_id": "2", "family_name": "3", "department": "4", "start": "5"}}, "column for appointment_id is missing"},
		{"too few columns", "a,b,c\n", feed.Mapping{NoHeader: true, Columns: numbers}, "has 3 columns, and department should be column 4"},
		{"two delimiters", "a,b,c,d,e;b;c;d;e\n", feed.Mapping{NoHeader: true, Columns: numbers}, "several delimiters"},
		{"strange sep line", "sep=x\n" + head, feed.Mapping{}, "delimiter in its first line"},
		{"all bad", head + strings.Repeat("x\n", 2000), feed.Mapping{}, "1000 problems"},
		{"many rows", head + manyRows(20_001), feed.Mapping{}, "more than 20000 rows"},
		{"large", strings.Repeat("\n", feed.MaxFile+1), feed.Mapping{}, "larger than 16 MiB"},
	} {
		c.mapping.Rules = rules()
		if _, err := feed.Read([]byte(c.text), c.mapping); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
	}
}

func manyRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a-%d,M1,Roe,,cardiology,2026-11-23 09:30,\n", i)
	}
	return b.String()
}

func TestMappingsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		mapping feed.Mapping
		err     string
	}{
		{feed.Mapping{Format: "xls"}, "format"},
		{feed.Mapping{Charset: "ebcdic"}, "character set"},
		{feed.Mapping{Delimiter: "x"}, "delimiter"},
		{feed.Mapping{Dates: "dym"}, "date order"},
		{feed.Mapping{Serials: "1899"}, "serial dates"},
		{feed.Mapping{AppointmentID: "SCH-1"}, "appointment id"},
		{feed.Mapping{Skip: -1}, "lines to skip"},
		{feed.Mapping{PatientDigits: 41}, "digits"},
		{feed.Mapping{Statuses: map[string]feed.Status{"weg": "gone"}}, `status "weg"`},
		{feed.Mapping{Modes: map[string]kiosk.Mode{"Phone": "phone"}}, `mode "Phone"`},
		{feed.Mapping{Department: "oncology"}, "oncology"},
		{feed.Mapping{Departments: map[string]kiosk.DepartmentID{"Herz": "oncology"}}, `department "Herz"`},
		{feed.Mapping{Providers: map[string]kiosk.ProviderID{"Who": "dr-who"}}, `provider "Who"`},
		{feed.Mapping{NoHeader: true}, "need numbers"},
		{feed.Mapping{Columns: map[string]string{"colour": "1"}}, `"colour" is not a column`},
		{feed.Mapping{Columns: map[string]string{"appointment_id": "0"}}, "not 1 to 400"},
		{feed.Mapping{Columns: map[string]string{"appointment_id": ""}}, "no name or number"},
		{feed.Mapping{NoHeader: true, Columns: map[string]string{"appointment_id": "Nr"}}, "needs a number"},
		{feed.Mapping{Columns: map[string]string{"appointment_id": "1", "patient_id": "2", "date": "3", "time": "4", "department": "5"}}, "no column for family_name or name"},
		{feed.Mapping{Columns: map[string]string{"appointment_id": "1", "patient_id": "2", "date": "3", "name": "4", "department": "5"}}, "no column for start or time"},
	} {
		c.mapping.Rules = rules()
		if err := c.mapping.Validate(); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("Validate: %v, want %q", err, c.err)
		}
	}
	if err := (feed.Mapping{}).Validate(); err == nil {
		t.Error("a mapping without a zone is valid")
	}
}

func TestNativeNames(t *testing.T) {
	const row = "apt-1,MRN-1,Li,Xiaolong,%s,cardiology,2026-11-23 09:30\n"
	for _, c := range []struct{ columns, cells, want string }{
		{"native_family,native_given", "李,小龙", "李小龙"},
		{"native_family,native_given", "さくら,エマ", "さくらエマ"},
		{"native_family,native_given", "김,민준", "김민준"},
		{"native_family,native_given", "حداد,منى", "حداد منى"},
		{"native_family,native_given", "Ли,小龙", "Ли 小龙"},
		{"native_family,native_given", ",小龙", "小龙"},
		{"native_family,native_given", ",", ""},
		{"native_name", "李 小龙", "李 小龙"},
		{"native_name", "", ""},
	} {
		list := read(t, "appointment_id,patient_id,family_name,given_name,"+c.columns+",department,start\n"+fmt.Sprintf(row, c.cells), plain())
		if len(list.Appointments) != 1 || list.Appointments[0].Native.Reveal() != c.want {
			t.Errorf("%s: want %q, %v", c.cells, c.want, list.Problems)
		}
	}
}
