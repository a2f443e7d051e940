package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/kiosk/roster/feed"
)

// clinicConfig is a made-up clinic's config with a [roster] section.
func clinicConfig(section string) string {
	return `
[kiosk]
id = "lobby-1"
letter = "A"
site = "main"
organization = "riverside"
zone = "America/New_York"
[storage]
dir = "data"
[key_source]
kind = "key-file"
file = "root.key"
[control]
path = "control.sock"
[pubnub]
publish_key = "demo"
subscribe_key = "demo"
[roster]
` + section + `
[[department]]
id = "cardiology"
name = { en = "Cardiology" }
[[provider]]
id = "dr-vega"
name = "Dr. Vega"
department = "cardiology"
`
}

func mapping(t *testing.T, section string) feed.Mapping {
	t.Helper()
	c, err := config.Parse([]byte(clinicConfig(section)), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return gateway.RosterMapping(c)
}

func TestRosterMappingOfAConfig(t *testing.T) {
	m := mapping(t, `
charset = "windows-1252"
delimiter = ";"
dates = "dmy"
patient_digits = 6
columns = { appointment_id = "Nr", patient_id = "Pat", name = "Name", date = "Datum", time = "4", provider = "Arzt", status = "Status" }
statuses = { abgesagt = "cancelled" }
[roster.providers]
"Dr. Ana Vega" = "dr-vega"
`)
	text := "Nr;Pat;Name;Uhr;Datum;Arzt;Status\r\na-1;123;Nu\xf1ez, Jos\xe9;09:30;23.11.2026;Dr. Ana Vega;\r\na-2;;;10:00;23.11.2026;;Abgesagt\r\n"
	list, err := feed.Read([]byte(text), m)
	if err != nil || len(list.Appointments) != 1 || len(list.Cancelled) != 1 || len(list.Problems) != 0 {
		t.Fatalf("%d rows, %d cancelled, %v, %v", len(list.Appointments), len(list.Cancelled), list.Problems, err)
	}
	a := list.Appointments[0]
	if a.PatientID.Reveal() != "000123" || a.Family.Reveal() != "Nuñez" || a.Department != "cardiology" || a.Provider != "dr-vega" || list.Cancelled[0].Day != "2026-11-23" {
		t.Errorf("row %+v, cancelled %+v", a, list.Cancelled)
	}
	own, err := feed.Read([]byte("appointment_id,patient_id,family_name,department,start\na-1,M1,Roe,cardiology,2026-11-23 09:30\n"), mapping(t, ""))
	if err != nil || len(own.Appointments) != 1 {
		t.Errorf("without settings: %d rows, %v", len(own.Appointments), err)
	}
}

// Whatever the config accepts, the readers accept, and the other way round.
func TestConfigAndReadersAgree(t *testing.T) {
	needed := map[string]string{"appointment_id": "1", "patient_id": "2", "family_name": "3", "start": "4", "date": "5", "time": "6", "department": "7"}
	for _, column := range append(feed.Inputs(), "colour", "end") {
		columns := map[string]string{column: "9"}
		for c, n := range needed {
			columns[c] = n
		}
		var list []string
		for c, n := range columns {
			list = append(list, fmt.Sprintf("%s = %q", c, n))
		}
		slices.Sort(list)
		agree(t, "columns = { "+strings.Join(list, ", ")+" }", func(m *feed.Mapping) { m.Columns = columns })
	}
	for _, v := range []string{"", "csv", "hl7", "fhir", "CSV", "xls"} {
		agree(t, fmt.Sprintf("format = %q", v), func(m *feed.Mapping) { m.Format = feed.Format(v) })
	}
	for _, v := range []string{"", "utf-8", "utf-16le", "utf-16be", "windows-1252", "8859/1", "latin1"} {
		agree(t, fmt.Sprintf("charset = %q", v), func(m *feed.Mapping) { m.Charset = feed.Charset(v) })
	}
	for _, v := range []string{"", ",", ";", "|", "\t", ":", ",,"} {
		agree(t, fmt.Sprintf("delimiter = %q", v), func(m *feed.Mapping) { m.Delimiter = v })
	}
	for _, v := range []string{"", "dmy", "mdy", "ymd"} {
		agree(t, fmt.Sprintf("dates = %q", v), func(m *feed.Mapping) { m.Dates = feed.DateOrder(v) })
	}
	for _, v := range []string{"", "1900", "1904", "1970"} {
		agree(t, fmt.Sprintf("serial_dates = %q", v), func(m *feed.Mapping) { m.Serials = feed.Serials(v) })
	}
	for _, v := range []string{"", "placer", "filler"} {
		agree(t, fmt.Sprintf("appointment_id = %q", v), func(m *feed.Mapping) { m.AppointmentID = feed.IDSource(v) })
	}
	for _, v := range []string{"booked", "skip", "cancelled", "no-show", "", "gone"} {
		agree(t, fmt.Sprintf("statuses = { x = %q }", v), func(m *feed.Mapping) { m.Statuses = map[string]feed.Status{"x": feed.Status(v)} })
	}
	for _, n := range []int{-1, 0, 40, 41, 100, 101} {
		agree(t, fmt.Sprintf("patient_digits = %d", n), func(m *feed.Mapping) { m.PatientDigits = n })
		agree(t, fmt.Sprintf("skip = %d", n), func(m *feed.Mapping) { m.Skip = n })
	}
	for _, section := range []string{"header = false", "columns = { appointment_id = \"1\" }", "header = false\ncolumns = { appointment_id = \"Nr\" }"} {
		agree(t, section, func(m *feed.Mapping) {
			m.NoHeader = strings.HasPrefix(section, "header")
			if strings.Contains(section, "columns") {
				m.Columns = map[string]string{"appointment_id": "1"}
			}
		})
	}
}

func agree(t *testing.T, section string, set func(*feed.Mapping)) {
	t.Helper()
	c, err := config.Parse([]byte(clinicConfig("")), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := gateway.RosterMapping(c)
	set(&m)
	_, configErr := config.Parse([]byte(clinicConfig(section)), t.TempDir())
	if feedErr := m.Validate(); (configErr == nil) != (feedErr == nil) {
		t.Errorf("%s: the config says %v, the readers %v", section, configErr, feedErr)
	}
}
