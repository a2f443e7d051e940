package consent_test

import (
	"errors"
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

// Whatever is granted, declined, taken back and outlived, and whenever the service
// starts anew, with the same forms or with newer ones: the last decision of each type
// counts, a grant as long as its form and its time last.
func TestPropertyConsentsOverRestarts(t *testing.T) {
	newer := func(version string) *consent.Forms {
		lasting := strings.NewReplacer("scope =", "valid_days = 365\nscope =")
		forms, err := consent.LoadForms(fstest.MapFS{
			"a.txt": {Data: []byte(lasting.Replace(form("data-sharing", "data-sharing", version, "en")))},
			"b.txt": {Data: []byte(form("telehealth", "telehealth", version, "en"))},
		})
		if err != nil {
			t.Fatal(err)
		}
		return forms
	}
	types := []kiosk.ConsentType{kiosk.DataSharing, kiosk.Telehealth}
	editions := []*consent.Forms{newer("2026-01"), newer("2027-01")}
	rapid.Check(t, func(rt *rapid.T) {
		k := newKit(t)
		defer k.close()
		k.close()
		edition := 0
		k.open(editions[edition])
		type last struct {
			id                uuid.UUID
			granted, declined bool
			edition           int
			until             time.Time
		}
		want := map[kiosk.ConsentType]*last{}
		for range rapid.IntRange(1, 14).Draw(rt, "acts") {
			typ := rapid.SampledFrom(types).Draw(rt, "type")
			switch rapid.IntRange(0, 4).Draw(rt, "act") {
			case 0, 1:
				granted := rapid.Bool().Draw(rt, "granted")
				forms, _ := editions[edition].For(kiosk.InPerson, "en")
				f := forms[slices.IndexFunc(forms, func(f consent.Form) bool { return f.Type == typ })]
				d := consent.Decision{FormID: f.ID, Version: f.Version, Language: "en", SHA256: f.SHA256, Granted: granted}
				c, err := k.decide(kiosk.NewAct(session), d)
				if err != nil {
					rt.Fatal(err)
				}
				l := &last{id: uuid.MustParse(c.Of(typ).Record), granted: granted, declined: !granted, edition: edition}
				if f.Valid > 0 {
					l.until = k.now.Add(f.Valid)
				}
				want[typ] = l
			case 2:
				l := want[typ]
				if l == nil {
					continue
				}
				err := k.update(func(tx *storage.Tx) error {
					_, err := k.Revoke(tx, kiosk.NewAct(session), jane, l.id, consent.PatientAsked)
					return err
				})
				if granted := l.granted; granted != (err == nil) || !granted && !errors.Is(err, consent.ErrNotGranted) {
					rt.Fatalf("taking back, granted %v: %v", granted, err)
				}
				l.granted = false
			case 3:
				k.now = k.now.Add(time.Duration(rapid.IntRange(1, 200*24).Draw(rt, "hours")) * time.Hour)
			case 4:
				edition = rapid.IntRange(0, 1).Draw(rt, "edition")
				k.close()
				k.open(editions[edition])
			}
			got := k.stored()
			for _, typ := range types {
				l := want[typ]
				holds := l != nil && l.granted && l.edition == edition && (l.until.IsZero() || k.now.Before(l.until))
				if state := got.Of(typ); state.InEffect(k.now) != holds || state.Declined != (l != nil && !l.granted) {
					rt.Fatalf("%s: %+v, want in effect %v", typ, state, holds)
				}
			}
		}
	})
}
