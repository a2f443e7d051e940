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
	"clinicgate/storage"

	"github.com/google/uuid"
)

func weighed(session string, entry kiosk.EntryID) checkin.Vitals {
	return checkin.Vitals{ID: uuid.MustParse("01890a5d-ac96-7b2f-8a1c-0123456789ab"), Session: session, Entry: entry, Device: "scale-1",
		Parts: []kiosk.Measured{{LOINC: []string{"29463-7"}, Number: "81.40", Places: 2, Unit: "kg"}}}
}

// TestMeasured: a value is kept for the patient whose visit the session holds, once,
// and for nobody else.
func TestMeasured(t *testing.T) {
	ctx := context.Background()
	k := newKit(t, "lobby-1", 'A')
	first := k.scan("s1", "apt-1", "en")
	got := k.wrote(func() {
		if repeated, err := k.Measured(ctx, weighed("s1", first.Entry)); repeated || err != nil {
			t.Errorf("repeated %v, %v", repeated, err)
		}
	})
	if want := []string{"1 audit/VITALS_RECORDED", "1 device/VITALS"}; !slices.Equal(got, want) {
		t.Errorf("wrote %v, want %v", got, want)
	}
	e, _ := k.queue.Entry(first.Entry)
	for _, r := range k.records() {
		if r.Kind != "device/VITALS" {
			if strings.Contains(string(r.Body), "81.4") {
				t.Errorf("%s has the value", r.Kind)
			}
			continue
		}
		var v kiosk.Vitals
		if err := json.Unmarshal(r.Body, &v); err != nil || v.Observation.Subject.Reference != "Patient/"+string(e.Patient) || v.Observation.Value == nil || v.Observation.Value.Value != "81.4" {
			t.Errorf("%s, %v", r.Body, err)
		}
	}

	second := k.scan("s2", "apt-2", "en")
	for name, v := range map[string]checkin.Vitals{
		"nobody's session": weighed("s9", first.Entry),
		"another's visit":  weighed("s2", first.Entry),
	} {
		v.ID = uuid.New()
		if got := k.wrote(func() {
			if _, err := k.Measured(ctx, v); !errors.Is(err, checkin.ErrSession) {
				t.Errorf("%s: %v", name, err)
			}
		}); len(got) != 0 {
			t.Errorf("%s: wrote %v", name, got)
		}
	}
	// The same reading again is the first patient's, whoever stands there now.
	if got := k.wrote(func() {
		for _, v := range []checkin.Vitals{weighed("s1", first.Entry), weighed("s2", second.Entry)} {
			if repeated, err := k.Measured(ctx, v); !repeated || err != nil {
				t.Errorf("repeated %v, %v", repeated, err)
			}
		}
	}); len(got) != 0 {
		t.Errorf("a repeat wrote %v", got)
	}
	// Not after the last button, and not after the session.
	k.finish("s2", second, true)
	v := weighed("s2", second.Entry)
	v.ID = uuid.New()
	if _, err := k.Measured(ctx, v); !errors.Is(err, checkin.ErrSession) {
		t.Errorf("after the last button: %v", err)
	}
	if err := k.EndSession(ctx, "s1", "idle"); err != nil {
		t.Fatal(err)
	}
	v = weighed("s1", first.Entry)
	v.ID = uuid.New()
	if _, err := k.Measured(ctx, v); !errors.Is(err, checkin.ErrSession) {
		t.Errorf("after the session: %v", err)
	}
}

// TestMeasuredIsDurable: done is said after the commit, and a retry finds it.
func TestMeasuredIsDurable(t *testing.T) {
	ctx := context.Background()
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	k.store.set(errors.New("disk is full"), nil)
	if _, err := k.Measured(ctx, weighed("s1", id.Entry)); err == nil || strings.Contains(err.Error(), "81.4") {
		t.Errorf("not durable: %v", err)
	}
	k.store.set(nil, storage.ErrOutcomeUnknown)
	if _, err := k.Measured(ctx, weighed("s1", id.Entry)); !errors.Is(err, storage.ErrOutcomeUnknown) {
		t.Errorf("unknown outcome: %v", err)
	}
	k.store.set(nil, nil)
	if repeated, err := k.Measured(ctx, weighed("s1", id.Entry)); !repeated || err != nil {
		t.Errorf("the retry: repeated %v, %v", repeated, err)
	}
}

func TestNotMeasured(t *testing.T) {
	ctx := context.Background()
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	if got := k.wrote(func() {
		for range 2 {
			if err := k.NotMeasured(ctx, weighed("s1", id.Entry), "out-of-range"); err != nil {
				t.Error(err)
			}
		}
	}); !slices.Equal(got, []string{"1 audit/VITALS_REFUSED"}) {
		t.Errorf("wrote %v", got)
	}
	for _, r := range k.records() {
		if strings.Contains(string(r.Body), "81.4") {
			t.Errorf("%s has the value", r.Kind)
		}
	}
}
