package consent_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/storage"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// Who may sign, by what the list says of the patient's age on the day.
func TestSigners(t *testing.T) {
	const day = kiosk.Day("2026-11-23")
	adult := []consent.Relation{consent.Self, consent.Guardian, consent.LegalRepresentative, consent.HealthCareProxy}
	child := []consent.Relation{consent.Parent, consent.Guardian, consent.LegalRepresentative}
	for _, c := range []struct {
		birth string
		min   int
		want  []consent.Relation
		ask   bool
	}{
		{"1980-02-29", 18, adult, false},
		{"2008-11-23", 18, adult, false}, // the birthday itself
		{"2008-11-24", 18, child, true},  // the day before it
		{"2016-05-01", 18, child, true},
		{"2016-05-01", 0, adult, false}, // a form that asks for no age
		{"2011-01-01", 14, adult, false},
		{"", 18, consent.Relations(), true},
		{"2027-01-01", 18, consent.Relations(), true}, // not born yet: a wrong date tells nothing
		{"31/12/1980", 18, consent.Relations(), true},
		{"<script>", 18, consent.Relations(), true},
	} {
		got, ask := consent.Signers(consent.AgeOn(c.birth, day), c.min)
		if !slices.Equal(got, c.want) || ask != c.ask {
			t.Errorf("born %q, from %d years: %v, asked %v; want %v, %v", c.birth, c.min, got, ask, c.want, c.ask)
		}
	}
	for day, want := range map[kiosk.Day]bool{"2026-02-28": true, "2026-03-01": false, "not a day": true} {
		if _, ask := consent.Signers(consent.AgeOn("2008-02-29", day), 18); ask != want {
			t.Errorf("born on 29 February, on %s: asked %v", day, ask)
		}
	}
}

// Whoever is below the age never signs alone, on whatever day; and nobody loses
// the right by growing older.
func TestPropertyNoMinorSignsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := func(name string) time.Time {
			return time.Date(rapid.IntRange(1900, 2100).Draw(t, name), time.January, rapid.IntRange(1, 366).Draw(t, name+" day"), 0, 0, 0, 0, time.UTC)
		}
		birth, today, years := day("birth"), day("today"), rapid.IntRange(1, 25).Draw(t, "min")
		list, ask := consent.Signers(consent.AgeOn(birth.Format(time.DateOnly), kiosk.Day(today.Format(time.DateOnly))), years)
		alone, of := slices.Contains(list, consent.Self), !today.Before(birth.AddDate(years, 0, 0))
		if birth.After(today) {
			of, alone = true, alone && ask // a wrong date: asked
		}
		if alone != of {
			t.Fatalf("born %s, today %s, from %d: signs alone %v", birth, today, years, alone)
		}
	})
}

// A record says who decided, by what right and whether an interpreter was there,
// in words of a list; who is not on it signs nothing.
func TestRecordSaysWhoSigned(t *testing.T) {
	k := newKit(t)
	d := decision(t, "data-sharing", "en", true)
	d.Relation, d.Interpreter = consent.Guardian, true
	c, err := k.decide(kiosk.NewAct(session), d)
	if err != nil {
		t.Fatal(err)
	}
	if c.DataSharing.Relation != "guardian" || c.DataSharing.Decision != "granted" || !c.DataSharing.InEffect(noon) {
		t.Errorf("fold: %+v", c.DataSharing)
	}
	var r kiosk.ConsentShape
	for _, e := range k.events() {
		if e.Kind == "consent/CONSENT_RECORDED" {
			var m kiosk.ConsentRecorded
			if err := json.Unmarshal(e.Body, &m); err != nil {
				t.Fatal(err)
			}
			r = m.Record
		}
	}
	if r.Signer != "representative" || r.Relation != "guardian" || !r.InterpreterPresent || r.Method != "tapped" {
		t.Errorf("record: %+v", r)
	}
	for _, bad := range []consent.Relation{"mother", "staff", "Jane Roe", "<b>", "self\x00", "SELF"} {
		d.Relation = bad
		if _, err := k.decide(kiosk.NewAct(session), d); !errors.Is(err, consent.ErrSigner) {
			t.Errorf("signed by %q: %v", bad, err)
		}
	}
}

// The shape on the wire is golden; what an older gateway recorded is read, and
// an older reader finds every member that it knows.
func TestRecordOnTheWire(t *testing.T) {
	at := kiosk.At(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC))
	id, grant := uuid.MustParse("01890a5d-ac96-7b2f-8a1c-0123456789ab"), uuid.MustParse("01890a5d-ac96-7b2f-8a1c-0123456789aa")
	base := kiosk.ConsentShape{ID: id, PatientID: jane, Type: "data-sharing", Scope: "clinic", Version: "2026-01", FormID: "data-sharing",
		SHA256: strings.Repeat("ab", 32), Language: "es", Basis: "treatment-consent", DecidedAt: at}
	granted, revoked := base, base
	granted.Granted, granted.Decision, granted.GrantedAt, granted.Method = true, "granted", at, "tapped"
	granted.Signer, granted.Relation, granted.InterpreterPresent = "representative", "guardian", true
	revoked.Decision, revoked.RevokedAt, revoked.Method, revoked.Signer, revoked.Relation = "revoked", at, "tapped", "staff", "staff"
	revoked.Revokes, revoked.Reason = grant, "signer-not-allowed"
	signed := granted
	signed.Method, signed.Signature = "drawn", &kiosk.SignatureShape{SHA256: strings.Repeat("cd", 32), Size: 412}
	for name, shape := range map[string]kiosk.ConsentShape{"granted": granted, "revoked": revoked, "signed": signed} {
		got, err := json.MarshalIndent(kiosk.ConsentRecorded{Type: "CONSENT_RECORDED", Record: shape, Timestamp: at}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".json")
		want, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(want)) != string(got) {
			t.Errorf("%s, %v:\n%s", path, err, got)
		}
	}
	d, _ := kiosk.Defined("consent/CONSENT_RECORDED")
	old := `{"type":"CONSENT_RECORDED","timestamp":"2026-11-23T17:00:00Z","record":{"id":"` + id.String() + `","patientId":"` + string(jane) + `","type":"telehealth","granted":true,` +
		`"scope":"clinic","grantedAt":"2026-11-23T17:00:00Z","expiresAt":null,"version":"2026-01","formId":"telehealth","sha256":"` + strings.Repeat("0", 64) + `",` +
		`"language":"en","basis":"state-telehealth","decision":"granted","decidedAt":"2026-11-23T17:00:00Z","method":"tapped","signer":"patient","relation":"self"}}`
	m, err := kiosk.Decode(d, []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	if r := m.(*kiosk.ConsentRecorded).Record; r.InterpreterPresent || r.Reason != "" || r.Revokes != uuid.Nil || r.Relation != "self" {
		t.Errorf("an older record: %+v", r)
	}
	newer := strings.Replace(old, `"relation":"self"`, `"relation":"court-appointee","somethingNew":{"a":1}`, 1)
	if m, err = kiosk.Decode(d, []byte(newer)); err != nil {
		t.Fatal(err)
	}
	k := newKit(t)
	rec := received("lobby-2", storage.NewHLC(noon), m.(*kiosk.ConsentRecorded).Record)
	if err := k.update(func(tx *storage.Tx) error { _, _, _, err := k.Apply(tx, rec); return err }); err != nil {
		t.Fatal(err)
	}
	if c := k.stored(); c.Telehealth.Relation != "court-appointee" || !c.Telehealth.InEffect(noon) {
		t.Errorf("a newer gateway's word: %+v", c.Telehealth)
	}
}

// min_age is 18 unless the form says otherwise, the same in all languages, and a
// number that can be meant.
func TestMinAgeOfForms(t *testing.T) {
	with := func(line, language string) []byte {
		return []byte(strings.Replace(form("a", "telehealth", "1", language), "scope =", line+"\nscope =", 1))
	}
	for line, want := range map[string]int{"": 18, "min_age = 16": 16, "min_age = 0": 0} {
		f, err := consent.ParseForm(with(line, "en"))
		if err != nil || f.MinAge != want {
			t.Errorf("%q: %d, %v", line, f.MinAge, err)
		}
	}
	for _, line := range []string{"min_age = -1", "min_age = 99", `min_age = "adult"`} {
		if _, err := consent.ParseForm(with(line, "en")); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	_, err := consent.LoadForms(fstest.MapFS{"a.txt": {Data: with("min_age = 16", "en")}, "b.txt": {Data: with("", "es")}})
	if err == nil {
		t.Error("two ages in two languages were taken")
	}
}
