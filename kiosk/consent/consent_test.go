package consent_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var (
	refKey  = []byte("a reference key of a made-up clinic")
	jane    = kiosk.NewPatientRef(refKey, phi.New("MRN-0001"))
	session = kiosk.Actor{Kind: kiosk.ActorPatient, ID: "s1"}
	noon    = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)
)

type kit struct {
	t       *testing.T
	options storage.Options
	store   *storage.Store
	now     time.Time
	*consent.Service
}

func newKit(t *testing.T) *kit {
	k := &kit{t: t, now: noon}
	boot := uuid.New()
	k.options = storage.Options{
		Dir: t.TempDir(), Kiosk: "lobby-1", Kinds: kiosk.Kinds(), NoSync: true,
		Keys: storagetest.NewKeys("k").Preload("consent", "audit", storage.ClassStore, storage.ClassView),
		Now:  func() storage.Instant { return storage.Instant{Wall: k.now, Boot: boot, Synced: true} },
	}
	k.open(consent.EmbeddedForms())
	t.Cleanup(k.close)
	return k
}

func (k *kit) open(forms *consent.Forms) {
	k.t.Helper()
	var err error
	if k.store, _, err = storage.Open(context.Background(), k.options); err != nil {
		k.t.Fatal(err)
	}
	if k.Service, err = consent.New("riverside", forms); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) close() { _ = k.store.Close(context.Background()) }

func (k *kit) update(fn func(tx *storage.Tx) error) error {
	return k.store.Update(context.Background(), fn)
}

func (k *kit) decide(act kiosk.Act, d ...consent.Decision) (c kiosk.Consents, err error) {
	err = k.update(func(tx *storage.Tx) error { c, err = k.Record(tx, act, jane, d); return err })
	return c, err
}

func (k *kit) stored() (c kiosk.Consents) {
	k.t.Helper()
	err := k.store.View(context.Background(), func(r *storage.Reader) (err error) { c, err = k.Consents(r, jane); return err })
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

func (k *kit) events() []storage.Record {
	k.t.Helper()
	var all []storage.Record
	for _, s := range k.store.Streams() {
		list, err := k.store.Read(context.Background(), s.Channel, "", storage.Cursor{}, 1000)
		if err != nil {
			k.t.Fatal(err)
		}
		all = append(all, list...)
	}
	return all
}

func decision(t *testing.T, id, language string, granted bool) consent.Decision {
	t.Helper()
	forms, _ := consent.EmbeddedForms().For(kiosk.Video, language)
	i := slices.IndexFunc(forms, func(f consent.Form) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("no form %s in %s", id, language)
	}
	f := forms[i]
	return consent.Decision{FormID: f.ID, Version: f.Version, Language: f.Language, SHA256: f.SHA256, Granted: granted}
}

func TestEmbeddedFormsAreWhole(t *testing.T) {
	forms := consent.EmbeddedForms()
	for _, language := range []string{"en", "es", "es-MX", "EN"} {
		if list, ok := forms.For(kiosk.InPerson, language); !ok || len(list) != 1 || list[0].Type != kiosk.DataSharing {
			t.Errorf("in person, %s: %d forms, %v", language, len(list), ok)
		}
		if list, ok := forms.For(kiosk.Video, language); !ok || len(list) != 2 {
			t.Errorf("video, %s: %d forms, %v", language, len(list), ok)
		}
	}
	if list, ok := forms.For(kiosk.InPerson, "vi"); ok || len(list) != 0 {
		t.Errorf("a language without forms gave %d, %v", len(list), ok)
	}
	if got := forms.Languages(kiosk.Video); !slices.Equal(got, []string{"en", "es"}) {
		t.Errorf("languages: %v", got)
	}
	// A change of a text needs a new version: this is what grants are bound to.
	for id, want := range map[string]string{
		"data-sharing": "08858395432cb8c3b7c7a67a6ef47ad42df045e16f1fb9f190ca26bc00519c0e", "telehealth": "8a217d149f5f24e0197f09ba58e265230e7705342671ec522d6a40feab38782b",
	} {
		list, _ := forms.For(kiosk.Video, "en")
		for _, f := range list {
			if f.ID == id && f.SHA256 != want {
				t.Errorf("%s is %s", id, f.SHA256)
			}
		}
	}
}

func TestRecordIsBoundToTheTextShown(t *testing.T) {
	k := newKit(t)
	act := kiosk.NewAct(session)
	c, err := k.decide(act, decision(t, "data-sharing", "es", true), decision(t, "telehealth", "es", false))
	if err != nil {
		t.Fatal(err)
	}
	if !c.DataSharing.InEffect(noon) || c.Telehealth.InEffect(noon) || !c.Telehealth.Declined || c.Recording.Granted || c.Recording.Declined {
		t.Errorf("consents: %+v", c)
	}
	if diff := cmp.Diff(c, k.stored()); diff != "" {
		t.Errorf("stored (-told +stored):\n%s", diff)
	}
	kinds := map[string]int{}
	for _, e := range k.events() {
		name := e.Kind
		d, _ := kiosk.Defined(e.Kind)
		m, err := kiosk.Decode(d, e.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *kiosk.AuditEvent:
			name = string(m.EventType)
			if m.Metadata.ConsentRef == "" || m.Resource.ID != m.Metadata.ConsentRef {
				t.Errorf("audit event does not name the record: %+v", m)
			}
		case *kiosk.ConsentRecorded:
			want := decision(t, m.Record.FormID, "es", m.Record.Granted)
			r := m.Record
			if r.SHA256 != want.SHA256 || r.Version != want.Version || r.Language != "es" || r.Signer != "patient" || r.Relation != "self" || r.Method != "tapped" || r.ID != e.ID {
				t.Errorf("record: %+v", r)
			}
			if r.Granted != !r.GrantedAt.IsZero() || r.DecidedAt.IsZero() || r.Granted && !r.ExpiresAt.Equal(noon.Add(365*24*time.Hour)) {
				t.Errorf("times of the record: %+v", r)
			}
		}
		kinds[name]++
	}
	want := map[string]int{"consent/CONSENT_RECORDED": 2, "PATIENT_CONSENT_GIVEN": 1, "PATIENT_CONSENT_DECLINED": 1}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	// The same act again adds nothing.
	k.now = k.now.Add(time.Minute)
	again, err := k.decide(act, decision(t, "data-sharing", "es", true), decision(t, "telehealth", "es", false))
	if err != nil || len(k.events()) != 4 || again != c {
		t.Errorf("repeated: %v, %d events, %+v", err, len(k.events()), again)
	}
}

func TestADecisionOnAnotherTextIsRefused(t *testing.T) {
	k := newKit(t)
	good := decision(t, "data-sharing", "en", true)
	for name, spoil := range map[string]func(*consent.Decision){
		"form":     func(d *consent.Decision) { d.FormID = "marketing" },
		"version":  func(d *consent.Decision) { d.Version = "2025-01" },
		"text":     func(d *consent.Decision) { d.SHA256 = strings.Repeat("0", 64) },
		"language": func(d *consent.Decision) { d.Language = "es" },
		"missing":  func(d *consent.Decision) { d.Language = "vi" },
	} {
		bad := good
		spoil(&bad)
		if _, err := k.decide(kiosk.NewAct(session), decision(t, "telehealth", "en", true), bad); !errors.Is(err, consent.ErrForm) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if n := len(k.events()); n != 0 {
		t.Errorf("%d events were written by refused decisions", n)
	}
}

func TestGrantRevokeGrantAndExpiry(t *testing.T) {
	k := newKit(t)
	grant := func() kiosk.Consents {
		c, err := k.decide(kiosk.NewAct(session), decision(t, "data-sharing", "en", true))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if k.stored().DataSharing.InEffect(k.now) {
		t.Error("in effect without any record")
	}
	first := grant()
	end := k.now.Add(365 * 24 * time.Hour)
	if !first.DataSharing.InEffect(end.Add(-time.Millisecond)) || first.DataSharing.InEffect(end) {
		t.Error("expiry is not to the instant")
	}
	k.now = k.now.Add(time.Hour)
	var revoked kiosk.Consents
	revoke := func(act kiosk.Act, record string, reason consent.Reason) error {
		return k.update(func(tx *storage.Tx) (err error) {
			revoked, err = k.Revoke(tx, act, jane, uuid.MustParse(record), reason)
			return err
		})
	}
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"})
	if err := revoke(act, uuid.NewString(), consent.PatientAsked); !errors.Is(err, consent.ErrNoRecord) {
		t.Errorf("revoking what nobody recorded: %v", err)
	}
	if err := revoke(act, first.DataSharing.Record, "she was rude"); err == nil {
		t.Error("a reason in free text was taken")
	}
	for range 2 { // the same act again
		if err := revoke(act, first.DataSharing.Record, consent.PatientAsked); err != nil {
			t.Fatal(err)
		}
	}
	if revoked.DataSharing.InEffect(k.now) || !revoked.DataSharing.Declined {
		t.Errorf("after revocation: %+v", revoked.DataSharing)
	}
	for _, record := range []string{first.DataSharing.Record, revoked.DataSharing.Record} {
		if err := revoke(kiosk.NewAct(act.Actor), record, consent.PatientAsked); !errors.Is(err, consent.ErrNotGranted) {
			t.Errorf("revoking again: %v", err)
		}
	}
	if c := grant(); !c.DataSharing.InEffect(k.now) {
		t.Error("not in effect after a new grant")
	}
	var records []consent.Record
	if err := k.store.View(context.Background(), func(r *storage.Reader) (err error) {
		records, err = k.Records(r, jane)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var decisions []string
	for _, r := range records {
		decisions = append(decisions, r.Decision)
	}
	if !slices.Equal(decisions, []string{"granted", "revoked", "granted"}) {
		t.Fatalf("records: %v; the earlier ones must stay", decisions)
	}
	if r := records[1]; r.Revokes != records[0].ID || r.Reason != "patient-asked" || r.Signer != "staff" || r.Relation != "staff" || r.RevokedAt.IsZero() || !r.GrantedAt.IsZero() {
		t.Errorf("revocation: %+v", r)
	}
	if err := revoke(kiosk.NewAct(act.Actor), first.DataSharing.Record, consent.SignedInError); !errors.Is(err, consent.ErrNotGranted) {
		t.Errorf("revoking a grant with newer records: %v", err)
	}
	err := k.store.View(context.Background(), func(r *storage.Reader) error {
		for _, want := range records {
			if got, err := k.Find(r, want.ID); err != nil || got != want {
				t.Errorf("found %+v, %v", got, err)
			}
		}
		if _, err := k.Find(r, uuid.New()); !errors.Is(err, consent.ErrNoRecord) {
			t.Errorf("found what nobody recorded: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A newer form makes what was granted on the old one stale.
func TestNewerFormMakesAGrantStale(t *testing.T) {
	k := newKit(t)
	if _, err := k.decide(kiosk.NewAct(session), decision(t, "data-sharing", "en", true)); err != nil {
		t.Fatal(err)
	}
	newer, err := consent.LoadForms(fstest.MapFS{"a.txt": {Data: []byte(form("data-sharing", "data-sharing", "2027-01", "en"))}})
	if err != nil {
		t.Fatal(err)
	}
	if k.Service, err = consent.New("riverside", newer); err != nil {
		t.Fatal(err)
	}
	if c := k.stored(); c.DataSharing.InEffect(k.now) || c.DataSharing.Declined {
		t.Errorf("after the form changed: %+v", c.DataSharing)
	}
}

func form(id, typ, version, language string) string {
	return "+++\nid = \"" + id + "\"\ntype = \"" + typ + "\"\nversion = \"" + version + "\"\nbasis = \"treatment-consent\"\nlanguage = \"" + language +
		"\"\ntitle = \"T\"\nscope = \"clinic\"\nmodes = [\"in-person\"]\n[elements]\nrefusal = \"Text\"\n+++\nText.\n"
}

func TestLoadFormsReportsEveryProblem(t *testing.T) {
	good := form("a", "recording", "1", "en")
	_, err := consent.LoadForms(fstest.MapFS{
		"ok.txt":       {Data: []byte(good)},
		"twice.txt":    {Data: []byte(good)},
		"version.txt":  {Data: []byte(form("a", "recording", "2", "es"))},
		"nohead.txt":   {Data: []byte("Text only")},
		"unknown.txt":  {Data: []byte(strings.Replace(good, "scope", "colour", 1))},
		"type.txt":     {Data: []byte(form("b", "marketing", "1", "en"))},
		"empty.txt":    {Data: []byte(strings.Replace(form("c", "recording", "1", "en"), "Text.\n", "", 1))},
		"large.txt":    {Data: []byte(form("d", "recording", "1", "en") + strings.Repeat("x", 40<<10))},
		"other.md":     {Data: []byte("not a form")},
		"windows.txt":  {Data: []byte(strings.ReplaceAll(form("e", "telehealth", "1", "en"), "\n", "\r\n"))},
		"z-second.txt": {Data: []byte(form("g", "telehealth", "1", "en"))},
		"language.txt": {Data: []byte(form("f", "recording", "1", ""))},
	})
	if err == nil {
		t.Fatal("bad forms were accepted")
	}
	for _, name := range []string{"version.txt", "nohead.txt", "unknown.txt", "type.txt", "empty.txt", "large.txt", "language.txt", "z-second.txt"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not reported in: %v", name, err)
		}
	}
	if a, b := strings.Contains(err.Error(), "ok.txt"), strings.Contains(err.Error(), "twice.txt"); a == b {
		t.Errorf("one of two equal forms must be reported: %v", err)
	}
	for _, name := range []string{"windows.txt", "other.md"} {
		if strings.Contains(err.Error(), name) {
			t.Errorf("%s is reported in: %v", name, err)
		}
	}
}

// An authorization that leaves out one of the elements of 45 CFR 164.508(c), or says
// that it has one where the text has not, is refused by the element's name.
func TestFormsStateWhatTheirBasisRequires(t *testing.T) {
	elements := []string{"information", "discloser", "recipient", "purpose", "expiry", "revocation", "conditioning", "redisclosure"}
	write := func(leave, lie string) []byte {
		head := "+++\nid = \"a\"\ntype = \"data-sharing\"\nversion = \"1\"\nbasis = \"authorization-164.508\"\nlanguage = \"en\"\n" +
			"title = \"T\"\nscope = \"clinic\"\nmodes = [\"video\"]\nreviewer = \"A. Nurse\"\nreviewed = 2026-01-15\n[elements]\n"
		text := ""
		for _, e := range elements {
			passage := "About " + e + "."
			text += passage + " "
			if e == lie {
				passage = "Nothing of the kind."
			}
			if e != leave {
				head += e + " = \"" + passage + "\"\n"
			}
		}
		return []byte(head + "+++\n" + text + "\n")
	}
	f, err := consent.ParseForm(write("", ""))
	if err != nil || f.Reviewer != "A. Nurse" || f.Reviewed != "2026-01-15" {
		t.Fatalf("a whole authorization: %+v, %v", f, err)
	}
	for _, e := range elements {
		if _, err := consent.ParseForm(write(e, "")); err == nil || !strings.Contains(err.Error(), "state its "+e) {
			t.Errorf("without %s: %v", e, err)
		}
		if _, err := consent.ParseForm(write("", e)); err == nil || !strings.Contains(err.Error(), "elements."+e) {
			t.Errorf("with another passage for %s: %v", e, err)
		}
	}
	half := strings.Replace(string(write("", "")), "reviewed = 2026-01-15\n", "", 1)
	if _, err := consent.ParseForm([]byte(half)); err == nil {
		t.Error("a reviewer without a date is taken")
	}
	notes := consent.EmbeddedForms().Notes([]string{"en", "vi"})
	if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "in vi") }) ||
		!slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "nobody has vouched") }) {
		t.Errorf("notes %q", notes)
	}
}

// Line ends and a byte order mark do not change what was shown.
func TestHashDoesNotDependOnTheEditor(t *testing.T) {
	text := form("a", "recording", "1", "en")
	want, err := consent.ParseForm([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{strings.ReplaceAll(text, "\n", "\r\n"), "\ufeff" + text, text + "\n\n"} {
		if got, err := consent.ParseForm([]byte(same)); err != nil || got.SHA256 != want.SHA256 {
			t.Errorf("hash %s, %v; want %s", got.SHA256, err, want.SHA256)
		}
	}
	if got, _ := consent.ParseForm([]byte(strings.Replace(text, "Text.", "Text!", 1))); got.SHA256 == want.SHA256 {
		t.Error("another text has the same hash")
	}
}

func received(kioskID string, hlc storage.HLC, r kiosk.ConsentShape) kiosk.Received {
	return kiosk.Received{Channel: "consent.riverside", ID: r.ID, Message: &kiosk.ConsentRecorded{Type: "CONSENT_RECORDED", Record: r},
		Origin: storage.Origin{Kiosk: kioskID, Inc: 1, Seq: 1, HLC: hlc, Synced: true}}
}

func TestRecordsOfOtherKiosksCount(t *testing.T) {
	k := newKit(t)
	d := decision(t, "telehealth", "en", true)
	shape := kiosk.ConsentShape{ID: uuid.New(), PatientID: jane, Type: "telehealth", Granted: true, Scope: "clinic", Version: d.Version, FormID: d.FormID,
		SHA256: d.SHA256, Language: "en", Basis: "state-telehealth", Decision: "granted", GrantedAt: kiosk.At(noon), DecidedAt: kiosk.At(noon), Method: "tapped", Signer: "patient", Relation: "self"}
	apply := func(m kiosk.Received) kiosk.Result {
		var got kiosk.Result
		if err := k.update(func(tx *storage.Tx) (err error) { got, _, _, err = k.Apply(tx, m); return err }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := apply(received("lobby-2", storage.NewHLC(noon), shape)); got != kiosk.Applied || !k.stored().Telehealth.InEffect(noon) {
		t.Errorf("a grant at another kiosk: %s, %+v", got, k.stored())
	}
	if got := apply(received("lobby-2", storage.NewHLC(noon), shape)); got != kiosk.Known {
		t.Errorf("again: %s", got)
	}
	for name, spoil := range map[string]func(*kiosk.ConsentShape){
		"patient":  func(s *kiosk.ConsentShape) { s.PatientID = "Jane" },
		"type":     func(s *kiosk.ConsentShape) { s.Type = "marketing" },
		"decision": func(s *kiosk.ConsentShape) { s.Decision = "declined" },
		"hash":     func(s *kiosk.ConsentShape) { s.SHA256 = "x" },
		"time":     func(s *kiosk.ConsentShape) { s.DecidedAt = kiosk.Timestamp{} },
		"signer":   func(s *kiosk.ConsentShape) { s.Signer = "Jane" },
		"relation": func(s *kiosk.ConsentShape) { s.Relation = "mother Jane Roe" },
		"method":   func(s *kiosk.ConsentShape) { s.Method = strings.Repeat("tapped", 10) },
		"reason":   func(s *kiosk.ConsentShape) { s.Reason = "she said that" },
		"signed":   func(s *kiosk.ConsentShape) { s.Signature = &kiosk.SignatureShape{SHA256: "Jane Roe", Size: 8} },
	} {
		bad := shape
		bad.ID = uuid.New()
		spoil(&bad)
		if got := apply(received("lobby-2", storage.NewHLC(noon), bad)); got != kiosk.Ignored {
			t.Errorf("a bad %s: %s", name, got)
		}
	}
}

// The fold is of the set of records: order, and what else is known, changes
// nothing, and each type stands for itself.
func TestPropertyFold(t *testing.T) {
	forms := consent.EmbeddedForms()
	rapid.Check(t, func(t *rapid.T) {
		var records []consent.Record
		newest := map[string]*consent.Record{}
		for i := range rapid.IntRange(0, 12).Draw(t, "n") {
			typ := rapid.SampledFrom(kiosk.ConsentTypes()).Draw(t, "type")
			granted := rapid.Bool().Draw(t, "granted")
			r := consent.Record{HLC: storage.HLC(rapid.Uint64Range(1, 6).Draw(t, "hlc")), ConsentShape: kiosk.ConsentShape{
				ID: uuid.UUID{byte(i + 1)}, Type: string(typ), Granted: granted, Decision: "declined", FormID: string(typ),
				Version: rapid.SampledFrom([]string{"2026-01", "2025-01"}).Draw(t, "version"), DecidedAt: kiosk.At(noon),
				Relation: string(rapid.SampledFrom(consent.Relations()).Draw(t, "relation")), InterpreterPresent: rapid.Bool().Draw(t, "interpreter"),
			}}
			if !granted && rapid.Bool().Draw(t, "revoked") {
				r.Decision, r.Relation = "revoked", "staff"
			}
			if granted {
				r.Decision = "granted"
				r.ExpiresAt = kiosk.At(noon.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "expires")) * time.Hour))
			}
			records = append(records, r)
			if o := newest[r.Type]; o == nil || o.HLC <= r.HLC { // ids grow with i
				newest[r.Type] = &records[len(records)-1]
			}
		}
		newest = map[string]*consent.Record{}
		for i := range records {
			if o := newest[records[i].Type]; o == nil || o.HLC <= records[i].HLC {
				newest[records[i].Type] = &records[i]
			}
		}
		got := consent.Fold(records, forms)
		if again := consent.Fold(rapid.Permutation(records).Draw(t, "order"), forms); got != again {
			t.Fatalf("another order: %+v, %+v", got, again)
		}
		for _, typ := range kiosk.ConsentTypes() {
			r := newest[string(typ)]
			stale := r != nil && typ != kiosk.Recording && r.Version != "2026-01"
			want := r != nil && r.Granted && !stale && r.ExpiresAt.After(noon)
			if got.Of(typ).InEffect(noon) != want {
				t.Fatalf("%s in effect: %v, want %v", typ, !want, want)
			}
			standing, expect := consent.StandingAt(got.Of(typ), noon), consent.Unsigned
			if r != nil {
				if got.Of(typ).Relation != r.Relation || got.Of(typ).Decision != r.Decision {
					t.Fatalf("%s was %s by %s, want %s by %s", typ, got.Of(typ).Decision, got.Of(typ).Relation, r.Decision, r.Relation)
				}
				switch expect = consent.Standing(r.Decision); {
				case want:
					expect = consent.InEffect
				case stale && r.Granted:
					expect = consent.Stale
				case r.Granted:
					expect = consent.Expired
				}
			}
			if standing != expect {
				t.Fatalf("%s is %s, want %s", typ, standing, expect)
			}
		}
	})
}

// A patient's row does not grow without bound, and what counts stays.
func TestOldRecordsLeaveTheRowAndNotTheLog(t *testing.T) {
	k := newKit(t)
	if _, err := k.decide(kiosk.NewAct(session), decision(t, "telehealth", "en", true)); err != nil {
		t.Fatal(err)
	}
	for i := range 130 {
		k.now = k.now.Add(time.Second)
		if _, err := k.decide(kiosk.NewAct(session), decision(t, "data-sharing", "en", i%2 == 0)); err != nil {
			t.Fatal(err)
		}
	}
	c := k.stored()
	if c.Records != 131 || !c.Telehealth.InEffect(k.now) || !c.DataSharing.Declined {
		t.Errorf("consents: %+v", c)
	}
	n := 0
	for _, e := range k.events() {
		if e.Kind == "consent/CONSENT_RECORDED" {
			n++
		}
	}
	if n != 131 {
		t.Errorf("%d records in the log", n)
	}
}

func FuzzParseForm(f *testing.F) {
	f.Add([]byte(form("a", "recording", "1", "en")))
	f.Add([]byte("+++\n+++\n"))
	f.Add([]byte("+++\nid = \n+++\nx"))
	f.Add([]byte("\ufeff+++\r\nmodes = [\"video\"]\r\n+++\r\nText"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := consent.ParseForm(data)
		if err == nil && (got.Title == "" || got.Text == "" || len(got.SHA256) != 64 || len(got.Modes) == 0) {
			t.Errorf("a form with a hole was accepted: %+v", got)
		}
	})
}
