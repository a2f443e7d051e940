package checkin_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

const cardholders = `appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,card
apt-41,MRN-41,Vale,Ida,1971-03-04,cardiology,,2026-11-23 09:30,04:a1:b2:c3:d4:e5:f6
apt-42,MRN-41,Vale,Ida,1971-03-04,cardiology,,2026-11-23 10:30,04A1B2C3D4E5F6
apt-43,MRN-43,Vale,Otto,1969-05-06,cardiology,,2026-11-23 09:30,DEADBEEF
apt-44,MRN-44,Vale,Una,1999-05-06,cardiology,,2026-11-23 09:30,DEADBEEF
apt-45,MRN-45,Moss,Amy,1950-01-01,cardiology,,2026-11-23 09:30,CAFE0001
apt-46,MRN-46,Moss,Eve,1950-01-01,cardiology,,2026-11-23 09:30,CAFE0001
apt-47,MRN-47,Moss,Jim,,cardiology,,2026-11-23 09:30,CAFE0002
apt-48,MRN-48,Moss,Tom,1950-01-01,radiology,,2026-11-23 09:30,CAFE0003
`

func (k *kit) tapped(session, number, birth string) checkin.Identified {
	k.t.Helper()
	in := checkin.CardInput{Session: session, Number: phi.New(number), Birth: phi.New(birth), Language: "en", Request: uuid.New()}
	var got checkin.Identified
	for range 2 { // a repeated request changes nothing
		var err error
		if got, err = k.IdentifyCard(context.Background(), in); err != nil {
			k.t.Fatal(err)
		}
	}
	return got
}

func TestIdentifyByCard(t *testing.T) {
	for _, tt := range []struct {
		name, number, birth string
		want                checkin.Outcome
		action              string
	}{
		{"both right", "04A1B2C3D4E5F6", "1971-03-04", checkin.OK, "card checked-in"},
		{"a card of two", "DEADBEEF", "1999-05-06", checkin.OK, "card checked-in"},
		{"another's birth date", "04A1B2C3D4E5F6", "1969-05-06", checkin.NotFound, "card not-found"},
		{"no birth date", "04A1B2C3D4E5F6", "", checkin.NotFound, "card not-found"},
		{"a card that nobody has", "04A1B2C3D4E5F7", "1971-03-04", checkin.NotFound, "card not-found"},
		{"no card", "", "1971-03-04", checkin.NotFound, "card not-found"},
		{"twins", "CAFE0001", "1950-01-01", checkin.Alike, "card alike"},
		{"nothing to compare", "CAFE0002", "", checkin.NotFound, "card not-found"},
		{"elsewhere", "CAFE0003", "1950-01-01", checkin.WrongDepartment, "card wrong-department"},
	} {
		k := newKit(t, "lobby-1", 'A')
		k.importRows(cardholders)
		got := k.tapped("s1", tt.number, tt.birth)
		if got.Outcome != tt.want || (tt.want == checkin.OK) != !got.Entry.IsZero() {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
		var actions []string
		for _, r := range k.records() {
			var a kiosk.AuditEvent
			if json.Unmarshal(r.Body, &a) == nil && (a.EventType == kiosk.IdentificationRefused || a.EventType == kiosk.PatientIdentified) {
				actions = append(actions, a.Action)
			}
			for _, secret := range []string{"04A1B2C3", "DEADBEEF", "CAFE00"} {
				if strings.Contains(strings.ToUpper(string(r.Body)), secret) {
					t.Errorf("%s holds a card's number", r.Kind)
				}
			}
		}
		slices.Sort(actions)
		if actions = slices.Compact(actions); len(actions) != 1 || actions[0] != tt.action {
			t.Errorf("%s: audit has %q, want %q", tt.name, actions, tt.action)
		}
	}
}

// TestTheNextAppointmentOfACard: the first of the day, then the second.
func TestTheNextAppointmentOfACard(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.importRows(cardholders)
	first := k.tapped("s1", "04A1B2C3D4E5F6", "1971-03-04")
	if first.Visit.Appointment.IsZero() || !first.Visit.Appointment.Equal(k.tapped("s2", "04A1B2C3D4E5F6", "1971-03-04").Visit.Appointment) {
		t.Errorf("first %+v", first.Visit)
	}
}

// TestCardsAreLimited: with codes and names together; a card that cannot find
// anybody is no attempt.
func TestCardsAreLimited(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.importRows(cardholders)
	for range 10 {
		k.tapped("s1", "", "")
	}
	if got := k.tapped("s1", "DEADBEEF", "1969-05-06"); got.Outcome != checkin.OK {
		t.Errorf("after cards without a number: %s", got.Outcome)
	}
	for range 3 {
		k.tapped("s2", "04A1B2C3D4E5F6", "1900-01-01")
	}
	if got := k.tapped("s2", "04A1B2C3D4E5F6", "1971-03-04"); got.Outcome != checkin.Locked {
		t.Errorf("a guessed birth date got %s", got.Outcome)
	}
	if got := k.typed("s2", "apt-41"); got.Outcome != checkin.Locked {
		t.Errorf("a session locked by cards got %s for a right code", got.Outcome)
	}
}
