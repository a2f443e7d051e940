package vitals_test

import (
	"errors"
	"strings"
	"testing"

	"clinicgate/devices/vitals"
)

const event = `{"v":1,"id":"01890a5d-ac96-7b2f-8a1c-0123456789ab","seq":12,"ts":"2026-11-22T12:00:00Z","session":"k3d","kind":"weight","value":"81.40","unit":"kg"}`

const panel = `{"v":1,"id":"01890a5d-ac96-7b2f-8a1c-0123456789ab","ts":"2026-11-22T12:00:00Z","kind":"blood-pressure","values":{"systolic":122,"diastolic":"78"},"unit":"mm[Hg]"}`

func TestParseEvent(t *testing.T) {
	r, err := vitals.ParseEvent("scale-1", []byte(event))
	if err != nil || r.Device != "scale-1" || r.ID != "01890a5d-ac96-7b2f-8a1c-0123456789ab" || r.Seq != 12 || !r.At.Equal(noon) || r.Session != "k3d" {
		t.Errorf("%+v, %v", r, err)
	}
	if m, why := vitals.Measure(r, noon); why != "" || told(m) != "weight=81.40(2) kg 81.40 kg" {
		t.Errorf("%s %s", told(m), why)
	}
	r, err = vitals.ParseEvent("cuff-1", []byte(panel))
	if err != nil || r.Seq != 0 || r.Session != "" {
		t.Errorf("%+v, %v", r, err)
	}
	if m, why := vitals.Measure(r, noon); why != "" || m.Shown.Reveal() != "122/78" {
		t.Errorf("%s %s", told(m), why)
	}
	spaced := strings.NewReplacer(",", " ,\n ", ":\"", " : \"").Replace(event)
	if _, err := vitals.ParseEvent("scale-1", []byte(spaced)); err != nil {
		t.Error("an event with spaces is refused")
	}
}

func TestMalformedEvents(t *testing.T) {
	swap := func(old, new string) string {
		if strings.Count(event, old) != 1 {
			t.Fatalf("%q is not in the event once", old)
		}
		return strings.Replace(event, old, new, 1)
	}
	for name, text := range map[string]string{
		"empty":            "",
		"null":             "null",
		"list":             "[]",
		"no members":       "{}",
		"health":           `{"v":1,"id":"01890a5d-ac96-7b2f-8a1c-0123456789ab","state":"ok"}`,
		"version 2":        swap(`"v":1`, `"v":2`),
		"version 1.0":      swap(`"v":1`, `"v":1.0`),
		"version text":     swap(`"v":1`, `"v":"1"`),
		"no version":       swap(`"v":1,`, ``),
		"id":               swap(`"01890a5d-ac96-7b2f-8a1c-0123456789ab"`, `"7"`),
		"id in braces":     swap(`"01890a5d-ac96-7b2f-8a1c-0123456789ab"`, `"{01890a5d-ac96-7b2f-8a1c-0123456789ab}"`),
		"zero id":          swap(`01890a5d-ac96-7b2f-8a1c-0123456789ab`, `00000000-0000-0000-0000-000000000000`),
		"time":             swap(`2026-11-22T12:00:00Z`, `22.11.2026 12:00`),
		"time as number":   swap(`"2026-11-22T12:00:00Z"`, `1795348800`),
		"no time":          swap(`"ts":"2026-11-22T12:00:00Z",`, ``),
		"seq":              swap(`"seq":12`, `"seq":-1`),
		"seq half":         swap(`"seq":12`, `"seq":1.5`),
		"seq text":         swap(`"seq":12`, `"seq":"12"`),
		"seq huge":         swap(`"seq":12`, `"seq":18446744073709551616`),
		"empty session":    swap(`"k3d"`, `""`),
		"null session":     swap(`"k3d"`, `null`),
		"long session":     swap(`k3d`, strings.Repeat("k", 65)),
		"kind":             swap(`"kind":"weight"`, `"kind":7`),
		"no kind":          swap(`"kind":"weight",`, ``),
		"kind twice":       swap(`"kind":"weight"`, `"kind":"height","kind":"weight"`),
		"kind in capitals": swap(`"kind"`, `"KIND"`),
		"no unit":          swap(`,"unit":"kg"`, ``),
		"value null":       swap(`"81.40"`, `null`),
		"value true":       swap(`"81.40"`, `true`),
		"value list":       swap(`"81.40"`, `["81.40"]`),
		"no value":         swap(`"value":"81.40",`, ``),
		"both":             swap(`"value":"81.40"`, `"value":"81.40","values":{"weight":"81.40"}`),
		"values list":      swap(`"value":"81.40"`, `"values":["81.40"]`),
		"values twice":     strings.Replace(panel, `"systolic":122`, `"systolic":122,"systolic":123`, 1),
		"values deep":      strings.Replace(panel, `"systolic":122`, `"systolic":{"systolic":122}`, 1),
		"a name":           swap(`"seq":12`, `"name":"Ada Fictional"`),
		"two":              event + event,
		"more":             event + "x",
		"cut":              event[:len(event)-1],
		"not UTF-8":        swap(`k3d`, "\xff"),
		"too long":         event + strings.Repeat(" ", vitals.MaxEvent),
	} {
		if r, err := vitals.ParseEvent("scale-1", []byte(text)); !errors.Is(err, vitals.ErrEvent) || r.ID != "" || !r.Value.IsZero() {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for i := range len(event) {
		if _, err := vitals.ParseEvent("scale-1", []byte(event[:i])); err == nil {
			t.Errorf("the first %d bytes of an event are one", i)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(event))
	f.Add([]byte(panel))
	f.Add([]byte(`{"v":1,"values":{"a":1},"value":`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := vitals.ParseEvent("scale-1", text)
		if err != nil {
			if !errors.Is(err, vitals.ErrEvent) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if len(text) > vitals.MaxEvent || r.ID == "" || r.At.IsZero() || r.Unit == "" {
			t.Fatalf("accepted %+v", r)
		}
		m, why := vitals.Measure(r, r.At)
		if (why == "") != (len(m.Values) > 0) {
			t.Fatalf("%v and reason %q", m, why)
		}
		for _, v := range m.Values {
			d, err := vitals.ParseDecimal(v.Number.Reveal())
			if v.Places <= 4 && (err != nil || d.Places() != v.Places || d.String() != v.Number.Reveal()) {
				t.Fatalf("%s does not come back: %v", v.Kind, err)
			}
		}
	})
}
