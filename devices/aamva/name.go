package aamva

import (
	"strings"

	"clinicgate/kiosk/phi"
)

// name is what the name elements of any version come to.
type name struct{ family, given, suffix string }

// name puts the name together from the elements of the newest version that there
// are.
func (e elements) name() (name, error) {
	if e["DDE"] == "T" || e["DDF"] == "T" {
		return name{}, ErrCut
	}
	middle := e.value("DAD")
	if e["DDG"] == "T" {
		middle = ""
	}
	n := name{family: e.value("DCS"), given: words(e.value("DAC"), middle), suffix: e.value("DCU")}
	if n.given == "" {
		n.given = words(e.value("DCT"))
	}
	if n.family == "" {
		n.family = e.value("DAB")
	}
	if n.suffix == "" {
		n.suffix = e.value("DAE")
	}
	if n.family == "" && n.given == "" {
		// One text for all: surname, first name, middle names, suffix, or in any order.
		n.family, n.given, _ = cutAny(e.value("DAA"), ",$@")
		if n.given == "" {
			n.family, n.given = "", n.family
		} else if rest, last, ok := cutLast(n.given, ",$@ "); ok && suffixOf(last) != "" && n.suffix == "" {
			n.given, n.suffix = rest, last
		}
		n.given = words(n.given)
	}
	n.family, n.suffix = words(n.family), suffixOf(n.suffix)
	if n.family == "" && n.given == "" || len(n.family)+len(n.given) > maxName {
		return name{}, ErrDamaged
	}
	return n, nil
}

// maxName bounds a name in bytes; the standard has room for 120 characters.
const maxName = 300

// words joins texts, with one blank between their words and without whatever
// else parts or ends names.
func words(texts ...string) string {
	return strings.Join(strings.FieldsFunc(strings.Join(texts, " "), func(r rune) bool { return strings.ContainsRune(" ,$@", r) }), " ")
}

func cutAny(s, chars string) (before, after string, ok bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func cutLast(s, chars string) (before, after string, ok bool) {
	s = strings.TrimRight(s, chars)
	if i := strings.LastIndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// suffixOf gives those suffixes that tell people apart, in one form.
func suffixOf(s string) string {
	switch strings.ToUpper(strings.Trim(s, " .,")) {
	case "JR", "JUNIOR":
		return "JR"
	case "SR", "SENIOR":
		return "SR"
	case "II", "2ND":
		return "II"
	case "III", "3RD":
		return "III"
	case "IV", "4TH":
		return "IV"
	}
	return ""
}

// newCard reads the values of the elements.
func newCard(c Conformance, h header, doc Document, e elements) (Card, error) {
	out := Card{Conformance: c, Version: h.version, Document: doc, Country: h.country()}
	switch stated := Country(e.value("DCG")); stated {
	case USA, Canada, Mexico:
		out.Country = stated
	case "CDN": // seen
		out.Country = Canada
	}
	order := anyOrder
	if c == Strict && h.version >= 3 {
		order = out.Country.order()
	}
	birth, ok := date(e.value("DBB"), order)
	if !ok {
		return Card{}, ErrDamaged
	}
	n, err := e.name()
	if err != nil {
		return Card{}, err
	}
	out.Birth, out.Family, out.Given, out.Suffix = phi.New(birth), phi.New(n.family), phi.New(n.given), phi.New(n.suffix)
	if expires, ok := date(e.value("DBA"), order); ok {
		out.Expires = phi.New(expires)
	}
	return out, nil
}
