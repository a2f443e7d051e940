package feed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/kiosk/roster/feed"
)

// sound checks what holds of every list, whatever the bytes.
func sound(t *testing.T, data []byte, m feed.Mapping) {
	list, err := feed.Read(data, m)
	if err != nil && list.Ending != feed.Cut && len(list.Appointments) > 0 {
		t.Errorf("a refused file has rows: %v", err)
	}
	seen := map[string]bool{}
	for _, a := range list.Appointments {
		if a.ID.Validate() != nil || a.Family.IsZero() || a.PatientID.IsZero() || a.Start.IsZero() || !a.Day.Valid() || !a.Mode.Listed() || a.Department == "" {
			t.Errorf("an unusable row was listed")
		}
		if seen[string(a.ID)] {
			t.Error("an appointment is listed twice")
		}
		seen[string(a.ID)] = true
		for _, s := range []string{a.Family.Reveal(), a.Given.Reveal(), a.Native.Reveal()} {
			if len(s) > 200 || strings.ContainsAny(s, "\r\n\x00\ufffd") {
				t.Error("a name is damaged")
			}
		}
		if n := len(a.PhoneLast2.Reveal()); n != 0 && n != 2 {
			t.Errorf("%d digits of a telephone", n)
		}
	}
	for _, c := range list.Cancelled {
		if c.ID.Validate() != nil || seen[string(c.ID)] {
			t.Error("a cancellation of nothing, or of what is listed")
		}
	}
	for _, p := range list.Problems {
		// Reasons are ours; a value of the file would bring its marks with it.
		if p.Line < 1 || strings.Contains(p.String(), "Zyx") || len(p.String()) > 200 {
			t.Errorf("problem %q", p)
		}
	}
}

func seeds(f *testing.F, format feed.Format) {
	for _, e := range exports {
		data, err := os.ReadFile(filepath.Join("testdata", e.file))
		if err != nil {
			f.Fatal(err)
		}
		isFHIR, isHL7 := strings.HasSuffix(e.file, "json"), strings.HasSuffix(e.file, "hl7")
		if format == feed.FHIR && isFHIR || format == feed.HL7 && isHL7 || format == feed.CSV && !isFHIR && !isHL7 {
			f.Add(data)
		}
	}
}

func FuzzCSV(f *testing.F) {
	seeds(f, feed.CSV)
	f.Add([]byte(head + "\"Zyx\",\"a\"b\n\"c\n" + rowA + "\r\"\"\"\n,,"))
	f.Add([]byte("\xff\xfe" + utf16Text(head+rowA)))
	own, mapped := plain(), plain()
	own.Format = feed.CSV
	mapped.Format, mapped.NoHeader, mapped.Dates, mapped.Serials, mapped.Charset, mapped.PatientDigits = feed.CSV, true, feed.MonthFirst, feed.Serials1904, feed.Windows1252, 8
	mapped.Columns = map[string]string{"appointment_id": "1", "patient_id": "2", "name": "3", "birth_date": "4", "department": "5", "date": "6", "time": "7", "phone": "8", "status": "9", "native_family": "10"}
	f.Add([]byte("a-1,1,\"Zyx, A\",3/4/80,cardiology,44000,0.395833,4.4E+11,,\u674e\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sound(t, data, own)
		sound(t, data, mapped)
	})
}

func FuzzHL7(f *testing.F) {
	seeds(f, feed.HL7)
	f.Add([]byte("\x0b" + siu("S12", `PID-5=Zyx\X41\\S\^\`) + "\x1c\r" + siu("S15")))
	m := hl7Mapping()
	m.Format = feed.HL7
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data, m) })
}

func FuzzFHIR(f *testing.F) {
	seeds(f, feed.FHIR)
	f.Add([]byte(fhirPatient + "\n" + strings.ReplaceAll(fhirBooked, "Heart", "Zyx")))
	m := fhirMapping()
	m.Format = feed.FHIR
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data, m) })
}
