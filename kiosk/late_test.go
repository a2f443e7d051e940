package kiosk_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// The golden files are what other apps read: what staff enter later than it happened
// says both times, and is else what it always was.
func TestLateEntryGolden(t *testing.T) {
	came, now := kiosk.At(sampleEntry().CheckInTime), kiosk.At(sampleEntry().CheckInTime.Add(3*time.Hour))
	id := sampleEntry().ID
	ana := kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}
	for _, tt := range []struct {
		file, kind, channel string
		body                any
	}{
		{"late_arrival.json", "queue/PATIENT_ADDED", "queue.cardiology", kiosk.PatientAdded{Action: "PATIENT_ADDED", Entry: sampleEntry().Shape(), HappenedAt: came, Timestamp: now}},
		{"late_status.json", "queue/STATUS_UPDATED", "queue.cardiology", kiosk.StatusUpdated{Action: "STATUS_UPDATED", QueueEntryID: id, NewStatus: kiosk.Waiting,
			UpdatedBy: "staff:ana", HappenedAt: came, Timestamp: now}},
		{"late_call.json", "queue/CALLED", "queue.cardiology", kiosk.Called{Action: "CALLED", QueueEntryID: id, Ticket: "A-017", Room: "Room 4",
			CalledBy: "staff:ana", HappenedAt: came, Timestamp: now}},
		{"late_removal.json", "queue/PATIENT_REMOVED", "queue.cardiology", kiosk.PatientRemoved{Action: "PATIENT_REMOVED", QueueEntryID: id, Reason: kiosk.RemovedCompleted,
			HappenedAt: came, Timestamp: now}},
		{"late_audit.json", "audit/EVENT", "audit.riverside", kiosk.NewAudit(uuid.MustParse("019ab3c4-d5e6-7000-8000-000000000001"), kiosk.QueuePatientCalled, now.Time, "riverside", ana,
			kiosk.AuditFacts{Action: "call, late entry", Resource: id.String(), Channel: "queue.cardiology", Happened: came.Time})},
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
		m, err := kiosk.Decode(def, e.Body)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := kiosk.NewEvent(def, tt.channel, m); err != nil || string(back.Body) != string(e.Body) {
			t.Errorf("%s does not come back: %v\n%s", tt.file, err, back.Body)
		}
		// A reader of before the member takes it for done when it was recorded.
		var older struct {
			Action    string    `json:"action"`
			Timestamp time.Time `json:"timestamp"`
		}
		if err := json.Unmarshal(e.Body, &older); err != nil || !older.Timestamp.Equal(now.Time) {
			t.Errorf("%s: an older reader has %+v, %v", tt.file, older, err)
		}
	}
}

func TestMomentOfADay(t *testing.T) {
	night := kiosk.Calendar{Zone: zone(t, "America/New_York"), DayStarts: 4 * time.Hour}
	civil := kiosk.Calendar{Zone: zone(t, "America/New_York")}
	for _, tt := range []struct {
		c    kiosk.Calendar
		day  kiosk.Day
		text string
		want string // empty: refused
	}{
		{night, "2026-11-22", "09:40", "2026-11-22T14:40:00Z"},
		{night, "2026-11-22", "9:40", "2026-11-22T14:40:00Z"},
		{night, "2026-11-22", "00:30", "2026-11-23T05:30:00Z"}, // open past midnight
		{night, "2026-11-22", "04:00", "2026-11-22T09:00:00Z"},
		{night, "2026-11-22", "03:59", "2026-11-23T08:59:00Z"},
		{night, "2026-11-22", "2026-11-22T09:40:00-05:00", "2026-11-22T14:40:00Z"},
		{civil, "2026-03-08", "02:30", ""},                     // the clock jumped over it
		{civil, "2026-11-01", "01:30", "2026-11-01T05:30:00Z"}, // shown twice: the first
		{civil, "2026-11-01", "2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00Z"},
		{civil, "2026-11-22", "24:00", ""},
		{civil, "2026-11-22", "", ""},
		{civil, "2026-11-22", "9.40", ""},
		{civil, "2026-11-22", "09:40:00", ""},
		{civil, "2026-11-22", "2026-11-22T09:40:00", ""},
		{civil, "someday", "09:40", ""},
	} {
		got, err := tt.c.Moment(tt.text, tt.day)
		if tt.want == "" {
			if err != kiosk.ErrMoment {
				t.Errorf("Moment(%q, %s) = %v, %v, want a refusal", tt.text, tt.day, got, err)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339) != tt.want {
			t.Errorf("Moment(%q, %s) = %v, %v, want %s", tt.text, tt.day, got, err, tt.want)
		}
	}
}
