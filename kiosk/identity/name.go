package identity

import (
	"slices"
	"strings"

	"clinicgate/kiosk/phi"
)

// unit is a part of a name that is not taken apart: "van der Berg", "O'Brien",
// "Jean-Pierre". forms are its ways of being written; the first is the shortest,
// the last has every particle.
type unit struct{ forms []word }

func (u unit) equal(v unit) bool {
	same := false
	for _, a := range u.forms {
		for _, b := range v.forms {
			same = a.equal(b) || same
		}
	}
	return same
}

// span gives units as one, as in "Maryann" for "Mary Ann".
func span(units []unit) unit {
	short, full := make([]word, len(units)), make([]word, len(units))
	for i, u := range units {
		short[i], full[i] = u.forms[0], u.forms[len(u.forms)-1]
	}
	if len(units) == 1 {
		return units[0]
	}
	return unit{[]word{join(short), join(full)}}
}

// block is a row of units, and every run of them as one: runs[a][b] is units[a:b].
type block struct {
	units []unit
	runs  [][]unit
}

func newBlock(units []unit) block {
	runs := make([][]unit, len(units))
	for a := range units {
		runs[a] = make([]unit, len(units)+1)
		for b := a + 1; b <= len(units); b++ {
			runs[a][b] = span(units[a:b])
		}
	}
	return block{units, runs}
}

// last gives the block's last unit.
func (b block) last() block { return newBlock(b.units[len(b.units)-1:]) }

// given is a block of given names, read for all and as a Vietnamese reads it:
// without the middle name that says "woman" or "man".
type given struct {
	all, rest block
	middle    string
	initial   bool // the first is an initial
}

func newGiven(words []word) given {
	units := givens(words)
	g := given{all: newBlock(units), initial: words[0].initial()}
	var rest []unit
	for i, u := range units {
		if w := u.forms[0].plain; middle[w] && i < len(units)-1 {
			g.middle = w
		} else {
			rest = append(rest, u)
		}
	}
	g.rest = newBlock(rest)
	return g
}

func set(text string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(text) {
		m[w] = true
	}
	return m
}

// maxWords bounds a name; nobody has more.
const maxWords = 16

var (
	// particles may be left out before a surname.
	particles = set("de del della di da do dos das du des la las le los lo y e van von vom zu zum zur der den ter ten te af av al el ul bin ibn bint بن ابن بنت ال")
	// binders are nothing without what follows them.
	binders = set("mac mc fitz st saint san santa sao abd abdul abdel abu umm عبد ابو ام")
	// suffixes tell a father from his son where both sides have one.
	suffixes = map[string]string{"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
	// absent is what systems write where there is no name.
	absent = set("fnu lnu nfn nln nmn")
	// vietnamese are the surnames of nearly all who put the name that they go by
	// last, and after a middle name that they often leave out.
	vietnamese = set("nguyen tran le pham huynh hoang phan vu vo dang bui do ho ngo duong ly dinh doan trinh lam mai truong dao luong ha cao thai ta chau quach luu")
	// middle are the Vietnamese middle names that say "woman" and "man".
	middle = set("thi van")
)

// surnames gives the units of a surname. The article that Arabic writes at the
// front of a word is a particle too.
func surnames(words []word) []unit {
	var units []unit
	var before, bound []word
	for i, w := range words {
		last := i == len(words)-1
		switch {
		case !last && (binders[w.plain] || w.initial() && !particles[w.plain] || len(bound) > 0 && particles[w.plain]):
			bound = append(bound, w)
			continue
		case !last && particles[w.plain]:
			before = append(before, w)
			continue
		}
		base := join(append(bound, w))
		var u unit
		if rest, ok := strings.CutPrefix(base.plain, "ال"); ok && len([]rune(rest)) >= 3 {
			u.forms = append(u.forms, word{rest, rest})
		}
		u.forms = append(u.forms, base)
		for k := len(before) - 1; k >= 0; k-- {
			u.forms = append(u.forms, join(append(slices.Clone(before[k:]), base)))
		}
		units, before, bound = append(units, u), nil, nil
	}
	return units
}

// givens gives the units of given names, one a word; a binder takes the next.
func givens(words []word) []unit {
	var units []unit
	var bound []word
	for i, w := range words {
		if i < len(words)-1 && (binders[w.plain] || len(bound) > 0 && particles[w.plain]) {
			bound = append(bound, w)
			continue
		}
		units, bound = append(units, unit{[]word{join(append(bound, w))}}), nil
	}
	return units
}

// compounds gives the words of given names as a list has them: what stands
// between two spaces is one, hyphen or not. "Jean" is not Jean-Pierre.
func compounds(text string) []word {
	var list []word
	for _, part := range strings.Fields(text) {
		if w := join(words(part, false)); w.plain != "" && !absent[w.plain] {
			list = append(list, w)
		}
	}
	return list
}

// cutSuffix takes "Jr." and its like off a name of which enough is left.
func cutSuffix(list []word, leave int) ([]word, string) {
	for i := len(list) - 1; i > 0 && len(list) > leave; i-- {
		if s, ok := suffixes[list[i].plain]; ok {
			return slices.Delete(slices.Clone(list), i, i+1), s
		}
	}
	return list, ""
}

// reading is a name of the list, taken apart in one way.
type reading struct {
	given      given
	family     block
	vietnamese bool
	whole      word // where it may be one name only
	suffix     string
}

func newReading(g, f []word, suffix string) reading {
	family := newBlock(surnames(f))
	return reading{given: newGiven(g), family: family, vietnamese: vietnamese[family.units[0].forms[0].plain], suffix: suffix}
}

// readings gives the ways to take a candidate's name apart: one where the list
// has surname and given names, more where it has one text for both.
func readings(family, given, native phi.Text) []reading {
	var list []reading
	f := slices.DeleteFunc(words(clip(family.Reveal()), false), func(w word) bool { return absent[w.plain] })
	g := compounds(clip(given.Reveal()))
	switch {
	case len(f) > maxWords || len(g) > maxWords:
	case len(f) == 0 || len(g) == 0:
		list = append(list, undivided(append(f, g...))...)
	default:
		var s1, s2 string
		f, s1 = cutSuffix(f, 1)
		g, s2 = cutSuffix(g, 1)
		list = append(list, newReading(g, f, s1+s2))
	}
	return append(list, undivided(compounds(clip(native.Reveal())))...)
}

// undivided reads a name that is one text: as a whole; as given names and then a
// surname; and, for the Vietnamese, the other way round. Ideographs are read as
// a whole: where the surname ends is not written.
func undivided(list []word) []reading {
	list, suffix := cutSuffix(list, 2)
	if len(list) == 0 || len(list) > maxWords {
		return nil
	}
	rs := []reading{{whole: join(list), suffix: suffix}}
	if n := len(list); n > 1 && !join(list).ideographic() {
		rs = append(rs, newReading(list[:n-1], list[n-1:], suffix))
		if vietnamese[list[0].plain] {
			rs = append(rs, newReading(list[1:], list[:1], suffix))
		}
	}
	return rs
}

// clip bounds what is folded.
func clip(s string) string {
	if len(s) > maxText {
		return ""
	}
	return s
}

// name is a claimed name: words in an order that is not known, but where a comma
// said it.
type name struct {
	whole  word
	parts  []part
	suffix string
}

// part is one way to take a claimed name apart.
type part struct {
	given      given
	family     block
	moreGivens int // how many more than the list's it may have
	moreFamily int
}

// How much more than the list a claim may say. A list often has one surname and
// one given name of somebody who has more; nobody gets to try many names at once.
//
// More is taken at the end of the claim alone, or where a comma parts surnames
// from given names. In the middle it may be either: in "Ana Gil Roe" the second
// word is a given name that the list lacks, or the first surname of somebody else;
// of "Roe Jim Tim" it may be a given name, and Tim Roe his twin.
const (
	moreGivens   = 2
	moreSurnames = 1
)

// readName reads what a person typed. What is too long agrees with nobody.
func readName(text string) name {
	list := words(clip(text), true)
	if len(list) > maxWords {
		return name{}
	}
	comma := 0
	if i := strings.IndexAny(text, ",，،、"); i > 0 {
		comma = len(words(clip(text[:i]), true))
	}
	list, suffix := cutSuffix(list, 2)
	n := name{whole: join(list), suffix: suffix}
	for k := 1; k < len(list); k++ {
		if comma != 0 && comma < len(list) && comma != k {
			continue
		}
		givens, surnamed := 0, 0
		if comma == k {
			givens, surnamed = moreGivens, moreSurnames
		}
		n.parts = append(n.parts,
			part{newGiven(list[:k]), newBlock(surnames(list[k:])), givens, moreSurnames},
			part{newGiven(list[k:]), newBlock(surnames(list[:k])), moreGivens, surnamed})
	}
	return n
}
