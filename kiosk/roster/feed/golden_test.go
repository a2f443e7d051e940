package feed_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zone files

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func calendar() kiosk.Calendar {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return kiosk.Calendar{Zone: loc, DayStarts: 3 * time.Hour}
}

func rules() roster.Rules {
	return roster.Rules{Calendar: calendar(), Departments: []kiosk.DepartmentID{"cardiology", "radiology"},
		Providers: map[kiosk.ProviderID]kiosk.DepartmentID{"dr-vega": "cardiology", "dr-okafor": "radiology"}}
}

// plain is the mapping of a clinic that set nothing.
func plain() feed.Mapping { return feed.Mapping{Rules: rules()} }

// The exports of twelve made-up clinics and how each one's config reads them.
var exports = []struct {
	file    string
	mapping feed.Mapping
}{
	{"own.csv", feed.Mapping{}},
	{"semicolon-1252.csv", feed.Mapping{
		Charset: feed.Windows1252, Dates: feed.DayFirst,
		Columns: map[string]string{"appointment_id": "Termin", "patient_id": "Patientennr", "family_name": "Nachname", "given_name": "vorname",
			"birth_date": "Geburtsdatum", "department": "Abteilung", "provider": "Arzt", "date": "Datum", "time": "Uhrzeit", "status": "Status", "phone": "Telefon"},
		Departments: map[string]kiosk.DepartmentID{"Herz und Gefäße": "cardiology", "Röntgen": "radiology"},
		Providers:   map[string]kiosk.ProviderID{"Dr. Vega": "dr-vega", "Dr. Okafor": "dr-okafor"},
		Statuses:    map[string]feed.Status{"geplant": feed.StatusBooked, "storniert": feed.StatusCancelled, "Entwurf": feed.StatusSkip},
	}},
	{"excel-damage.csv", feed.Mapping{
		Serials: feed.Serials1900, PatientDigits: 8,
		Columns: map[string]string{"appointment_id": "1", "patient_id": "MRN", "family_name": "Last", "given_name": "First", "birth_date": "DOB",
			"department": "Dept", "start": "7", "phone": "Phone", "phone_last2": "Two"},
	}},
	{"utf16.txt", feed.Mapping{
		Dates: feed.MonthFirst,
		Columns: map[string]string{"appointment_id": "Appt No", "patient_id": "Chart", "name": "Patient", "birth_date": "DOB", "department": "Clinic",
			"provider": "Doctor", "date": "Date", "time": "Time", "mode": "Visit", "language": "Language", "native_family": "本名 姓", "native_given": "本名 名"},
		Departments: map[string]kiosk.DepartmentID{"heart center": "cardiology"},
		Providers:   map[string]kiosk.ProviderID{"Vega, Ana": "dr-vega", "Okafor, Ben": "dr-okafor"},
		Modes:       map[string]kiosk.Mode{"Office": kiosk.InPerson, "Telehealth": kiosk.Video},
		Languages:   map[string]string{"Mandarin": "zh-Hans"},
	}},
	{"quotes-mac.csv", feed.Mapping{}},
	{"cut.csv", feed.Mapping{}},
	{"headless.txt", feed.Mapping{
		Format: feed.CSV, NoHeader: true, Dates: feed.DayFirst,
		Columns: map[string]string{"appointment_id": "2", "family_name": "3", "given_name": "4", "patient_id": "5", "start": "6", "birth_date": "7", "provider": "8", "status": "9"},
	}},
	{"siu-mllp.hl7", feed.Mapping{
		Departments: map[string]kiosk.DepartmentID{"CARD": "cardiology"}, Providers: map[string]kiosk.ProviderID{"77": "dr-vega"}, PatientSystem: "RIV",
	}},
	{"siu-batch-latin1.hl7", feed.Mapping{
		Departments: map[string]kiosk.DepartmentID{"RAD": "radiology"}, Providers: map[string]kiosk.ProviderID{"ok": ""},
	}},
	{"siu-utf8.hl7", feed.Mapping{
		Departments: map[string]kiosk.DepartmentID{"CARD": "cardiology", "RAD": "radiology"}, Providers: map[string]kiosk.ProviderID{"Vega, Ana": "dr-vega", "77": "dr-vega"},
	}},
	{"bundle.json", feed.Mapping{
		VisitSystem: "urn:visit", PatientSystem: "urn:mrn",
		Departments: map[string]kiosk.DepartmentID{"Location/3": "cardiology"}, Modes: map[string]kiosk.Mode{"TELE": kiosk.Video},
		Providers: map[string]kiosk.ProviderID{"Vega, Ana": "dr-vega", "9998": "dr-okafor"},
	}},
	{"export.ndjson", feed.Mapping{
		Departments: map[string]kiosk.DepartmentID{"3": "cardiology"},
	}},
}

// secrets are texts about people in the exports; no problem may name one.
var secrets = []string{"Roe", "Doe", "Nguy", "MRN-", "Müller", "Groß", "Peña", "Gefä", "4567", "1.23E", "29280", "García", "Muhammad", "Klingon", "Old", "Nick", "Else", "Nobody", "Hex", "Wait", "Jane", "tomorrow", "1980"}

// A golden result holds the masked preview, and of everything that it masks a
// short hash, so that one wrong letter changes it.
func TestExports(t *testing.T) {
	if len(exports) != 12 {
		t.Fatalf("%d exports", len(exports))
	}
	for _, e := range exports {
		t.Run(e.file, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", e.file))
			if err != nil {
				t.Fatal(err)
			}
			e.mapping.Rules = rules()
			list, err := feed.Read(data, e.mapping)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := feed.Preview(&out, list, calendar().Zone); err != nil {
				t.Fatal(err)
			}
			for _, secret := range secrets {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the preview shows %q", secret)
				}
			}
			for _, a := range list.Appointments {
				fmt.Fprintf(&out, "%s  %s\n", a.ID, digest(a.PatientID, a.Family, a.Given, a.Native, a.Birth, a.PhoneLast2, a.Code))
			}
			golden(t, e.file+".golden", out.String())
		})
	}
}

func digest(texts ...phi.Text) string {
	var out []string
	for _, t := range texts {
		if t.IsZero() {
			out = append(out, "-")
			continue
		}
		sum := sha256.Sum256([]byte(t.Reveal()))
		out = append(out, fmt.Sprintf("%x", sum[:3]))
	}
	return strings.Join(out, " ")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got; -update rewrites it):\n%s", name, diff)
	}
}
