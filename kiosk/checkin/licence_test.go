package checkin_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// licensed identifies by what a licence says.
func (k *kit) licensed(session, birth, name, at, phone string) checkin.Identified {
	k.t.Helper()
	got, err := k.IdentifyPerson(context.Background(), checkin.PersonInput{Session: session, Method: roster.Licensed, Language: "en", Request: uuid.New(),
		Claim: identity.Claim{Birth: phi.New(birth), Name: phi.New(name), Time: phi.New(at), Phone: phi.New(phone)}})
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

// actions lists the actions of the audit events of a type.
func (k *kit) actions(t kiosk.AuditType) (list []string) {
	k.t.Helper()
	for _, r := range k.records() {
		var a kiosk.AuditEvent
		if json.Unmarshal(r.Body, &a) == nil && a.EventType == t {
			list = append(list, a.Action)
		}
	}
	return list
}

// TestIdentifyByLicence: the answers are those that the same claim gets when it is
// typed, to the last member; the audit log has how it came.
func TestIdentifyByLicence(t *testing.T) {
	raised := func(c *checkin.Config) { c.SessionAttempts = 100 }
	for _, c := range []struct {
		birth, name, time, phone string
		want                     checkin.Outcome
	}{
		{"1980-02-29", "QUIXOTE, MARGUERITE ANNE", "", "", checkin.OK},
		{"1980-02-28", "QUIXOTE, MARGUERITE ANNE", "", "", checkin.NotFound},
		{"1980-02-29", "QUIXOTE, MARGARET", "", "", checkin.NotFound},
		{"", "", "", "", checkin.NotFound},
		{"1990-01-01", "GARCIA LOPEZ, ANA", "", "", checkin.AskTime},
		{"1990-01-01", "GARCIA LOPEZ, ANA LUISA", "", "", checkin.OK},
		{"1970-01-01", "ROE, JANE", "09:30", "", checkin.AskPhone},
		{"1970-01-01", "ROE, JANE", "09:30", "33", checkin.Alike},
		{"1960-01-01", "LI, XIAOLONG", "", "", checkin.OK},
		{"1950-01-01", "DOE, JIM", "", "", checkin.WrongDepartment},
		{"1940-01-01", "POE, ANN", "", "", checkin.Early},
	} {
		typed, carried := newKit(t, "lobby-1", 'A', raised), newKit(t, "lobby-1", 'A', raised)
		typed.importRows(people)
		carried.importRows(people)
		named := typed.named("s1", c.birth, c.name, c.time, c.phone)
		got := carried.licensed("s1", c.birth, c.name, c.time, c.phone)
		named.MayProvision = false // a licence gets nobody a number
		if named.Visit.Name.Reveal() != got.Visit.Name.Reveal() {
			t.Errorf("%s: shown as %q, typed as %q", c.name, got.Visit.Name.Reveal(), named.Visit.Name.Reveal())
		}
		if got.Outcome != c.want || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", named) {
			t.Errorf("%s by licence:\n got %+v\nwant %+v", c.name, got, named)
		}
		was := append(carried.actions(kiosk.IdentificationRefused), carried.actions(kiosk.PatientIdentified)...)
		want := []string{"licence " + string(c.want)}
		switch c.want {
		case checkin.AskTime, checkin.AskPhone:
			want = nil
		case checkin.OK:
			want = []string{"licence checked-in"}
		}
		if diff := gocmp.Diff(want, was); diff != "" {
			t.Errorf("%s: audit (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestLicencesAreLimited: with codes and names together.
func TestLicencesAreLimited(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.licensed("s1", "1900-01-01", "NOBODY, ANNE", "", "")
	k.named("s1", "1900-01-01", "Nobody", "", "")
	k.licensed("s1", "1900-01-01", "NOBODY, ANNE", "", "")
	if got := k.licensed("s1", "1980-02-29", "QUIXOTE, MARGUERITE", "", ""); got.Outcome != checkin.Locked {
		t.Errorf("a locked session got %s for a right licence", got.Outcome)
	}
	if got := k.typed("s1", "apt-1"); got.Outcome != checkin.Locked {
		t.Errorf("a session locked by licences got %s for a right code", got.Outcome)
	}
}

// TestLicenceIsNotKept: what is compared is dropped. Nothing of somebody who was
// not found by a licence is anywhere, and no number is given for it.
func TestLicenceIsNotKept(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.Online = func() bool { return false } })
	if got := k.licensed("s1", "1901-09-17", "CANARYFAMILY, CANARYGIVEN", "", ""); got.Outcome != checkin.NotFound || got.MayProvision {
		t.Errorf("got %+v", got)
	}
	in := checkin.PersonInput{Session: "s1", Method: roster.Licensed, Language: "en", Request: uuid.New(),
		Claim: identity.Claim{Birth: phi.New("1901-09-17"), Name: phi.New("CANARYFAMILY, CANARYGIVEN")}}
	if got, err := k.Provisional(context.Background(), in); !errors.Is(err, checkin.ErrInput) {
		t.Errorf("a number for a licence: %+v, %v", got, err)
	}
	for _, r := range k.records() {
		if s := strings.ToUpper(string(r.Body)); strings.Contains(s, "CANARY") || strings.Contains(s, "1901-09-17") {
			t.Errorf("%s holds it: %s", r.Kind, r.Body)
		}
	}
	if strings.Contains(strings.ToUpper(k.logs.String()), "CANARY") {
		t.Error("the log holds it")
	}
}

// TestRefuseScan: each is audited by its kind and is no attempt; what is not a
// device's word is refused.
func TestRefuseScan(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	var want []string
	for _, kind := range []string{"", "driving-licence", "smart-health-card", "smart-health-link", "magnetic-stripe", "payment-card", "gs1"} {
		for _, o := range []checkin.Outcome{checkin.Unreadable, checkin.OtherCard, checkin.NotFound} {
			in := checkin.ScanInput{Session: "s1", Kind: kind, Outcome: o, Language: "en", Request: uuid.New()}
			for range 2 { // a repeated request is audited once
				if got, err := k.RefuseScan(context.Background(), in); err != nil || got.Outcome != o {
					t.Errorf("%s %s: %+v, %v", kind, o, got, err)
				}
			}
			want = append(want, cmp.Or(kind, "scan")+" "+string(o))
		}
	}
	got := map[string]bool{}
	for _, a := range k.actions(kiosk.IdentificationRefused) {
		got[a] = true
	}
	if len(got) != len(want) || len(k.actions(kiosk.IdentificationRefused)) != len(want) {
		t.Errorf("audit has %v, want %v", got, want)
	}
	for _, a := range want {
		if !got[a] {
			t.Errorf("no audit event %q", a)
		}
	}
	if got := k.licensed("s1", "1980-02-29", "QUIXOTE, MARGUERITE", "", ""); got.Outcome != checkin.OK {
		t.Errorf("after %d refused scans: %s", len(want), got.Outcome)
	}
	for _, in := range []checkin.ScanInput{
		{Kind: "payment-card", Outcome: checkin.OK}, {Kind: "payment-card", Outcome: checkin.Locked}, {Kind: "4111111111111111", Outcome: checkin.OtherCard},
		{Kind: "a b", Outcome: checkin.OtherCard}, {Kind: strings.Repeat("a", 41), Outcome: checkin.OtherCard}, {Kind: "Marguerite", Outcome: checkin.OtherCard},
	} {
		in.Session, in.Language, in.Request = "s1", "en", uuid.New()
		if _, err := k.RefuseScan(context.Background(), in); !errors.Is(err, checkin.ErrInput) {
			t.Errorf("%+v: %v, want ErrInput", in, err)
		}
	}
}
