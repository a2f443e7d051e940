package feed

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"
)

// representation is the extension by which a name says how it is written (HL7
// ISO 21090 EN): ABC alphabetic, IDE ideographic, SYL syllabic.
const representation = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"

// appointment lists what an Appointment says.
func (b *builder) appointment(r *filed, f folder) {
	place := r.at + "Appointment."
	id, reason := identify(r.resource, b.mapping.VisitSystem)
	if reason == "" {
		id, reason = number(id, b.mapping.AppointmentDigits)
	}
	if reason != "" {
		b.refuse(r.line, place+"identifier", reason)
		return
	}
	status, known := b.tables.statuses[fold(r.Status)]
	if r.Status == "" || !known {
		b.refuse(r.line, place+"status", "is a word that the table of statuses does not have")
		return
	}
	start := ""
	if t, ok := parseZoned(r.Start); ok {
		start = zoned(t)
	}
	switch status {
	case StatusSkip:
		return
	case StatusCancelled, StatusNoShow:
		b.cancel(r.line, kiosk.AppointmentID(id), start, status == StatusNoShow, place+"id")
		return
	}
	if start == "" {
		b.refuse(r.line, place+"start", "is no time with a zone")
		return
	}
	t := texts{"appointment_id": id, "start": start}
	if b.mapping.CodeSystem != "" {
		t["code"], _ = identify(r.resource, b.mapping.CodeSystem) // not all have one
	}
	if column, reason := b.actors(r, f, t); reason != "" {
		b.refuse(r.line, column, reason)
		return
	}
	for _, word := range words(r.AppointmentType, r.ServiceType) {
		if mode, known := b.tables.modes[fold(word)]; known && t["mode"] == "" {
			t["mode"] = string(mode)
		}
	}
	if t["department"] == "" {
		t["department"] = string(b.tables.department(words(concept{}, r.ServiceType, r.Specialty)...))
	}
	places := map[string]string{"appointment_id": place + "id", "start": place + "start", "department": place + "participant", "provider": place + "participant",
		"code": place + "identifier", "mode": place + "appointmentType"}
	for column, element := range map[string]string{"patient_id": "identifier", "family_name": "name", "given_name": "name", nativeFamily: "name", nativeGiven: "name",
		"birth_date": "birthDate", "language": "communication", "phone_last2": "telecom"} {
		places[column] = r.at + "Patient." + element
	}
	b.add(r.line, t, places)
}

// words gives the codes, displays and texts of concepts.
func words(one concept, more ...[]concept) []string {
	var out []string
	for _, c := range append([]concept{one}, slices.Concat(more...)...) {
		for _, coding := range c.Coding {
			out = append(out, coding.Code, coding.Display)
		}
		out = append(out, c.Text)
	}
	return slices.DeleteFunc(out, func(w string) bool { return w == "" })
}

// identify gives the identifier of a system, or the resource's id where the config
// names no system.
func identify(r resource, system string) (id, reason string) {
	if system == "" {
		if r.ID == "" {
			return "", "has no id, and no identifier system is set"
		}
		return r.ID, ""
	}
	for _, i := range r.Identifier {
		switch {
		case i.System != system || i.Use == "old" || i.Value == "" || i.Value == id:
		case id != "":
			return "", "has several values of the system that is set"
		default:
			id = i.Value
		}
	}
	if id == "" {
		return "", "has no value of the system that is set"
	}
	return id, ""
}

// actors reads who takes part and where.
func (b *builder) actors(r *filed, f folder, t texts) (place, reason string) {
	at := r.at + "Appointment.participant"
	var patients []*filed
	var department []string
	named, found := false, false
	for _, p := range r.Participant {
		if p.Status == "declined" {
			continue
		}
		actor := f.find(r, p.Actor)
		kind := kindOf(p.Actor)
		if actor != nil {
			kind = actor.ResourceType
		}
		switch kind {
		case "Patient":
			if actor == nil {
				return at, "names a patient who is not in the file"
			}
			patients = append(patients, actor)
		case "Practitioner", "PractitionerRole":
			named = true
			if id, known := b.tables.provider(labels(p.Actor, actor)...); known && !found {
				t["provider"], found = string(id), true
			}
		case "Location", "HealthcareService":
			labels := labels(p.Actor, actor)
			department = append(department, labels...)
			for _, word := range labels {
				if mode, known := b.tables.modes[fold(word)]; known {
					t["mode"] = string(mode)
				}
			}
		}
	}
	switch {
	case len(patients) == 0:
		return at, "names no patient"
	case len(patients) > 1:
		return at, "names several patients"
	case named && !found:
		return at, "is no provider of this clinic"
	}
	t["department"] = string(b.tables.department(department...))
	return b.patient(r, patients[0], t)
}

// labels gives the words by which an actor may stand in a table.
func labels(ref reference, actor *filed) []string {
	url, _, _ := strings.Cut(ref.Reference, "/_history/")
	out := []string{url, tail(url), ref.Identifier.Value}
	if _, id, ok := strings.Cut(tail(url), "/"); ok {
		out = append(out, id)
	}
	if actor != nil {
		for _, i := range actor.Identifier {
			out = append(out, i.Value)
		}
		out = append(out, actor.ID)
		var plain string
		if json.Unmarshal(actor.Name, &plain) == nil {
			out = append(out, plain)
		}
		for _, n := range names(actor.resource) {
			given := strings.Join(n.Given, " ")
			out = append(out, n.Text, n.Family+", "+given, given+" "+n.Family)
		}
	}
	out = append(out, ref.Display)
	return slices.DeleteFunc(out, func(w string) bool { return w == "" })
}

// names gives the names of a person, none where the resource has another form.
func names(r resource) []humanName {
	var list []humanName
	if len(r.Name) == 0 || json.Unmarshal(r.Name, &list) != nil {
		return nil
	}
	return list
}

// useRanks orders the uses of a name. A former or invented name is not to be used.
var useRanks = map[string]int{"official": 0, "usual": 1, "": 2, "temp": 3, "nickname": 4}

// patient reads a Patient.
func (b *builder) patient(r, p *filed, t texts) (place, reason string) {
	at := p.at + "Patient."
	if t["patient_id"], reason = identify(p.resource, b.mapping.PatientSystem); reason == "" {
		t["patient_id"], reason = number(t["patient_id"], b.mapping.PatientDigits)
	}
	if reason != "" {
		return at + "identifier", reason
	}
	var known []personName
	for _, n := range names(p.resource) {
		rank, usable := useRanks[n.Use]
		if !usable {
			continue
		}
		name := personName{family: strings.TrimSpace(n.Family), given: strings.TrimSpace(strings.Join(n.Given, " ")), rank: rank}
		if name.empty() {
			var ok bool
			if name.family, name.given, ok = partName(n.Text); !ok {
				continue
			}
		}
		for _, x := range n.Extension {
			if x.URL == representation {
				name.native, name.sound = x.ValueCode == "IDE", x.ValueCode == "SYL"
			}
		}
		known = append(known, name)
	}
	main, native := pick(known)
	if main.empty() {
		return at + "name", "has no name in parts that may be used"
	}
	t["family_name"], t["given_name"], t[nativeFamily], t[nativeGiven] = main.family, main.given, native.family, native.given
	switch _, err := time.Parse(time.DateOnly, p.BirthDate); {
	case err == nil:
		t["birth_date"] = p.BirthDate
	case partialDate(p.BirthDate):
		b.note(r.line, at+"birthDate", reasonPartial)
	case p.BirthDate != "":
		return at + "birthDate", "is not a date"
	}
	if t["phone_last2"], reason = lastTwo(telephone(p.Telecom)); reason != "" {
		b.note(r.line, at+"telecom", reason+without)
	}
	if tag, ok := b.spoken(p.resource); ok {
		t["language"] = tag
	} else {
		b.note(r.line, at+"communication", reasonLanguage+without)
	}
	return "", ""
}

func partialDate(s string) bool {
	for _, layout := range []string{"2006", "2006-01"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// spoken gives the preferred language, or the only one.
func (b *builder) spoken(p resource) (tag string, ok bool) {
	var list []communication
	if len(p.Communication) == 0 || json.Unmarshal(p.Communication, &list) != nil {
		return "", true
	}
	if i := slices.IndexFunc(list, func(c communication) bool { return c.Preferred }); i >= 0 {
		list = list[i : i+1]
	}
	if len(list) != 1 {
		return "", true
	}
	all := words(list[0].Language)
	for _, word := range all {
		if tag, ok := b.tables.language(word); ok {
			return tag, true
		}
	}
	return "", len(all) == 0
}

// telephone gives the number that the patient will most likely think of.
func telephone(points []contactPoint) string {
	for _, use := range []string{"mobile", "home", "", "temp", "work"} {
		for _, p := range points {
			if (p.System == "phone" || p.System == "sms") && p.Use == use && p.Value != "" {
				return strings.TrimPrefix(p.Value, "tel:")
			}
		}
	}
	return ""
}
