package kiosk_test

import (
	"encoding/json"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// pad is a transaction that keeps what is appended.
type pad struct {
	events []storage.Event
	now    time.Time
}

func (p *pad) Lookup(id uuid.UUID) (storage.Receipt, bool) {
	for i, e := range p.events {
		if e.ID == id {
			return storage.Receipt{Channel: e.Channel, Seq: uint64(i + 1), Duplicate: true}, true
		}
	}
	return storage.Receipt{}, false
}

func (p *pad) Append(e storage.Event) (storage.Receipt, error) {
	if _, ok := p.Lookup(e.ID); ok {
		return storage.Receipt{}, storage.ErrConflict
	}
	p.events = append(p.events, e)
	return storage.Receipt{Channel: e.Channel, Seq: uint64(len(p.events))}, nil
}

func (p *pad) Now() (storage.HLC, storage.Instant) {
	p.now = p.now.Add(time.Millisecond)
	return storage.NewHLC(p.now), storage.Instant{Wall: p.now}
}

// Every row of the registry, recorded once, gives exactly its audit event;
// recorded again, nothing.
func TestJournalAuditsEveryRowOnce(t *testing.T) {
	for _, d := range kiosk.Definitions() {
		choices := d.Audit
		if len(choices) == 0 {
			choices = []kiosk.AuditType{""}
		}
		for _, choice := range choices {
			tx := &pad{now: time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)}
			journal := kiosk.Journal{Organization: "riverside"}
			act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"})
			act.Session = "desk-1"
			w := kiosk.What{Kind: d.Name, Channel: sampleChannel(d.Family), Body: map[string]string{d.Discriminator: d.Type},
				Audit: choice, Facts: kiosk.AuditFacts{Action: "try", Resource: "thing-1"}}
			first, err := journal.Record(tx, act, w)
			if err != nil || first.Duplicate {
				t.Fatalf("%s: %+v, %v", d.Name, first, err)
			}
			want := 1
			if choice != "" {
				want = 2
			}
			if len(tx.events) != want {
				t.Fatalf("%s: %d events, want %d", d.Name, len(tx.events), want)
			}
			if again, err := journal.Record(tx, act, w); err != nil || !again.Duplicate || len(tx.events) != want {
				t.Errorf("%s again: %+v, %v, %d events", d.Name, again, err, len(tx.events))
			}
			if choice == "" {
				continue
			}
			var a kiosk.AuditEvent
			if err := json.Unmarshal(tx.events[1].Body, &a); err != nil {
				t.Fatal(err)
			}
			if a.EventType != choice || a.ID != tx.events[1].ID || a.Actor.UserID != "ana" || a.Actor.Role != "staff" || a.Resource.ID != "thing-1" ||
				a.Resource.Channel != w.Channel || a.Metadata.SessionID != "desk-1" || a.Outcome != "success" || a.OrganizationID != "riverside" {
				t.Errorf("%s: audit event %+v", d.Name, a)
			}
		}
	}
}

func TestJournalRefusesWhatTheRegistryDoesNotHave(t *testing.T) {
	tx := &pad{}
	journal := kiosk.Journal{Organization: "riverside"}
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorKiosk, ID: "lobby-1"})
	for name, w := range map[string]kiosk.What{
		"unknown kind":        {Kind: "queue/PATIENT_TELEPORTED", Channel: "queue.x"},
		"wrong channel":       {Kind: "queue/CALLED", Channel: "audit.riverside"},
		"ambiguous audit":     {Kind: "consent/CONSENT_RECORDED", Channel: "consent.riverside"},
		"other row's audit":   {Kind: "queue/CALLED", Channel: "queue.x", Audit: kiosk.QueueEntryAdded},
		"audit where is none": {Kind: "device/HEARTBEAT", Channel: "device.x", Audit: kiosk.QueueEntryAdded},
	} {
		if _, err := journal.Record(tx, act, w); err == nil {
			t.Errorf("%s was recorded", name)
		}
	}
	if len(tx.events) != 0 {
		t.Errorf("%d events were appended by refused acts", len(tx.events))
	}
}
