package feed

import (
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"
)

// events are the scheduling messages that change the list, by MSH-9.2.
var events = map[string]Status{
	"S12": StatusBooked, // new appointment
	"S13": StatusBooked, // another time
	"S14": StatusBooked, // changed
	"S15": StatusCancelled,
	"S16": StatusCancelled, // discontinued
	"S17": StatusCancelled, // deleted
	"S26": StatusNoShow,
}

// siuPlaces say where columns stand in a message.
func siuPlaces(id string) map[string]string {
	return map[string]string{
		"appointment_id": id, "patient_id": "PID-3", "family_name": "PID-5", "given_name": "PID-5", nativeFamily: "PID-5", nativeGiven: "PID-5",
		"birth_date": "PID-7", "phone_last2": "PID-13", "language": "PID-15", "start": "SCH-11", "department": "AIL-3", "provider": "AIP-3", "mode": "SCH-8",
	}
}

func (b *builder) readHL7(data []byte) error {
	if marked(data) || detect(data) != UTF8 { // the file as a whole tells its character set
		text, cut, err := decode(data, Detect)
		if err != nil {
			return err
		}
		data, b.mapping.Charset = text, UTF8
		if cut {
			defer func() { b.list.Ending = Cut }()
		}
	}
	sent := split(data)
	if len(sent.messages) == 0 && sent.ending == Ended {
		return errEmpty
	}
	b.list.Ending = sent.ending
	for _, c := range sent.counts {
		b.note(c.line, c.kind, "counts other than what the file holds")
		b.list.Ending = Cut
	}
	// The last message about an appointment counts, even if it cannot be used: what
	// stood before it is no longer so.
	last := map[kiosk.AppointmentID]int{}
	var order []*siu
	for i := range sent.messages {
		if b.full() {
			return nil
		}
		m := &siu{message: &sent.messages[i], builder: b}
		if !m.open() {
			if i == len(sent.messages)-1 && b.list.Ending == Open {
				b.list.Ending = Cut
			}
			continue
		}
		if len(last) > maxRows {
			b.once(m.line, m.id, "") // no: the list is too long
		}
		last[m.id] = len(order)
		order = append(order, m)
	}
	for i, m := range order {
		if last[m.id] == i && !b.full() {
			m.take()
		}
	}
	return nil
}

// siu is a scheduling message.
type siu struct {
	*message
	*builder
	id     kiosk.AppointmentID
	place  string // of the id
	status Status
}

// open reads what the message is about, or reports why it cannot be read.
func (m *siu) open() bool {
	m.prepare(m.mapping.Charset)
	if m.broken != "" {
		m.refuse(m.line, "MSH", m.broken)
		return false
	}
	head := m.find("MSH")
	var known bool
	if m.text(head, 9, 1) != "SIU" {
		m.refuse(m.line, "MSH-9", "is no scheduling message (SIU)")
		return false
	}
	if m.status, known = events[m.text(head, 9, 2)]; !known {
		m.refuse(m.line, "MSH-9", "is an event that is not read here")
		return false
	}
	field, hint := 2, "; where ids stand in SCH-1, set appointment_id = placer"
	m.place = "SCH-2"
	if m.mapping.AppointmentID == Placer {
		field, m.place, hint = 1, "SCH-1", ""
	}
	id := m.text(m.find("SCH"), field, 1)
	if id == "" {
		m.refuse(m.line, m.place, "is empty"+hint)
		return false
	}
	fixed, reason := number(id, m.mapping.AppointmentDigits)
	if m.id = kiosk.AppointmentID(fixed); reason == "" && m.id.Validate() != nil {
		reason = "want 1 to 40 of A-Z a-z 0-9 _ -"
	}
	if reason != "" {
		m.refuse(m.line, m.place, reason)
		return false
	}
	return true
}

// take lists what the message says.
func (m *siu) take() {
	sch := m.find("SCH")
	status := m.status
	if status == StatusBooked {
		said, known := m.tables.statuses[fold(m.text(sch, 25, 1))]
		if !known {
			m.refuse(m.line, "SCH-25", "is a word that the table of statuses does not have")
			return
		}
		status = said
	}
	start, startReason := m.start(sch)
	switch status {
	case StatusSkip:
		return
	case StatusCancelled, StatusNoShow:
		m.cancel(m.line, m.id, start, status == StatusNoShow, m.place)
		return
	}
	if startReason != "" {
		m.refuse(m.line, "SCH-11", startReason)
		return
	}
	t := texts{"appointment_id": string(m.id), "start": start}
	if column, reason := m.patient(t); reason != "" {
		m.refuse(m.line, column, reason)
		return
	}
	if column, reason := m.resources(t); reason != "" {
		m.refuse(m.line, column, reason)
		return
	}
	if mode, known := m.tables.modes[fold(m.text(sch, 8, 1))]; known {
		t["mode"] = string(mode)
	} else if mode, known := m.tables.modes[fold(m.text(sch, 8, 2))]; known {
		t["mode"] = string(mode)
	}
	m.add(m.line, t, siuPlaces(m.place))
}

// start finds when the appointment begins.
func (m *siu) start(sch []string) (text, reason string) {
	var at []string
	for _, timing := range m.repeats(sch, 11) {
		if s := m.part(timing, 4); s != "" {
			at = append(at, s)
		}
	}
	for _, place := range []struct {
		segment string
		field   int
	}{{"TQ1", 7}, {"AIS", 4}, {"AIP", 6}, {"AIG", 8}, {"AIL", 6}} {
		if len(at) == 0 {
			for _, s := range m.all(place.segment) {
				if text := m.text(s, place.field, 1); text != "" {
					at = append(at, text)
					break
				}
			}
		}
	}
	at = slices.Compact(at)
	switch {
	case len(at) == 0:
		return "", "is empty"
	case len(at) > 1:
		return "", "has several times"
	}
	wall, zone, digits, ok := stamp(at[0])
	switch {
	case !ok:
		return "", "is not a time"
	case digits < len("200601021504"):
		return "", "is not precise to the minute"
	}
	if zone == nil {
		zone = m.zone()
	}
	if zone == nil {
		return zoned(m.mapping.Rules.Calendar.Local(wall)), ""
	}
	return zoned(time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)), ""
}

// zone gives the zone of times that name none: that of MSH-7 (HL7 2.5, 2.15.9.7),
// or nil for the clinic's. Where MSH-7 has the clinic's own offset of that moment
// the sender keeps the clinic's time, and an appointment on the other side of a
// change of clocks has the other offset.
func (m *siu) zone() *time.Location {
	wall, zone, digits, ok := stamp(m.text(m.find("MSH"), 7, 1))
	if !ok || zone == nil || digits < len("2006010215") {
		return nil
	}
	_, offset := time.Date(2000, 1, 1, 0, 0, 0, 0, zone).Zone()
	_, own := wall.Add(-time.Duration(offset) * time.Second).In(m.mapping.Rules.Calendar.Zone).Zone()
	if own == offset {
		return nil
	}
	return zone
}

// all gives the fields of the segments of a name that are not marked as deleted.
func (m *siu) all(name string) [][]string {
	var out [][]string
	for _, s := range m.segments {
		if !strings.HasPrefix(s.raw, name) {
			continue
		}
		if f := m.fields(s); !strings.HasPrefix(name, "AI") || m.text(f, 2, 1) != "D" {
			out = append(out, f)
		}
	}
	return out
}

// patient reads PID.
func (m *siu) patient(t texts) (place, reason string) {
	all := m.all("PID")
	switch len(all) {
	case 0:
		return "PID", "is missing"
	case 1:
	default:
		return "PID", "stands more than once"
	}
	pid := all[0]
	if t["patient_id"], reason = m.patientID(pid); reason != "" {
		return "PID-3", reason
	}
	if t["patient_id"], reason = number(t["patient_id"], m.mapping.PatientDigits); reason != "" {
		return "PID-3", reason
	}
	main, native := pick(m.names(pid))
	t["family_name"], t["given_name"], t[nativeFamily], t[nativeGiven] = main.family, main.given, native.family, native.given
	if birth := m.text(pid, 7, 1); birth != "" {
		wall, _, digits, ok := stamp(birth)
		switch {
		case !ok:
			return "PID-7", "is not a date"
		case digits < len("20060102"):
			m.note(m.line, "PID-7", reasonPartial)
		default:
			t["birth_date"] = wall.Format(time.DateOnly)
		}
	}
	if t["phone_last2"], reason = lastTwo(m.phone(pid)); reason != "" {
		m.note(m.line, "PID-13", reason+without)
	}
	tag, ok := m.tables.language(m.text(pid, 15, 1))
	if !ok {
		m.note(m.line, "PID-15", reasonLanguage+without)
	}
	t["language"] = tag
	return "", ""
}

// patientID gives the id of the authority that the config names, the only one, or
// the only one that is a medical record number.
func (m *siu) patientID(pid []string) (id, reason string) {
	var all, records []string
	for _, cx := range m.repeats(pid, 3) {
		id := m.part(cx, 1)
		switch {
		case id == "":
		case m.mapping.PatientSystem == "":
			all = append(all, id)
			if m.part(cx, 5) == "MR" {
				records = append(records, id)
			}
		case m.part(cx, 4) == m.mapping.PatientSystem:
			all = append(all, id)
		}
	}
	if len(records) == 1 {
		all = records
	}
	switch all = slices.Compact(all); len(all) {
	case 0:
		return "", "has no identifier of the patient"
	case 1:
		return all[0], ""
	}
	return "", "has several identifiers of the patient: set patient_system"
}

// nameRanks orders the codes of XPN.7 (HL7 table 0200). Others are not to be used.
var nameRanks = map[string]int{"L": 0, "": 1, "D": 2, "C": 3, "B": 4, "U": 5}

func (m *siu) names(pid []string) []personName {
	var names []personName
	for _, xpn := range m.repeats(pid, 5) {
		rank, known := nameRanks[m.part(xpn, 7)]
		if !known {
			continue
		}
		given := strings.TrimSpace(m.part(xpn, 2) + " " + m.part(xpn, 3))
		representation := m.part(xpn, 8)
		names = append(names, personName{family: m.part(xpn, 1), given: given, rank: rank, native: representation == "I", sound: representation == "P"})
	}
	return names
}

// phone gives a number at which a person answers, a mobile one first.
func (m *siu) phone(pid []string) string {
	first := ""
	for _, xtn := range m.repeats(pid, 13) {
		if kind := m.part(xtn, 3); m.part(xtn, 2) == "NET" || kind == "Internet" || kind == "FX" || kind == "BP" {
			continue
		}
		number := m.part(xtn, 12)
		if number == "" && m.part(xtn, 7) != "" {
			number = m.part(xtn, 6) + m.part(xtn, 7)
		}
		if number == "" {
			number = m.part(xtn, 1)
		}
		if m.part(xtn, 3) == "CP" && number != "" {
			return number
		}
		if first == "" {
			first = number
		}
	}
	return first
}

// resources finds department and provider among the resources of the appointment
// and in the visit. Those that no table names are passed over, but a message in
// which providers stand and none is known is refused: whoever is free is not
// who was asked for.
func (m *siu) resources(t texts) (place, reason string) {
	var providers [][]string
	for _, s := range []struct {
		segment string
		field   int
	}{{"AIP", 3}, {"PV1", 7}, {"AIG", 3}} {
		for _, f := range m.all(s.segment) {
			for _, xcn := range m.repeats(f, s.field) {
				if words := m.person(xcn, s.segment == "AIG"); s.segment != "AIG" || m.known(words) {
					providers = append(providers, words)
				}
			}
		}
	}
	found := false
	for _, words := range providers {
		if id, known := m.tables.provider(words...); known {
			t["provider"], found = string(id), true
			break
		}
	}
	if !found && len(providers) > 0 {
		return "AIP-3", "is no provider of this clinic"
	}
	var words []string
	for _, s := range []struct {
		segment    string
		field      int
		components []int
	}{{"AIL", 3, []int{1, 4, 9}}, {"PV1", 3, []int{1, 4, 9}}, {"PV1", 10, []int{1}}, {"AIS", 3, []int{1, 2}}, {"SCH", 7, []int{1, 2}}, {"AIG", 3, []int{1, 2}}} {
		for _, f := range m.all(s.segment) {
			for _, n := range s.components {
				words = append(words, m.text(f, s.field, n))
			}
		}
	}
	t["department"] = string(m.tables.department(words...))
	return "", ""
}

func (m *siu) known(words []string) bool {
	_, known := m.tables.provider(words...)
	return known
}

// person gives the words by which a provider may stand in the table.
func (m *siu) person(xcn []string, coded bool) []string {
	words := []string{m.part(xcn, 1)}
	if coded {
		return append(words, m.part(xcn, 2))
	}
	if family, given := m.part(xcn, 2), m.part(xcn, 3); family != "" {
		words = append(words, family+", "+given, given+" "+family, family)
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}
