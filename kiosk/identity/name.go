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

func set(text string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(text) {
		m[w] = true
	}
	return m
}

// maxWords bounds a name; nobody has more.
const maxWords = 12

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
	given, family []unit
	whole         word // where it may be one name only
	suffix        string
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
		r := reading{}
		var s1, s2 string
		f, s1 = cutSuffix(f, 1)
		g, s2 = cutSuffix(g, 1)
		r.family, r.given, r.suffix = surnames(f), givens(g), s1+s2
		list = append(list, r)
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
		rs = append(rs, reading{given: givens(list[:n-1]), family: surnames(list[n-1:]), suffix: suffix})
		if vietnamese[list[0].plain] {
			rs = append(rs, reading{given: givens(list[1:]), family: surnames(list[:1]), suffix: suffix})
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
	words  []word
	comma  int // how many words stood before it; 0: there was none
	suffix string
}

// readName reads what a person typed. What is too long agrees with nobody.
func readName(text string) name {
	list := words(clip(text), true)
	if len(list) > maxWords {
		list = nil
	}
	n := name{}
	n.words, n.suffix = cutSuffix(list, 2)
	if i := strings.IndexAny(text, ",，،、"); i > 0 && list != nil {
		if head := words(clip(text[:i]), true); len(head) < len(n.words) {
			n.comma = len(head)
		}
	}
	return n
}
