package aamva_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"clinicgate/devices/aamva"
	"clinicgate/devices/aamva/aamvatest"

	"pgregory.net/rapid"
)

// someone draws a licence of nobody.
func someone(t *rapid.T) aamvatest.Licence {
	name := rapid.StringMatching(`[A-ZÀ-ÖØ-Ý][A-ZÀ-ÖØ-Ý'-]{1,17}[A-Z]`).Filter(func(s string) bool {
		return !slices.Contains([]string{"NONE", "UNAVL"}, s)
	})
	day := func(label string, from, to int) string {
		first := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC)
		return first.AddDate(0, 0, rapid.IntRange(0, (to-from)*365).Draw(t, label)).Format(time.DateOnly)
	}
	text := rapid.StringMatching(`[A-Z0-9 .#/-]{0,30}`)
	l := aamvatest.Licence{
		Version: rapid.IntRange(1, 11).Draw(t, "version"), Type: rapid.SampledFrom([]string{"DL", "ID", "EN"}).Draw(t, "type"),
		Family: name.Draw(t, "family"), First: name.Draw(t, "first"),
		Birth: day("birth", 1900, 2026), Expires: day("expires", 2020, 2040), Issued: day("issued", 2015, 2026),
		Sex: rapid.SampledFrom([]string{"M", "F", "X"}).Draw(t, "sex"), Suffix: rapid.SampledFrom([]string{"", "JR", "SR", "II", "III", "IV"}).Draw(t, "suffix"),
		Number: text.Draw(t, "number"), Discriminator: text.Draw(t, "discriminator"), Street: text.Draw(t, "street"), City: text.Draw(t, "city"),
		Postal: "232690000", Bare: rapid.Bool().Draw(t, "bare"),
	}
	place := rapid.SampledFrom([][3]string{{"636000", "USA", "VA"}, {"636005", "USA", "SC"}, {"604431", "USA", "PR"}, {"636012", "CAN", "ON"}, {"604432", "CAN", "AB"}, {"636056", "MEX", "CU"}}).Draw(t, "issuer")
	l.Issuer, l.Country, l.State = place[0], place[1], place[2]
	if rapid.Bool().Draw(t, "middle") {
		l.Middle = name.Draw(t, "middle name")
	}
	return l
}

// TestRoundTrip: what was encoded is read, to the letter, and damage makes no
// difference to what it says.
func TestRoundTrip(t *testing.T) {
	damages := append(aamvatest.Keyboards(), aamvatest.Issuers()...)
	rapid.Check(t, func(t *rapid.T) {
		l := someone(t)
		raw := l.Bytes()
		c, err := aamva.Parse(raw)
		if want := onCard(l); err != nil || c.Conformance != aamva.Strict || clear(c) != want {
			t.Fatalf("%s, %v\n got %+v\nwant %+v\n%q", c.Conformance, err, clear(c), want, raw)
		}
		d := rapid.SampledFrom(damages).Draw(t, "damage")
		if d.Name == "LF is a bar" && strings.Contains(string(raw), "|") {
			return
		}
		damaged, err := aamva.Parse(d.Do(raw))
		if err != nil || clear(damaged) != clear(c) {
			t.Fatalf("%s: %v\n got %+v\nwant %+v\n%q", d.Name, err, clear(damaged), clear(c), d.Do(raw))
		}
		cut := d.Do(raw)
		cut = cut[:rapid.IntRange(0, len(cut)).Draw(t, "cut")]
		if got, err := aamva.Parse(cut); err == nil && d.Name != "lengths are too high" && !strings.HasPrefix(d.Name, "Alberta") && clear(got) != clear(c) {
			t.Fatalf("%s, cut short:\n got %+v\nwant %+v\n%q", d.Name, clear(got), clear(c), cut)
		}
	})
}

// TestDatesAreOneThing: no date can be read in both orders.
func TestDatesAreOneThing(t *testing.T) {
	for d := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() <= 2100; d = d.AddDate(0, 0, 1) {
		want := d.Format(time.DateOnly)
		for _, form := range []string{"01022006", "20060102"} {
			if got, ok := aamva.Date(d.Format(form)); !ok || got != want {
				t.Fatalf("%s is read as %s, %v; want %s", d.Format(form), got, ok, want)
			}
		}
	}
}

// FuzzParse: no input panics, and what is read has the promised form. What is
// strict is read alike by the tolerant reader.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(sampleV1))
	for version := 1; version <= 11; version++ {
		f.Add(aamvatest.Tremblay(version).Bytes())
		for i, d := range append(aamvatest.Keyboards(), aamvatest.Issuers()...) {
			if i%11 == version-1 {
				f.Add(d.Do(aamvatest.Marlow(version).Bytes()))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := aamva.Parse(raw)
		if err != nil {
			if !errors.Is(err, aamva.ErrNotLicence) && !errors.Is(err, aamva.ErrDamaged) && !errors.Is(err, aamva.ErrCut) || c != (aamva.Card{}) {
				t.Fatalf("Parse(%q) = %+v, %v", raw, clear(c), err)
			}
			return
		}
		got := clear(c)
		if _, err := time.Parse(time.DateOnly, got.birth); err != nil {
			t.Errorf("birth date %q", got.birth)
		}
		if got.family == "" && got.given == "" || len(got.family)+len(got.given) > 300 || !utf8.ValidString(got.family+got.given) || strings.ContainsAny(got.family+got.given, "\x00\r\n\x1e,") {
			t.Errorf("name %q, %q", got.family, got.given)
		}
		if c.Conformance == aamva.Strict {
			if again, err := aamva.ParseTolerant(raw); err != nil || clear(again) != got {
				t.Errorf("strict reads %+v, tolerant %+v, %v\n%q", got, clear(again), err, raw)
			}
		}
	})
}
