package aamva_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"clinicgate/devices/aamva"
	"clinicgate/devices/aamva/aamvatest"
)

// card is a Card in the clear.
type card struct {
	document aamva.Document
	country  aamva.Country
	version  int

	birth, expires, family, given, suffix string
}

func clear(c aamva.Card) card {
	return card{c.Document, c.Country, c.Version, c.Birth.Reveal(), c.Expires.Reveal(), c.Family.Reveal(), c.Given.Reveal(), c.Suffix.Reveal()}
}

func read(t testing.TB, raw []byte, want aamva.Conformance) card {
	t.Helper()
	c, err := aamva.Parse(raw)
	if err != nil || c.Conformance != want {
		t.Errorf("Parse(%q) = %s, %v; want %s", raw, c.Conformance, err, want)
	}
	return clear(c)
}

// onCard is what a licence should be read as.
func onCard(l aamvatest.Licence) card {
	country := aamva.Country(l.Country)
	doc := aamva.DrivingLicence
	if l.Type == "ID" {
		doc = aamva.IdentityCard
	}
	return card{doc, country, l.Version, l.Birth, l.Expires, l.Family, strings.TrimSpace(l.First + " " + l.Middle), l.Suffix}
}

// TestVersions reads every version of the standard, of both countries, with and
// without middle name and suffix, of every kind of card.
func TestVersions(t *testing.T) {
	for version := 1; version <= 11; version++ {
		for _, l := range []aamvatest.Licence{aamvatest.Marlow(version), aamvatest.Tremblay(version)} {
			for _, kind := range []string{"DL", "ID", "EN"} {
				for _, suffix := range []string{"", "JR"} {
					for _, bare := range []bool{false, true} {
						l.Type, l.Suffix, l.Bare = kind, suffix, bare
						if got, want := read(t, l.Bytes(), aamva.Strict), onCard(l); got != want {
							t.Errorf("version %d, %s, %s, %q:\n got %+v\nwant %+v", version, l.Country, kind, suffix, got, want)
						}
					}
				}
			}
		}
	}
}

// sample is the example of the standard of 2020.
const sample = "@\n\x1e\rANSI 636000100102DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDDEN\nDACMICHAEL\nDDFN\nDADJOHN\nDDGN\nDCUJR\nDCAD\nDCBK\nDCDPH\n" +
	"DBD06062019\nDBB06061986\nDBA12102024\nDBC1\nDAU068 in\nDAYBRO\nDAG2300 WEST BROAD STREET\nDAIRICHMOND\nDAJVA\nDAK232690000  \nDCF2424244747474786102204\n" +
	"DCGUSA\nDCK123456789\nDDAF\nDDB06062018\nDDC06062020\nDDD1\rZVZVA01\r"

// sampleV1 is that of 2000.
const sampleV1 = "@\n\x1e\rANSI 6360000102DL00390187ZV02260032DLDAQ0123456789ABC\nDAAPUBLIC,JOHN,Q\nDAG123 MAIN STREET\nDAIANYTOWN\nDAJVA\nDAK123459999  \n" +
	"DARDM  \nDAS          \nDAT     \nDAU509\nDAW175\nDAYBL \nDAZBR \nDBA20011201\nDBB19761123\nDBCM\nDBD19961201\rZVZVAJURISDICTIONDEFINEDELEMENT\r"

func TestSamplesOfTheStandard(t *testing.T) {
	got := read(t, []byte(sample), aamva.Strict)
	if want := (card{"DL", "USA", 10, "1986-06-06", "2024-12-10", "SAMPLE", "MICHAEL JOHN", "JR"}); got != want {
		t.Errorf("2020: %+v", got)
	}
	got = read(t, []byte(sampleV1), aamva.Strict)
	if want := (card{"DL", "USA", 1, "1976-11-23", "2001-12-01", "PUBLIC", "JOHN Q", ""}); got != want {
		t.Errorf("2000: %+v", got)
	}
}

// TestDamage: whatever scanners and issuers do to it, it is the same licence.
func TestDamage(t *testing.T) {
	for version := 1; version <= 11; version++ {
		for _, l := range []aamvatest.Licence{aamvatest.Marlow(version), aamvatest.Tremblay(version)} {
			want := onCard(l)
			for _, d := range append(aamvatest.Keyboards(), aamvatest.Issuers()...) {
				raw := d.Do(l.Bytes())
				got, err := aamva.Parse(raw)
				if err != nil || clear(got) != want || got.Conformance != aamva.Tolerant {
					t.Errorf("version %d, %s, %s: %s, %v\n got %+v\nwant %+v\n%q", version, l.Country, d.Name, got.Conformance, err, clear(got), want, raw)
				}
			}
			for _, issuer := range aamvatest.Issuers() {
				for _, keyboard := range aamvatest.Keyboards() {
					raw := keyboard.Do(issuer.Do(l.Bytes()))
					if got, err := aamva.Parse(raw); (err == nil || issuer.Name != "lengths are too high") && clear(got) != want {
						t.Errorf("version %d, %s, %s, %s: %v\n got %+v\nwant %+v\n%q", version, l.Country, issuer.Name, keyboard.Name, err, clear(got), want, raw)
					}
				}
			}
		}
	}
}

// TestLastTerminator: a scanner's own line end often costs the licence its last
// character, and many issuers put a separator in front of it.
func TestLastTerminator(t *testing.T) {
	for _, end := range []string{"\r", "\n\r"} {
		l := aamvatest.Marlow(8)
		l.Bare = true
		raw := strings.TrimSuffix(string(l.Bytes()), "\r") + end
		raw = strings.Replace(raw, raw[21:31], fmt.Sprintf("DL0031%04d", len(raw)-31), 1)
		for _, text := range []string{raw, strings.TrimSuffix(raw, "\r")} {
			if got := read(t, []byte(text), aamva.Strict); got != onCard(l) {
				t.Errorf("%q: %+v", text, got)
			}
		}
		if got, err := aamva.Parse([]byte(strings.TrimRight(raw, "\r\n") + "\n")); err != nil || clear(got) != onCard(l) {
			t.Errorf("with a line feed for it: %+v, %v", clear(got), err)
		}
	}
}

// value is one element's text in place of another, the lengths kept right.
func value(l aamvatest.Licence, id, text string) []byte {
	raw := string(l.Bytes())
	at := strings.Index(raw, "\n"+id) + 1
	if at == 0 {
		at = strings.Index(raw, "DL"+id) + 2
	}
	end := at + strings.IndexAny(raw[at:], "\n\r")
	grown := len(id) + len(text) - (end - at)
	raw = raw[:at] + id + text + raw[end:]
	head := 19
	if l.Version > 1 {
		head = 21
	}
	var offset, length, own, ownLength int
	fmt.Sscanf(raw[head:], "DL%4d%4dZV%4d%4d", &offset, &length, &own, &ownLength)
	return []byte(raw[:head] + fmt.Sprintf("DL%04d%04dZV%04d%04d", offset, length+grown, own+grown, ownLength) + raw[head+20:])
}

// TestValues: what issuers write into elements.
func TestValues(t *testing.T) {
	type change struct {
		version  int
		id, text string
		want     func(*card)
		strict   bool
	}
	for _, c := range []change{
		{8, "DCS", "MARLOW,", func(*card) {}, true},
		{8, "DCS", "  MARLOW  ", func(*card) {}, true},
		{8, "DCS", "VAN DER  BERG", func(c *card) { c.family = "VAN DER BERG" }, true},
		{8, "DAC", "GRETA A", func(c *card) { c.given = "GRETA A ANN" }, true}, // Wyoming
		{8, "DAD", "NONE", func(c *card) { c.given = "GRETA" }, true},
		{8, "DAD", "unavl", func(c *card) { c.given = "GRETA" }, true},
		{8, "DAD", "", func(c *card) { c.given = "GRETA" }, true},
		{8, "DAC", "UNAVL", func(c *card) { c.given = "ANN" }, true},
		{8, "DCS", "NONE", func(c *card) { c.family = "" }, true},
		{8, "DBA", "NONE", func(c *card) { c.expires = "" }, true},
		{8, "DBA", "99999999", func(c *card) { c.expires = "" }, true}, // never
		{8, "DBB", "19570228", func(*card) {}, false},                  // Wyoming writes days as Canada does
		{3, "DBB", "19570228", func(*card) {}, false},
		{1, "DBB", "02281957", func(*card) {}, true},
		{2, "DBB", "19570228", func(*card) {}, true},
		{8, "DCG", "CDN", func(c *card) { c.country = aamva.Canada }, false},
		{8, "DCG", "XXX", func(*card) {}, true},
		{2, "DCT", "GRETA$ANN", func(*card) {}, true},
		{2, "DCT", "GRETA ANN", func(*card) {}, true},
		{3, "DCT", "GRETA,ANN,LEE", func(c *card) { c.given = "GRETA ANN LEE" }, true},
		{3, "DCU", "Jr.", func(c *card) { c.suffix = "JR" }, true},
		{3, "DCU", "3RD", func(c *card) { c.suffix = "III" }, true},
		{3, "DCU", "ESQ", func(*card) {}, true},
		{1, "DAA", "MARLOW$GRETA$ANN", func(*card) {}, true},
		{1, "DAA", "MARLOW@GRETA@ANN", func(*card) {}, true},
		{1, "DAA", "MARLOW, GRETA ANN", func(*card) {}, true},
		{1, "DAA", "MARLOW,GRETA,,SR", func(c *card) { c.given, c.suffix = "GRETA", "SR" }, true},
		{1, "DAA", "MARLOW,GRETA,ANN,", func(*card) {}, true},
		{1, "DAA", "MARLOW,GRETA ANN JR", func(c *card) { c.suffix = "JR" }, true},
		{1, "DAA", "GRETA ANN MARLOW", func(c *card) { c.family, c.given = "", "GRETA ANN MARLOW" }, true}, // Pennsylvania
	} {
		l := aamvatest.Marlow(c.version)
		want, how := onCard(l), aamva.Tolerant
		if c.want(&want); c.strict {
			how = aamva.Strict
		}
		if got := read(t, value(l, c.id, c.text), how); got != want {
			t.Errorf("version %d, %s %q:\n got %+v\nwant %+v", c.version, c.id, c.text, got, want)
		}
	}
}

// TestRefused: what cannot be read gives an error, and the right one.
func TestRefused(t *testing.T) {
	cut := func(what string) []byte {
		l := aamvatest.Marlow(8)
		l.Cut = what
		return l.Bytes()
	}
	l := aamvatest.Marlow(8)
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":              {nil, aamva.ErrNotLicence},
		"a web address":        {[]byte("https://example.org/"), aamva.ErrNotLicence},
		"only the file type":   {[]byte("@ANSI "), aamva.ErrDamaged},
		"no version":           {[]byte("@\n\x1e\rANSI 6360xx"), aamva.ErrDamaged},
		"no entries":           {[]byte("@\n\x1e\rANSI 6360001001"), aamva.ErrDamaged},
		"too long":             {append(l.Bytes(), make([]byte, aamva.MaxBytes)...), aamva.ErrDamaged},
		"no birth date":        {value(l, "DBB", "NONE"), aamva.ErrDamaged},
		"no such day":          {value(l, "DBB", "02301957"), aamva.ErrDamaged},
		"a year of old":        {value(l, "DBB", "02281757"), aamva.ErrDamaged},
		"no name":              {value(aamvatest.Marlow(1), "DAA", "NONE"), aamva.ErrDamaged},
		"two birth dates":      {value(l, "DAI", "RICHMOND\nDBB02271957"), aamva.ErrDamaged},
		"a name without end":   {value(l, "DCS", strings.Repeat("A", 400)), aamva.ErrDamaged},
		"surname cut short":    {cut("E"), aamva.ErrCut},
		"first name cut short": {cut("F"), aamva.ErrCut},
		"no separators":        {[]byte(strings.NewReplacer("\n", "", "\r", "").Replace(string(l.Bytes()))), aamva.ErrDamaged},
	} {
		got, err := aamva.Parse(c.raw)
		if !errors.Is(err, c.want) || got != (aamva.Card{}) {
			t.Errorf("%s: %+v, %v; want %v", name, clear(got), err, c.want)
		}
	}
	if got := read(t, cut("G"), aamva.Strict); got.given != "GRETA" {
		t.Errorf("middle names cut short: %q, want them left out", got.given)
	}
}

// TestTruncated cuts licences at every byte, whole and damaged. Nothing is ever
// read as another licence; of an undamaged one, an error unless only its end is
// missing, which nobody uses.
func TestTruncated(t *testing.T) {
	for version := 1; version <= 11; version++ {
		for _, l := range []aamvatest.Licence{aamvatest.Marlow(version), aamvatest.Tremblay(version)} {
			for _, bare := range []bool{false, true} {
				l.Bare = bare
				raw, want := l.Bytes(), onCard(l)
				for n := range raw {
					got, err := aamva.Parse(raw[:n])
					if slack := len(raw) - n; err == nil && (slack > 4 || clear(got) != want) {
						t.Fatalf("version %d cut to %d of %d: %+v\n%q", version, n, len(raw), clear(got), raw[:n])
					}
				}
				if got, err := aamva.Parse(raw[:len(raw)-1]); err != nil || clear(got) != want {
					t.Errorf("version %d without the last terminator: %v", version, err)
				}
				for _, d := range aamvatest.Keyboards() {
					raw := d.Do(l.Bytes())
					for n := range raw {
						if got, err := aamva.Parse(raw[:n]); err == nil && clear(got) != want {
							t.Fatalf("version %d, %s, cut to %d of %d: %+v\n%q", version, d.Name, n, len(raw), clear(got), raw[:n])
						}
					}
				}
			}
		}
	}
}

// TestCardHoldsNothingElse: whatever else is on the licence is not in the card.
func TestCardHoldsNothingElse(t *testing.T) {
	l := aamvatest.Marlow(10)
	c, err := aamva.Parse(l.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%+v", clear(c))
	for _, secret := range []string{l.Number, l.Discriminator, l.Street, l.City, l.Postal} {
		if strings.Contains(all, secret) {
			t.Errorf("the card holds %q", secret)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, l.Family) || strings.Contains(s, l.Birth) {
		t.Errorf("a card prints itself: %s", s)
	}
}
