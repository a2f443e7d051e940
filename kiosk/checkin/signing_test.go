package checkin_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"

	"github.com/google/uuid"
)

const children = `appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,mode,language
kid-1,MRN-21,Quixote,Ignatius,2016-05-04,cardiology,,2026-11-23 09:15,in-person,en
kid-2,MRN-22,Quixote,Josephine,2018-06-05,cardiology,,2026-11-23 09:30,video,en
who-1,MRN-23,Quixote,Leopold,,cardiology,,2026-11-23 09:45,in-person,en
`

// Signed by whom, told by the list's birth date and whoever stands there.
func TestWhoSigns(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.importRows(children)
	child := []consent.Relation{consent.Parent, consent.Guardian, consent.LegalRepresentative}
	for i, c := range []struct {
		appointment string
		signers     []consent.Relation
		ask         bool
	}{
		{"apt-1", []consent.Relation{consent.Self, consent.Guardian, consent.LegalRepresentative, consent.HealthCareProxy}, false},
		{"kid-1", child, true}, {"kid-2", child, true}, {"who-1", consent.Relations(), true},
	} {
		session := "s" + string(rune('0'+i))
		id := k.scan(session, c.appointment, "en")
		if !slices.Equal(id.Signers, c.signers) || id.AskSigner != c.ask || id.MinAge != 18 || len(id.Forms) == 0 {
			t.Errorf("%s: %v, asked %v, from %d years, %d forms", c.appointment, id.Signers, id.AskSigner, id.MinAge, len(id.Forms))
		}
		again, err := k.Forms(context.Background(), session, id.Entry, "es")
		if err != nil || !slices.Equal(again.Signers, c.signers) || again.AskSigner != c.ask || again.Forms[0].Language != "es" {
			t.Errorf("%s in Spanish: %+v, %v", c.appointment, again, err)
		}
	}
}

func signed(id checkin.Identified, session string, by consent.Relation) checkin.FinishInput {
	in := checkin.FinishInput{Session: session, Entry: id.Entry, Decisions: decisions(id.Forms, true), Request: uuid.New()}
	for i := range in.Decisions {
		in.Decisions[i].Relation, in.Decisions[i].Interpreter = by, true
	}
	return in
}

func TestAMinorDoesNotSignAlone(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.importRows(children)
	id := k.scan("s1", "kid-1", "en")
	for _, by := range []consent.Relation{"", consent.Self, consent.HealthCareProxy, "mother"} {
		got := k.wrote(func() {
			if _, err := k.Finish(context.Background(), signed(id, "s1", by)); !errors.Is(err, consent.ErrSigner) {
				t.Errorf("signed by %q: %v", by, err)
			}
		})
		if len(got) != 0 {
			t.Errorf("signed by %q wrote %v", by, got)
		}
	}
	// A parent signs, and the record says so.
	d, err := k.Finish(context.Background(), signed(id, "s1", consent.Parent))
	if err != nil || !d.CheckedIn || d.StaffFlag {
		t.Fatalf("signed by a parent: %+v, %v", d, err)
	}
	found := false
	for _, r := range k.records() {
		var m kiosk.ConsentRecorded
		if r.Kind == "consent/CONSENT_RECORDED" && json.Unmarshal(r.Body, &m) == nil {
			found = true
			if m.Record.Signer != "representative" || m.Record.Relation != "parent" || !m.Record.InterpreterPresent || m.Record.Method != "tapped" {
				t.Errorf("record: %+v", m.Record)
			}
		}
	}
	if !found {
		t.Error("nothing was recorded")
	}
}

// Alone, a minor signs nothing; the check-in goes on and the desk sees it.
func TestAMinorAloneChecksInUnsigned(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.importRows(children)
	id := k.scan("s1", "kid-1", "en")
	in := checkin.FinishInput{Session: "s1", Entry: id.Entry, Unsigned: true, Request: uuid.New()}
	both := in
	both.Decisions = decisions(id.Forms, true)
	if _, err := k.Finish(context.Background(), both); !errors.Is(err, checkin.ErrInput) {
		t.Errorf("unsigned and signed: %v", err)
	}
	got := k.wrote(func() {
		for range 2 {
			if d, err := k.Finish(context.Background(), in); err != nil || !d.CheckedIn || !d.StaffFlag {
				t.Errorf("done: %+v, %v", d, err)
			}
		}
	})
	if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "CONSENT") }) {
		t.Errorf("something was signed: %v", got)
	}
	if e, _ := k.queue.Entry(id.Entry); !e.HasFlag(kiosk.FlagConsentSigner) || e.Status != kiosk.Waiting || e.Metadata.ConsentGiven {
		t.Errorf("entry: %+v", e)
	}
	// By video nobody waits without the consent: staff are called.
	video := k.scan("s2", "kid-2", "en")
	d, err := k.Finish(context.Background(), checkin.FinishInput{Session: "s2", Entry: video.Entry, Unsigned: true, Request: uuid.New()})
	if err != nil || d.CheckedIn || !d.StaffFlag {
		t.Errorf("by video: %+v, %v", d, err)
	}
}
