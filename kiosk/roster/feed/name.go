package feed

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const reasonName = "wants the form Family, Given"

const maxName = 200 // bytes, as in package roster

// plainName reports whether a name can be kept.
func plainName(s string) bool {
	return len(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}

// wholeName joins the parts of a name as its script does: without a space where
// ideographs, syllables of Hangul or kana meet, with one otherwise.
func wholeName(family, given string) string {
	last, _ := utf8.DecodeLastRuneInString(family)
	first, _ := utf8.DecodeRuneInString(given)
	if family == "" || given == "" || unspaced(last) && unspaced(first) {
		return family + given
	}
	return family + " " + given
}

func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo)
}

// partName parts "Family, Given". A single word is the family name of who has
// one name; of several words without a comma nobody knows which is which.
func partName(s string) (family, given string, ok bool) {
	family, given, comma := strings.Cut(s, ",")
	family, given = strings.TrimSpace(family), strings.TrimSpace(given)
	return family, given, family != "" && (comma || !strings.ContainsAny(family, " \u00a0\u3000"))
}

// personName is one of a person's names in an HL7 message or a FHIR resource.
type personName struct {
	family, given string
	rank          int  // lower is better; negative: not to be used
	native        bool // said to be in ideographs
	sound         bool // said to tell how it sounds
}

func (n personName) empty() bool { return n.family == "" && n.given == "" }

// foreign reports whether the name has letters and none of them is Latin.
func (n personName) foreign() bool {
	letters := false
	for _, r := range n.family + n.given {
		if unicode.Is(unicode.Latin, r) {
			return false
		}
		letters = letters || unicode.IsLetter(r)
	}
	return letters
}

// pick chooses the name to go by, and the one in the patient's own script where
// both are there. The second names that tell how ideographs sound are neither.
func pick(names []personName) (main, native personName) {
	best := func(want func(personName) bool) personName {
		found := personName{rank: -1}
		for _, n := range names {
			if n.rank >= 0 && !n.empty() && want(n) && (found.rank < 0 || n.rank < found.rank) {
				found = n
			}
		}
		return found
	}
	own := func(n personName) bool { return !n.sound && (n.native || n.foreign()) }
	main = best(func(n personName) bool { return !n.sound && !own(n) })
	native = best(own)
	switch {
	case main.empty() && !native.empty():
		main, native = native, personName{}
	case main.empty():
		main = best(func(personName) bool { return true })
	}
	if main.family == "" { // who has one name
		main.family, main.given = main.given, ""
	}
	return main, native
}
