package checkin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

const people = `appointment_id,patient_id,family_name,given_name,native_name,birth_date,department,provider,start,phone_last2
apt-21,MRN-21,García López,Ana María,,1990-01-01,cardiology,,2026-11-23 09:30,22
apt-22,MRN-22,García López,Ana Luisa,,1990-01-01,cardiology,,2026-11-23 09:40,22
apt-23,MRN-23,Roe,Jane,,1970-01-01,cardiology,,2026-11-23 09:30,33
apt-24,MRN-24,Roe,Jane,,1970-01-01,cardiology,,2026-11-23 09:30,33
apt-25,MRN-25,Li,Xiaolong,李小龙,1960-01-01,radiology,,2026-11-23 09:10,
apt-26,MRN-25,Li,Xiaolong,李小龙,1960-01-01,cardiology,,2026-11-23 09:20,
apt-27,MRN-25,Li,Xiaolong,李小龙,1960-01-01,cardiology,,2026-11-23 10:20,
apt-28,MRN-28,Doe,Jim,,1950-01-01,radiology,,2026-11-23 09:20,
apt-29,MRN-29,Poe,Ann,,1940-01-01,cardiology,,2026-11-23 14:00,
`

func (k *kit) named(session, birth, name, at, phone string) checkin.Identified {
	k.t.Helper()
	got, err := k.IdentifyPerson(context.Background(), checkin.PersonInput{Session: session, Language: "en", Request: uuid.New(),
		Claim: identity.Claim{Birth: phi.New(birth), Name: phi.New(name), Time: phi.New(at), Phone: phi.New(phone)}})
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

func TestIdentifyPersonByNameHasItsOutcomesAndAudit(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.SessionAttempts = 100 })
	k.importRows(people)
	for _, c := range []struct {
		birth, name, time, phone string
		want                     checkin.Outcome
		action                   string
		noMore                   bool
	}{
		{"1980-02-28", "Marguerite Quixote", "", "", checkin.NotFound, "name not-found", false},
		{"1980-02-29", "Margaret Quixote", "", "", checkin.NotFound, "name not-found", false},
		{"1931-01-01", "Nobody Atall", "", "", checkin.NotFound, "name not-found", false},
		{"1986-08-06", "Gwendolyn Quixote", "", "", checkin.NotFound, "name not-found", false}, // tomorrow's: a name alone tells nobody of another day
		{"1990-01-01", "Ana García", "", "", checkin.AskTime, "", false},
		{"1990-01-01", "Ana García", "09:50", "", checkin.NotFound, "name not-found", false},
		{"1970-01-01", "Jane Roe", "09:30", "", checkin.AskPhone, "", false},
		{"1970-01-01", "Jane Roe", "09:30", "33", checkin.Alike, "name alike", false},
		{"1970-01-01", "Jane Roe", "", "", checkin.Alike, "name alike", true},
		{"1970-01-01", "Jane Roe", "09:30", "", checkin.Alike, "name alike", true},
		{"1931-01-01", "Nobody Atall", "", "", checkin.NotFound, "name not-found", true},
		{"1950-01-01", "Jim Doe", "", "", checkin.WrongDepartment, "name wrong-department", false},
		{"1940-01-01", "Ann Poe", "", "", checkin.Early, "name early", false},
	} {
		in := checkin.PersonInput{Session: "s1", Language: "en", Request: uuid.New(), NoMore: c.noMore,
			Claim: identity.Claim{Birth: phi.New(c.birth), Name: phi.New(c.name), Time: phi.New(c.time), Phone: phi.New(c.phone)}}
		var got checkin.Identified
		written := k.wrote(func() {
			for range 2 { // a repeated request is audited once
				var err error
				if got, err = k.IdentifyPerson(context.Background(), in); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got.Outcome != c.want || got.Sentence != "outcome."+string(c.want) || !got.Entry.IsZero() {
			t.Errorf("%s: %+v", c.name, got)
		}
		var want []string
		if c.action != "" {
			want = []string{"1 audit/PATIENT_IDENTIFICATION_REFUSED"}
		}
		if diff := cmp.Diff(want, written); diff != "" {
			t.Errorf("%s wrote (-want +got):\n%s", c.name, diff)
		}
		for _, r := range k.records() {
			var a kiosk.AuditEvent
			if r.ID == (kiosk.Act{ID: in.Request}).EventID("audit/PATIENT_IDENTIFICATION_REFUSED", "s1") {
				if err := json.Unmarshal(r.Body, &a); err != nil || a.Action != c.action || strings.Contains(string(r.Body), "Quixote") {
					t.Errorf("%s: audit %+v, %v", c.name, a, err)
				}
			}
		}
	}
	if k.queue.Open() != 0 {
		t.Errorf("%d entries from refused names", k.queue.Open())
	}
	got := k.wrote(func() {
		if got := k.named("s1", "1990-01-01", "Ana García", "09:40", ""); got.Outcome != checkin.OK || len(got.Forms) != 1 || got.Visit.Name.Reveal() != "A… G…" {
			t.Errorf("with the time: %+v", got)
		}
	})
	if diff := cmp.Diff([]string{"1 audit/PATIENT_IDENTIFIED", "1 audit/QUEUE_ENTRY_ADDED", "1 queue/PATIENT_ADDED"}, got); diff != "" {
		t.Errorf("identifying wrote (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"Quixote", "García", "1990-01-01", "Nobody"} {
		if strings.Contains(k.logs.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// Wrong birth date, wrong name, wrong factor and stranger: one answer, to the last
// member.
func TestIdentifyPersonAnswersAlike(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.SessionAttempts = 100 })
	k.importRows(people)
	answers := map[string]bool{}
	for _, c := range [][4]string{{"1980-02-28", "Marguerite Quixote"}, {"1980-02-29", "M Quixote"}, {"1900-01-01", "Nobody"}, {"", ""}, {"x", strings.Repeat("x ", 5000)}, {"1990-01-01", "Ana García", "08:00"}, {"1970-01-01", "Jane Roe", "09:30", "00"}} {
		answers[fmt.Sprintf("%+v", k.named("s1", c[0], c[1], c[2], c[3]))] = true
	}
	if len(answers) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
}

// Codes and names are counted together.
func TestIdentifyPersonIsLimited(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.KioskAttempts = 8 })
	for range 3 {
		k.named("s1", "1900-01-01", "Nobody", "", "")
	}
	if got := k.named("s1", "1980-02-29", "Marguerite Quixote", "", ""); got.Outcome != checkin.Locked {
		t.Errorf("a locked session got %s for a right name", got.Outcome)
	}
	if got := k.typed("s1", "apt-1"); got.Outcome != checkin.Locked {
		t.Errorf("a session locked by names got %s for a right code", got.Outcome)
	}
	for i := range 5 {
		k.named(fmt.Sprint("t", i), "1900-01-01", "Nobody", "", "")
	}
	if got := k.named("s2", "1980-02-29", "Marguerite Quixote", "", ""); got.Outcome != checkin.Locked {
		t.Errorf("a locked kiosk answered %s", got.Outcome)
	}
	k.pass(10 * time.Minute)
	if got := k.named("s2", "1980-02-29", "Marguerite Quixote", "", ""); got.Outcome != checkin.OK {
		t.Errorf("after the window: %s", got.Outcome)
	}
}

// Who has more than one appointment checks in for the next that this kiosk serves.
func TestIdentifyPersonWithSeveralAppointments(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.importRows(people)
	at := func(want string) {
		t.Helper()
		got := k.named("s1", "1960-01-01", "李小龙", "", "")
		if when := got.Visit.Appointment.In(calendar().Zone).Format("15:04"); when != want || got.Entry.IsZero() {
			t.Errorf("%s for the appointment at %s, want %s", got.Outcome, when, want)
		}
	}
	at("09:20")
	at("09:20") // is not finished yet
	first := k.named("s1", "1960-01-01", "Xiaolong Li", "", "")
	k.finish("s1", first, true)
	at("09:20") // waits
	if err := k.Leave(context.Background(), "s1", first.Entry, uuid.New()); err != nil {
		t.Fatal(err)
	}
	at("10:20")
}
