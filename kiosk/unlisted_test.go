package kiosk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// The golden files are what other kiosks read: the published forms of who came
// without being on the list.
func TestUnlistedGolden(t *testing.T) {
	at := kiosk.At(sampleEntry().CheckInTime)
	act := kiosk.Act{ID: uuid.MustParse("019ab3c4-d5e6-7000-8000-000000000001"), Actor: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}}
	id := act.UnlistedEntryID()
	walkIn := sampleEntry()
	walkIn.ID, walkIn.Appointment, walkIn.Provider = id, "", ""
	walkIn.Patient = kiosk.NewUnlistedRef(refKey, id)
	walkIn.Metadata.Reason, walkIn.Metadata.Flags = "new-problem", []kiosk.Flag{kiosk.FlagProvisional}
	for _, tt := range []struct {
		file, kind, channel string
		body                any
	}{
		{"walk_in.json", "queue/PATIENT_ADDED", "queue.cardiology", kiosk.PatientAdded{Action: "PATIENT_ADDED", Entry: walkIn.Shape(), Timestamp: at}},
		{"matched.json", "queue/MATCHED", "queue.cardiology", kiosk.Matched{Action: "MATCHED", QueueEntryID: id, MatchShape: kiosk.MatchShape{
			AppointmentID: "apt-1", Was: "apt-0", PatientID: kiosk.NewPatientRef(refKey, phi.New("MRN-0001")), ProviderID: "dr-vega",
			AppointmentTime: at, OrderAt: at, Mode: kiosk.InPerson}, UpdatedBy: "staff:ana", Timestamp: at}},
		{"roster_person.json", "roster/ROSTER_PERSON", "roster.cardiology", kiosk.RosterPerson{Type: "ROSTER_PERSON", Day: "2026-11-22", QueueEntryID: id,
			FamilyName: "Canary", GivenName: "Wanda", BirthDate: "1980-02-29", Timestamp: at}},
	} {
		def, ok := kiosk.Defined(tt.kind)
		if !ok {
			t.Fatalf("%s is not in the registry", tt.kind)
		}
		e, err := kiosk.NewEvent(def, tt.channel, tt.body)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", tt.file))
		if err != nil {
			t.Fatalf("%v\n%s", err, e.Body)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), string(e.Body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.file, diff)
		}
		found, ok := kiosk.DefinitionFor(tt.channel, e.Body)
		if !ok || found.Name != tt.kind {
			t.Errorf("%s is taken for %q", tt.kind, found.Name)
		}
		m, err := kiosk.Decode(def, e.Body)
		if err != nil {
			t.Fatal(err)
		}
		back, err := kiosk.NewEvent(def, tt.channel, m)
		if err != nil || string(back.Body) != string(e.Body) {
			t.Errorf("%s changes on its way: %v\n%s", tt.file, err, back.Body)
		}
	}
	if kiosk.NewUnlistedRef(refKey, id).Validate() != nil || kiosk.NewUnlistedRef(refKey, id) == kiosk.NewPatientRef(refKey, phi.New(id.String())) {
		t.Error("the reference of who is not on the list could be a patient's")
	}
}

func TestMatchShapeRefusesBadMembers(t *testing.T) {
	at := kiosk.At(sampleEntry().CheckInTime)
	good := kiosk.MatchShape{AppointmentID: "apt-1", PatientID: kiosk.NewPatientRef(refKey, phi.New("MRN-0001")), AppointmentTime: at, OrderAt: at, Mode: kiosk.Video}
	if !good.Valid() {
		t.Fatal("a good match is refused")
	}
	for name, spoil := range map[string]func(*kiosk.MatchShape){
		"appointment": func(m *kiosk.MatchShape) { m.AppointmentID = "" },
		"was":         func(m *kiosk.MatchShape) { m.Was = "a b" },
		"patient":     func(m *kiosk.MatchShape) { m.PatientID = "jane" },
		"provider":    func(m *kiosk.MatchShape) { m.ProviderID = "<b>" },
		"time":        func(m *kiosk.MatchShape) { m.AppointmentTime = kiosk.Timestamp{} },
		"order":       func(m *kiosk.MatchShape) { m.OrderAt = kiosk.Timestamp{} },
		"mode":        func(m *kiosk.MatchShape) { m.Mode = "by-post" },
	} {
		m := good
		if spoil(&m); m.Valid() {
			t.Errorf("a bad %s is taken", name)
		}
	}
}
