package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster/feed"
)

const (
	fhirPatient = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:mrn","value":"M1"},{"use":"old","system":"urn:mrn","value":"M0"}],"name":[{"family":"Roe","given":["Jane"]}],"birthDate":"1980-02-29"}`
	fhirBooked  = `{"resourceType":"Appointment","id":"a1","status":"booked","start":"2026-11-23T09:30:00-05:00","participant":[{"actor":{"reference":"Patient/p1"}},{"actor":{"reference":"Location/l1","display":"Heart"}}]}`
)

func fhirMapping() feed.Mapping {
	m := plain()
	m.Departments = map[string]kiosk.DepartmentID{"Heart": "cardiology", "HealthcareService/x": "radiology", "Röntgen": "radiology", "394579002": "cardiology"}
	m.Providers = map[string]kiosk.ProviderID{"Practitioner/77": "dr-vega", "Dr. Ben Okafor": "dr-okafor", "PractitionerRole/r": "dr-vega"}
	m.Modes = map[string]kiosk.Mode{"tele": kiosk.Video, "Location/virtual": kiosk.Video}
	return m
}

func TestElementsOfResources(t *testing.T) {
	const names = `"name":[{"family":"Roe","given":["Jane"]}]`
	const heart = `{"actor":{"reference":"Location/l1","display":"Heart"}}`
	for _, c := range []struct {
		name     string
		old, new string // in patient and appointment
		set      func(*feed.Mapping)
		want     string
		keepsRow bool
	}{
		{"as it is", "", "", nil, "start=2026-11-23T14:30:00Z", false},
		{"start without zone", `09:30:00-05:00"`, `09:30:00"`, nil, "Appointment.start: is no time with a zone", false},
		{"no start", `"start":"2026-11-23T09:30:00-05:00",`, ``, nil, "Appointment.start: is no time with a zone", false},
		{"birth to the month", `1980-02-29`, `1980-02`, nil, "Patient.birthDate: is not a whole date; the row is kept without it", true},
		{"birth to the year", `1980-02-29`, `1980`, nil, "Patient.birthDate: is not a whole date; the row is kept without it", true},
		{"birth with a time", `1980-02-29`, `1980-02-29T00:00:00Z`, nil, "Patient.birthDate: is not a date", false},
		{"birth that never was", `1980-02-29`, `1981-02-29`, nil, "Patient.birthDate: is not a date", false},
		{"patient by system", "", "", func(m *feed.Mapping) { m.PatientSystem = "urn:mrn" }, "patient_id=M1", false},
		{"patient by id", "", "", nil, "patient_id=p1", false},
		{"no such system", "", "", func(m *feed.Mapping) { m.PatientSystem = "urn:x" }, "Patient.identifier: has no value of the system that is set", false},
		{"twice in the system", `"use":"old"`, `"use":"usual"`, func(m *feed.Mapping) { m.PatientSystem = "urn:mrn" }, "Patient.identifier: has several values of the system that is set", false},
		{"visit by system", `"id":"a1"`, `"id":"a1","identifier":[{"system":"urn:v","value":"V1"}]`, func(m *feed.Mapping) { m.VisitSystem = "urn:v" }, "appointment_id=V1", false},
		{"code by system", `"id":"a1"`, `"id":"a1","identifier":[{"system":"urn:c","value":"kv-7712"}]`, func(m *feed.Mapping) { m.CodeSystem = "urn:c" }, "code=KV7712", false},
		{"visit without id", `"id":"a1",`, ``, nil, "Appointment.identifier: has no id, and no identifier system is set", false},
		{"official before usual", names, `"name":[{"use":"usual","family":"B"},{"use":"official","family":"A","given":["X","Y"]}]`, nil, "name=A, X Y", false},
		{"former name alone", names, `"name":[{"use":"maiden","family":"B"}]`, nil, "Patient.name: has no name in parts that may be used", false},
		{"name as text", names, `"name":[{"text":"Roe, Ann"}]`, nil, "name=Roe, Ann", false},
		{"name as text in some order", names, `"name":[{"text":"Ann Roe"}]`, nil, "Patient.name: has no name in parts that may be used", false},
		{"one name", names, `"name":[{"given":["Suharto"]}]`, nil, "name=Suharto", false},
		{"native script", names, `"name":[{"family":"李","given":["伟"],"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"IDE"}]},{"family":"Li","given":["Wei"]}]`, nil, "name=Li, Wei/李伟", false},
		{"native script, not told so", names, `"name":[{"use":"official","family":"محمد"},{"use":"usual","family":"Muhammad"}]`, nil, "name=Muhammad/محمد", false},
		{"sound is no script", names, `"name":[{"family":"リ","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"SYL"}]},{"family":"李"}]`, nil, "name=李", false},
		{"telephone", names, names + `,"telecom":[{"system":"email","value":"x"},{"system":"phone","value":"555 0101"},{"system":"phone","use":"mobile","value":"555 0143"}]`, nil, "phone=43", false},
		{"language", names, names + `,"communication":[{"language":{"coding":[{"code":"en"}]}},{"language":{"coding":[{"code":"spa"}]},"preferred":true}]`, nil, "language=es", false},
		{"two languages", names, names + `,"communication":[{"language":{"coding":[{"code":"en"}]}},{"language":{"coding":[{"code":"spa"}]}}]`, nil, "language=", false},
		{"language unknown", names, names + `,"communication":[{"language":{"text":"Klingonese"}}]`, nil, "Patient.communication: is neither a language tag nor in the table of languages; the row is kept without it", true},
		{"contained", `{"actor":{"reference":"Patient/p1"}}`, `{"actor":{"reference":"#c"}}],"contained":[{"resourceType":"Patient","id":"c","name":[{"family":"Con"}]}],"x":[0`, func(m *feed.Mapping) { m.Department = "cardiology" }, "name=Con", false},
		{"contained and missing", "Patient/p1", "#c", nil, "Appointment.participant: names no patient", false},
		{"absolute", "Patient/p1", "https://pms.example/fhir/Patient/p1", nil, "patient_id=p1", false},
		{"of a version", "Patient/p1", "Patient/p1/_history/3", nil, "patient_id=p1", false},
		{"logical", `"reference":"Patient/p1"`, `"type":"Patient","identifier":{"system":"urn:mrn","value":"M1"}`, nil, "patient_id=p1", false},
		{"not in the file", "Patient/p1", "Patient/p2", nil, "Appointment.participant: names a patient who is not in the file", false},
		{"no patient", `{"actor":{"reference":"Patient/p1"}},`, ``, nil, "Appointment.participant: names no patient", false},
		{"patient who declined", `"Patient/p1"}}`, `"Patient/p1"},"status":"declined"}`, nil, "Appointment.participant: names no patient", false},
		{"department by service", heart, `{"actor":{"reference":"HealthcareService/x"}}`, nil, "department=radiology", false},
		{"department by specialty", `,` + heart, `],"specialty":[{"coding":[{"code":"394579002"}]}],"x":[`, nil, "department=cardiology", false},
		{"department unknown", heart, `{"actor":{"reference":"Location/9"}}`, nil, "Appointment.participant: is no department of this clinic", false},
		{"provider", heart, heart + `,{"actor":{"reference":"Practitioner/77"}}`, nil, "provider=dr-vega", false},
		{"provider by display", heart, `{"actor":{"type":"Practitioner","display":"dr.  ben OKAFOR"}}`, nil, "provider=dr-okafor", false},
		{"provider by role", heart, `{"actor":{"reference":"https://x.example/PractitionerRole/r"}}`, nil, "provider=dr-vega", false},
		{"provider unknown", heart, heart + `,{"actor":{"reference":"Practitioner/5"}}`, nil, "Appointment.participant: is no provider of this clinic", false},
		{"provider who declined", heart, heart + `,{"actor":{"reference":"Practitioner/5"},"status":"declined"}`, nil, "provider=", false},
		{"mode by type", `"status":"booked"`, `"status":"booked","appointmentType":{"coding":[{"code":"TELE"}]}`, nil, "mode=video", false},
		{"mode by place", heart, heart + `,{"actor":{"reference":"Location/virtual"}}`, nil, "mode=video", false},
		{"arrived", `"booked"`, `"arrived"`, nil, "mode=in-person", false},
		{"proposed", `"booked"`, `"proposed"`, nil, "nothing", false},
		{"cancelled", `"booked"`, `"cancelled"`, nil, "cancelled=2026-11-23", false},
		{"entered in error", `"booked"`, `"entered-in-error"`, nil, "cancelled=2026-11-23", false},
		{"no-show", `"booked"`, `"noshow"`, nil, "no-show=2026-11-23", false},
		{"no status", `"status":"booked",`, ``, nil, "Appointment.status: is a word that the table of statuses does not have", false},
		{"deep", `"status":"booked"`, `"status":"booked","x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70), nil, ": nests more than 64 levels", false},
		{"large", `"status":"booked"`, `"status":"booked","x":"` + strings.Repeat("x", 300<<10) + `"`, nil, ": is larger than 256 KiB", false},
		{"wrong type", `"id":"a1"`, `"id":1`, nil, ": has an element of another type than FHIR R4 says", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fhirMapping()
			if c.set != nil {
				c.set(&m)
			}
			text := fhirPatient + "\n" + fhirBooked + "\n"
			if c.old != "" && !strings.Contains(text, c.old) {
				t.Fatal("the case changes nothing")
			}
			list := read(t, strings.Replace(text, c.old, c.new, 1), m)
			if got := reasons(list); got != "" || strings.Contains(c.want, ": ") {
				if got != c.want || (len(list.Appointments) == 1) != c.keepsRow {
					t.Errorf("problem %q and %d rows, want %q", got, len(list.Appointments), c.want)
				}
				return
			}
			got := map[string]string{}
			for _, x := range list.Cancelled {
				if x.NoShow {
					got["no-show"] = string(x.Day)
				} else {
					got["cancelled"] = string(x.Day)
				}
			}
			for _, a := range list.Appointments {
				name := a.Family.Reveal()
				if !a.Given.IsZero() {
					name += ", " + a.Given.Reveal()
				}
				if !a.Native.IsZero() {
					name += "/" + a.Native.Reveal()
				}
				got = map[string]string{"appointment_id": string(a.ID), "patient_id": a.PatientID.Reveal(), "name": name, "birth_date": a.Birth.Reveal(), "phone": a.PhoneLast2.Reveal(),
					"language": a.Language, "department": string(a.Department), "provider": string(a.Provider), "start": a.Start.Format("2006-01-02T15:04:05Z07:00"), "mode": string(a.Mode),
					"code": a.Code.Reveal()}
			}
			column, want, _ := strings.Cut(c.want, "=")
			if text, there := got[column]; (!there || text != want) && !(c.want == "nothing" && len(got) == 0) {
				t.Errorf("%s = %q (there: %v), want %q", column, text, there, want)
			}
		})
	}
}

func TestBundles(t *testing.T) {
	entry := func(url, resource string) string { return fmt.Sprintf(`{"fullUrl":%q,"resource":%s}`, url, resource) }
	bundle := func(more string, entries ...string) string {
		return `{"resourceType":"Bundle","type":"searchset"` + more + `,"entry":[` + strings.Join(entries, ",\n") + "]}\n"
	}
	server, other := "https://a.example/fhir/", "https://b.example/fhir/"
	stranger := strings.Replace(fhirPatient, "Roe", "Stranger", 1)
	for _, c := range []struct {
		name, text string
		family     string // of the appointment's patient
		err        string
		ending     feed.Ending
		problem    string
	}{
		{"bundle", bundle("", entry(server+"Patient/p1", fhirPatient), entry(server+"Appointment/a1", fhirBooked)), "Roe", "", feed.Ended, ""},
		{"of two servers", bundle("", entry(server+"Patient/p1", fhirPatient), entry(other+"Patient/p1", stranger), entry(server+"Appointment/a1", fhirBooked)), "Roe", "", feed.Ended, ""},
		{"of two servers, in another order", bundle("", entry(other+"Patient/p1", stranger), entry(server+"Appointment/a1", fhirBooked), entry(server+"Patient/p1", fhirPatient)), "Roe", "", feed.Ended, ""},
		{"patient of another server", bundle("", entry(other+"Patient/p1", stranger), entry(server+"Appointment/a1", strings.Replace(fhirBooked, "Patient/p1", server+"Patient/p1", 1))), "",
			"", feed.Ended, "entry[2] Appointment.participant: names a patient who is not in the file"},
		{"one bad entry", bundle("", `{"resource":{"id":3}}`, `[]`, entry(server+"Patient/p1", fhirPatient), entry(server+"Appointment/a1", fhirBooked)), "Roe", "", feed.Ended,
			"entry[1]: has an element of another type than FHIR R4 says\nentry[2]: is no entry of a Bundle"},
		{"a page of several", bundle(`,"link":[{"relation":"next","url":"x"}]`, entry(server+"Patient/p1", fhirPatient)), "", "one page of a longer answer", "", ""},
		{"history", strings.Replace(bundle("", entry(server+"Patient/p1", fhirPatient)), "searchset", "history", 1), "", "a history", "", ""},
		{"cut", bundle("", entry(server+"Patient/p1", fhirPatient), entry(server+"Appointment/a1", fhirBooked))[:400], "", "ends in the middle", feed.Cut, ""},
		{"not JSON", `{"resourceType":"Bundle",]`, "", "is no JSON in line 1", "", ""},
		{"something behind", bundle("") + " x", "", "behind its end", "", ""},
		{"too deep", `{"resourceType":"Bundle","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "", "nests more than 64 levels", "", ""},
		{"bundle among lines", fhirPatient + "\n" + `{"resourceType":"Bundle"}` + "\n", "", "Bundle among its lines", "", ""},
		{"lines", fhirBooked + "\n\n" + fhirPatient, "Roe", "", feed.Ended, ""},
		{"a bad line", fhirPatient + "\n{]\n" + fhirBooked + "\n", "Roe", "", feed.Ended, ": is no JSON"},
		{"a bad first line", "{]\n" + fhirPatient + "\n" + fhirBooked + "\n", "Roe", "", feed.Ended, ": is no JSON"},
		{"half of the last line", fhirPatient + "\n" + fhirBooked + "\n" + fhirBooked[:50], "Roe", "", feed.Cut, ": is half-written"},
		{"not UTF-8", fhirPatient + "\n" + strings.Replace(fhirBooked, "Heart", "H\xe4rt", 1), "", "is not UTF-8", "", ""},
		{"twice", fhirPatient + "\n" + fhirBooked + "\n" + fhirBooked + "\n", "Roe", "", feed.Ended, "Appointment.id: stands in line 2 already"},
		{"one resource in several lines", strings.ReplaceAll(fhirBooked, ",", ",\n"), "", "", feed.Ended, "Appointment.participant: names a patient who is not in the file"},
		{"empty", " \n", "", "is empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fhirMapping()
			m.Format = feed.FHIR
			list, err := feed.Read([]byte(c.text), m)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || list.Ending != c.ending {
					t.Errorf("%v, %q; want %q, %q", err, list.Ending, c.err, c.ending)
				}
				return
			}
			family := ""
			for _, a := range list.Appointments {
				family += a.Family.Reveal()
			}
			if err != nil || family != c.family || list.Ending != c.ending || reasons(list) != c.problem {
				t.Errorf("%q, %v, %q, problems %q", family, err, list.Ending, reasons(list))
			}
		})
	}
}
