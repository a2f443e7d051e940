package kiosk_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var refKey = []byte("a reference key of a made-up clinic")

func TestIDsAreFixedByTheirInputs(t *testing.T) {
	ref := kiosk.NewPatientRef(refKey, phi.New("MRN-0001"))
	if err := ref.Validate(); err != nil {
		t.Fatalf("NewPatientRef gave %q: %v", ref, err)
	}
	// Fixed values: other kiosks of the clinic, of any version, must give the same.
	if got, want := string(ref), "p-7jebektjzoeloloxdmtxnfr4ji"; got != want {
		t.Errorf("patient reference = %q, want %q", got, want)
	}
	id := kiosk.NewEntryID(refKey, "apt-1", "2026-11-22")
	if got, want := id.String(), "797f3807-4662-8659-89b8-3210bedeeddf"; got != want {
		t.Errorf("entry id = %q, want %q", got, want)
	}
	if v := uuid.UUID(id).Version(); v != 8 {
		t.Errorf("entry id has version %d, want 8", v)
	}
	for _, other := range []kiosk.EntryID{
		kiosk.NewEntryID(refKey, "apt-1", "2026-11-23"),
		kiosk.NewEntryID(refKey, "apt-2", "2026-11-22"),
		kiosk.NewEntryID([]byte("another key"), "apt-1", "2026-11-22"),
		kiosk.NewEntryID(refKey, "apt-12026-11-22", ""),
	} {
		if other == id {
			t.Error("two different appointments have one entry id")
		}
	}
}

func TestDerivedIDKeepsTheTimeOfItsOrigin(t *testing.T) {
	from := uuid.Must(uuid.NewV7())
	a, b := kiosk.DeriveID(from, "x", "y"), kiosk.DeriveID(from, "xy")
	if a == b || a == kiosk.DeriveID(from, "x", "z") {
		t.Error("different parts gave one id")
	}
	if a != kiosk.DeriveID(from, "x", "y") {
		t.Error("the same parts gave two ids")
	}
	if [6]byte(a[:6]) != [6]byte(from[:6]) || a.Version() != 8 || a.Variant() != uuid.RFC4122 {
		t.Errorf("derived id %s of %s", a, from)
	}
}

func TestValidateRefusesWhatCannotBeAnID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "lobby-1": true, "A_b-9": true, strings.Repeat("x", 40): true,
		"": false, strings.Repeat("x", 41): false, "a b": false, "a.b": false, "ä": false, "a*": false, "a\n": false,
	} {
		if got := kiosk.KioskID(id).Validate() == nil; got != want {
			t.Errorf("KioskID(%q) valid = %v, want %v", id, got, want)
		}
	}
	for _, ref := range []string{"", "p-", "p-" + strings.Repeat("a", 25), "p-" + strings.Repeat("A", 26), "p-" + strings.Repeat("a", 25) + "1"} {
		if kiosk.PatientRef(ref).Validate() == nil {
			t.Errorf("PatientRef(%q) is valid", ref)
		}
	}
}

func TestActorTravelsAndComesBack(t *testing.T) {
	for text, want := range map[string]kiosk.Actor{
		"dr-vega":         {Kind: kiosk.ActorProvider, ID: "dr-vega"},
		"staff:ana":       {Kind: kiosk.ActorStaff, ID: "ana"},
		"system:no-show":  {Kind: kiosk.ActorSystem, ID: "no-show"},
		"provider:dr-lee": {Kind: kiosk.ActorProvider, ID: "dr-lee"},
	} {
		got, err := kiosk.ParseActor(text)
		if err != nil || got != want {
			t.Errorf("ParseActor(%q) = %v, %v; want %v", text, got, err, want)
		}
		if back, err := kiosk.ParseActor(got.String()); err != nil || back != got {
			t.Errorf("%v does not come back from %q", got, got.String())
		}
	}
	for _, bad := range []string{"", "nobody:x", "staff:", "staff:a b", "a.b", strings.Repeat("x", 41)} {
		if a, err := kiosk.ParseActor(bad); err == nil {
			t.Errorf("ParseActor(%q) = %v, want an error", bad, a)
		}
	}
}

func TestChannelNames(t *testing.T) {
	ref := kiosk.NewPatientRef(refKey, phi.New("MRN-0001"))
	for name, want := range map[string]kiosk.Channel{
		kiosk.QueueChannel("cardiology"):              {Family: kiosk.QueueFamily, Department: "cardiology"},
		kiosk.WaitingRoomChannel("dr-vega"):           {Family: kiosk.WaitingRoomFamily, Provider: "dr-vega"},
		kiosk.ConsultationChannel("dr-vega", ref):     {Family: kiosk.ConsultationFamily, Provider: "dr-vega", Patient: ref},
		kiosk.VideoChannel("dr-vega", ref):            {Family: kiosk.VideoFamily, Provider: "dr-vega", Patient: ref},
		kiosk.FilesChannel("dr-vega", ref):            {Family: kiosk.FilesFamily, Provider: "dr-vega", Patient: ref},
		kiosk.ProviderNotificationChannel("dr-vega"):  {Family: kiosk.NotificationFamily, Provider: "dr-vega"},
		kiosk.PatientNotificationChannel(ref):         {Family: kiosk.NotificationFamily, Patient: ref},
		kiosk.PresenceChannel("cardiology"):           {Family: kiosk.PresenceFamily, Department: "cardiology"},
		kiosk.EmergencyChannel("cardiology"):          {Family: kiosk.EmergencyFamily, Department: "cardiology"},
		kiosk.AuditChannel("riverside"):               {Family: kiosk.AuditFamily, Organization: "riverside"},
		kiosk.ConsentChannel("riverside"):             {Family: kiosk.ConsentFamily, Organization: "riverside"},
		kiosk.RosterChannel("cardiology"):             {Family: kiosk.RosterFamily, Department: "cardiology"},
		kiosk.DeviceChannel("lobby-1"):                {Family: kiosk.DeviceFamily, Kiosk: "lobby-1"},
		kiosk.CommandChannel("lobby-1"):               {Family: kiosk.KioskFamily, Kiosk: "lobby-1"},
		"presence.providers.internal-medicine-clinic": {Family: kiosk.PresenceFamily, Department: "internal-medicine-clinic"},
	} {
		got, ok := kiosk.ParseChannel(name)
		if !ok || got != want {
			t.Errorf("ParseChannel(%q) = %+v, %v; want %+v", name, got, ok, want)
		}
	}
	for _, bad := range []string{"", "queue", "queue.", "queue.a.b", "queue.*", "lobby", "presence.cardiology",
		"consultation.dr-vega", "consultation.dr-vega.Jane", "consultation.dr-vega." + string(ref) + ".audio", "unknown.x"} {
		if c, ok := kiosk.ParseChannel(bad); ok {
			t.Errorf("ParseChannel(%q) = %+v, want nothing", bad, c)
		}
	}
}

// Kiosks of a site exchange what the queue hangs on, and nothing that is for others
// or that only PubNub may bring.
func TestWhatASiteExchanges(t *testing.T) {
	for channel, want := range map[string]bool{
		kiosk.QueueChannel("cardiology"): true, kiosk.EmergencyChannel("cardiology"): true, kiosk.RosterChannel("cardiology"): true,
		kiosk.ConsentChannel("riverside"): true, kiosk.DeviceChannel("lobby-1"): true,
		kiosk.CommandChannel("lobby-1"): false, kiosk.AuditChannel("riverside"): false, kiosk.ProviderNotificationChannel("dr-vega"): false,
		kiosk.WaitingRoomChannel("dr-vega"): false, kiosk.PresenceChannel("cardiology"): false,
	} {
		if c, ok := kiosk.ParseChannel(channel); !ok || c.Site() != want {
			t.Errorf("%s is exchanged: %v, want %v", channel, c.Site(), want)
		}
	}
}

func TestRegistryIsWholeAndWithoutAmbiguity(t *testing.T) {
	names := map[string]bool{}
	catalogue := map[kiosk.AuditType]bool{}
	for _, k := range kiosk.AuditCatalogue() {
		if catalogue[k.Type] || !regexp.MustCompile(`^[A-Z][A-Z_]+$`).MatchString(string(k.Type)) || k.Resource == "" || k.Severity == "" {
			t.Errorf("catalogue row %+v", k)
		}
		catalogue[k.Type] = true
	}
	for _, d := range kiosk.Definitions() {
		if names[d.Name] {
			t.Errorf("%s stands twice", d.Name)
		}
		names[d.Name] = true
		if d.Class == "" || d.Publishers == 0 || d.Retain.Age <= 0 || d.Discriminator == "" {
			t.Errorf("row is not whole: %+v", d)
		}
		if d.Droppable && d.Lane != storage.LaneTelemetry {
			t.Errorf("%s may be dropped and is no telemetry", d.Name)
		}
		if d.Publishers&kiosk.ByProvider != 0 && !slices.Contains([]string{"STATUS_UPDATED", "CALLED", "PROVIDER_STATUS", "PROVIDER_READY", "EMERGENCY_ESCALATION"}, d.Type) {
			t.Errorf("an unsigned publisher may say %s", d.Name)
		}
		for _, a := range d.Audit {
			if !catalogue[a] {
				t.Errorf("%s names audit event %s, which is not in the catalogue", d.Name, a)
			}
		}
		if d.Type == "" {
			continue
		}
		// Every row reads its own body, and no other channel's.
		body, _ := json.Marshal(map[string]string{d.Discriminator: d.Type})
		if _, err := kiosk.Decode(d, body); err != nil {
			t.Errorf("Decode: %v", err)
		}
		channel := sampleChannel(d.Family)
		if got, ok := kiosk.DefinitionFor(channel, body); !ok || got.Name != d.Name {
			t.Errorf("DefinitionFor(%q, %s) = %q, %v; want %q", channel, body, got.Name, ok, d.Name)
		}
		if got, ok := kiosk.DefinitionFor("consultation.x.p-"+strings.Repeat("a", 26)+".video", body); ok {
			t.Errorf("%s is accepted on a signalling channel", got.Name)
		}
	}
	// Signatures are stored and no row of the registry: nobody may send one.
	for _, k := range kiosk.Kinds() {
		if _, known := kiosk.Defined(k.Name); known == k.Local || k.Local != (k.Name == kiosk.SignatureKind) {
			t.Errorf("%s: in the registry %v, local %v", k.Name, known, k.Local)
		}
	}
	if _, ok := kiosk.ParseChannel(kiosk.SignatureStream); ok || len(kiosk.Kinds()) != len(names)+1 {
		t.Errorf("Kinds has %d rows, the registry %d; signatures have a channel: %v", len(kiosk.Kinds()), len(names), ok)
	}
	if d, ok := kiosk.DefinitionFor("audit.riverside", []byte(`{"eventType":"SERVICE_STARTED"}`)); !ok || d.Name != "audit/EVENT" {
		t.Errorf("audit event is read as %q, %v", d.Name, ok)
	}
	for _, body := range []string{``, `[]`, `{}`, `{"action":""}`, `{"action":"BATCH"}`, `{"type":"CALLED"}`, `{"action":7}`} {
		if d, ok := kiosk.DefinitionFor("queue.cardiology", []byte(body)); ok {
			t.Errorf("DefinitionFor(queue, %s) = %s, want nothing", body, d.Name)
		}
	}
}

func sampleChannel(f kiosk.Family) string {
	switch f {
	case kiosk.PresenceFamily:
		return kiosk.PresenceChannel("x")
	default:
		return string(f) + ".x"
	}
}

func sampleEntry() kiosk.Entry {
	at := time.Date(2026, 11, 22, 14, 3, 5, 123e6, time.UTC)
	return kiosk.Entry{
		ID: kiosk.NewEntryID(refKey, "apt-1", "2026-11-22"), Patient: kiosk.NewPatientRef(refKey, phi.New("MRN-0001")),
		Appointment: "apt-1", Provider: "dr-vega", Department: "cardiology", Status: kiosk.CheckedIn, Priority: kiosk.Normal,
		CheckInTime: at, EstimatedWait: 20 * time.Minute,
		Metadata: kiosk.Metadata{Ticket: "A-017", Day: "2026-11-22", OrderAt: at.Add(-time.Minute), AppointmentTime: at.Add(time.Hour),
			Mode: kiosk.InPerson, Language: "es", InterpreterNeeded: true, Flags: []kiosk.Flag{kiosk.FlagConsentDesk}},
	}
}

// The golden file is what other apps read: change it only with the vocabulary.
func TestPatientAddedGolden(t *testing.T) {
	def, _ := kiosk.Defined("queue/PATIENT_ADDED")
	e, err := kiosk.NewEvent(def, "queue.cardiology", kiosk.PatientAdded{
		Action: "PATIENT_ADDED", Entry: sampleEntry().Shape(), Timestamp: kiosk.At(sampleEntry().CheckInTime)})
	if err != nil {
		t.Fatal(err)
	}
	if e.ID.Version() != 7 || e.Channel != "queue.cardiology" || e.Kind != "queue/PATIENT_ADDED" {
		t.Errorf("event is %s on %s as %s", e.ID, e.Channel, e.Kind)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "patient_added.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(e.Body)); diff != "" {
		t.Errorf("published form (-want +got):\n%s", diff)
	}
	m, err := kiosk.Decode(def, e.Body)
	if err != nil {
		t.Fatal(err)
	}
	back, err := m.(*kiosk.PatientAdded).Entry.Entry()
	if diff := cmp.Diff(sampleEntry(), back); err != nil || diff != "" {
		t.Errorf("entry does not come back: %v\n%s", err, diff)
	}
	if _, err := kiosk.NewEvent(def, "audit.riverside", struct{}{}); err == nil {
		t.Error("a queue event was made for an audit channel")
	}
}

func TestEntryShapeRefusesBadMembers(t *testing.T) {
	for name, spoil := range map[string]func(*kiosk.EntryShape){
		"id":                 func(s *kiosk.EntryShape) { s.ID = kiosk.EntryID{} },
		"patientId":          func(s *kiosk.EntryShape) { s.PatientID = "p-jane" },
		"appointmentId":      func(s *kiosk.EntryShape) { s.AppointmentID = "a b" },
		"departmentId":       func(s *kiosk.EntryShape) { s.DepartmentID = "" },
		"status":             func(s *kiosk.EntryShape) { s.Status = "asleep" },
		"priority":           func(s *kiosk.EntryShape) { s.Priority = "" },
		"checkInTime":        func(s *kiosk.EntryShape) { s.CheckInTime = kiosk.Timestamp{} },
		"estimatedWait":      func(s *kiosk.EntryShape) { s.EstimatedWaitMinutes = -1 },
		"metadata.day":       func(s *kiosk.EntryShape) { s.Metadata.Day = "22.11.2026" },
		"metadata.orderAt":   func(s *kiosk.EntryShape) { s.Metadata.OrderAt = kiosk.Timestamp{} },
		"metadata.mode":      func(s *kiosk.EntryShape) { s.Metadata.Mode = "" },
		"metadata.ticket":    func(s *kiosk.EntryShape) { s.Metadata.Ticket = strings.Repeat("A", 41) },
		"metadata.flags":     func(s *kiosk.EntryShape) { s.Metadata.Flags = make([]kiosk.Flag, 17) },
		"metadata.flags[0]":  func(s *kiosk.EntryShape) { s.Metadata.Flags = []kiosk.Flag{kiosk.Flag(strings.Repeat("x", 41))} },
		"metadata.needs[0]":  func(s *kiosk.EntryShape) { s.Metadata.Needs = []kiosk.Need{kiosk.Need(strings.Repeat("x", 41))} },
		"metadata.language":  func(s *kiosk.EntryShape) { s.Metadata.Language = strings.Repeat("x", 41) },
		"providerId":         func(s *kiosk.EntryShape) { s.ProviderID = "a.b" },
		"estimatedWait high": func(s *kiosk.EntryShape) { s.EstimatedWaitMinutes = 1441 },
	} {
		s := sampleEntry().Shape()
		spoil(&s)
		if _, err := s.Entry(); err == nil {
			t.Errorf("a bad %s was accepted", name)
		}
	}
}

func TestTimestampForms(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-11-22T09:03:05.1239-05:00"`: `"2026-11-22T14:03:05.123Z"`,
		`"2026-11-22T14:03:05Z"`:           `"2026-11-22T14:03:05.000Z"`,
		`null`:                             `null`,
		`""`:                               `null`,
	} {
		var got kiosk.Timestamp
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if out, _ := json.Marshal(got); string(out) != want {
			t.Errorf("%s travels on as %s, want %s", text, out, want)
		}
	}
	for _, bad := range []string{`7`, `"22.11.2026"`, `"0001-01-01T00:00:00Z"`, `"9999-01-01T00:00:00Z"`, `{}`} {
		var got kiosk.Timestamp
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was read as %v", bad, got)
		}
	}
}

func TestPriorityHeadStarts(t *testing.T) {
	for i, p := range kiosk.Priorities() {
		if !p.Valid() || p.Rank() != i {
			t.Errorf("%s: valid %v, rank %d, want rank %d", p, p.Valid(), p.Rank(), i)
		}
	}
	if kiosk.Urgent.HeadStart() != 30*time.Minute || kiosk.Normal.HeadStart() != 0 || kiosk.FollowUp.HeadStart() != -10*time.Minute {
		t.Error("head starts changed: kiosks of one clinic would order one queue differently")
	}
}

// Nothing but a fixed word of ours may come out of an entry in a log.
func TestEntryLogsNothingOfThePatient(t *testing.T) {
	e := sampleEntry()
	text := e.LogValue().String()
	for _, secret := range []string{string(e.Patient), "apt-1", "es", "A-017"} {
		if strings.Contains(text, secret) {
			t.Errorf("log value %q holds %q", text, secret)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, d := range kiosk.Definitions() {
		f.Add(d.Name, []byte(`{"`+d.Discriminator+`":"`+d.Type+`","timestamp":"2026-11-22T14:03:05Z"}`))
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "patient_added.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("queue/PATIENT_ADDED", golden)
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		d, ok := kiosk.Defined(name)
		if !ok {
			return
		}
		m, err := kiosk.Decode(d, body)
		if err != nil {
			if strings.Contains(err.Error(), "\"") {
				t.Errorf("the error quotes: %v", err)
			}
			return
		}
		if added, ok := m.(*kiosk.PatientAdded); ok {
			if e, err := added.Entry.Entry(); err == nil {
				if again, err := e.Shape().Entry(); err != nil || !cmp.Equal(e, again) {
					t.Errorf("entry changes on its way: %v\n%s", err, cmp.Diff(e, again))
				}
			}
		}
		kiosk.DefinitionFor("queue.x", body)
	})
}

func TestPropertyChannelParses(t *testing.T) {
	id := rapid.StringMatching(`[A-Za-z0-9_-]{1,40}`)
	rapid.Check(t, func(t *rapid.T) {
		d := kiosk.DepartmentID(id.Draw(t, "department"))
		for _, name := range []string{kiosk.QueueChannel(d), kiosk.EmergencyChannel(d), kiosk.RosterChannel(d), kiosk.PresenceChannel(d)} {
			if c, ok := kiosk.ParseChannel(name); !ok || c.Department != d {
				t.Fatalf("ParseChannel(%q) = %+v, %v", name, c, ok)
			}
		}
	})
}

// TestTelemetryIsNotKeptByOneRecord: a stream is cut from its front, so a record that
// is kept for a year on the device channel would keep a year of heartbeats.
func TestTelemetryIsNotKeptByOneRecord(t *testing.T) {
	for _, d := range kiosk.Definitions() {
		if d.Family == kiosk.DeviceFamily && (d.Retain.Age > 7*24*time.Hour || d.Retain.NeedsReceipt) {
			t.Errorf("%s is kept for %v, and the heartbeats behind it with it", d.Name, d.Retain.Age)
		}
	}
}
