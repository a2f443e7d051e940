package letters

import (
	"slices"
	"unicode"
)

// shape turns a piece of a run, whose characters the font all has, into glyphs
// from left to right. forms are those of its letters.
func (f *face) shape(text []rune, forms []string, rtl bool) []item {
	script := "DFLT"
	for _, r := range text {
		if unicode.Is(unicode.Arabic, r) {
			script = "arab"
			break
		} else if unicode.Is(unicode.Latin, r) {
			script = "latn"
			break
		}
	}
	joins := script == "arab" && rtl
	text, forms = slices.Clone(text), slices.Clone(forms)
	if joins {
		shaddaFirst(text)
	}
	if rtl {
		for i, r := range text {
			if m := mirror(r); f.glyphOf(m) != 0 {
				text[i] = m
			}
		}
		if !joins {
			reverse(text)
		}
	}
	l := &line{face: f, rtl: rtl && joins}
	for i, r := range text {
		g := f.glyphOf(r)
		it := item{glyph: g, class: l.classOf(g), anchor: -1}
		if joins {
			it.form = forms[i]
		}
		l.items = append(l.items, it)
	}
	if joins {
		l.run(f.gsub, f.gsub.of(script, "ccmp", "locl"), "")
		for _, form := range []string{"isol", "fina", "medi", "init"} {
			l.run(f.gsub, f.gsub.of(script, form), form)
		}
		for _, features := range [][]string{{"rlig"}, {"calt"}, {"rclt", "liga", "clig", "mset"}} {
			l.run(f.gsub, f.gsub.of(script, features...), "")
		}
	} else {
		l.run(f.gsub, f.gsub.of(script, "ccmp", "locl", "rlig", "calt", "clig", "liga", "rclt"), "")
	}
	for i := range l.items {
		l.items[i].width = f.advance(l.items[i].glyph)
	}
	l.run(f.gpos, f.gpos.of(script, "kern", "dist", "mark", "mkmk"), "")
	for i := range l.items {
		if l.items[i].class == mark {
			l.items[i].width = 0
		}
	}
	for i := range l.items {
		l.settle(i)
	}
	if l.rtl {
		slices.Reverse(l.items)
	}
	return l.items
}

// reverse turns a text round, each mark behind its letter as it was.
func reverse(text []rune) {
	slices.Reverse(text)
	for i, begin := 0, 0; i < len(text); i++ {
		if !unicode.IsMark(text[i]) {
			slices.Reverse(text[begin : i+1])
			begin = i + 1
		}
	}
}

// settle makes the place of a mark one from where the pen is, after that of what
// it stands on.
func (l *line) settle(i int) {
	it := &l.items[i]
	j := it.anchor
	if j < 0 {
		return
	}
	it.anchor = -1
	l.settle(j)
	it.x += l.items[j].x
	it.y += l.items[j].y
	if l.rtl {
		for _, p := range l.items[j+1 : i+1] {
			it.x += p.width
		}
		return
	}
	for _, p := range l.items[j:i] {
		it.x -= p.width
	}
}

// The letters of Arabic that join to the one before them only, and the marks
// between letters (Unicode, ArabicShaping.txt, as far as the page's font goes).
const joinRight = "آأؤإاةدذرزوٱڈڑژۀۃە"
const joinNone = "ءٴ"

// formsOf says where in its word each letter of a run stands: the feature that
// gives its form, or none.
func formsOf(text []rune) []string {
	forms := make([]string, len(text))
	before := -1 // the last letter that is not a mark
	for i, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case !joiner(r):
			before = -1
			continue
		}
		forms[i] = "isol"
		if before >= 0 {
			forms[i] = "fina"
			switch forms[before] {
			case "isol":
				forms[before] = "init"
			case "fina":
				forms[before] = "medi"
			}
		}
		before = i
		if slices.Contains([]rune(joinRight), r) {
			before = -1
		}
	}
	return forms
}

// joiner reports whether a letter joins at all.
func joiner(r rune) bool {
	return r == 'ـ' || unicode.Is(unicode.Arabic, r) && unicode.IsLetter(r) && !slices.Contains([]rune(joinNone), r)
}

// shaddaFirst puts the sign of a doubled consonant before the vowel on it, as
// fonts expect them (Unicode Technical Report 53).
func shaddaFirst(text []rune) {
	for i := 1; i < len(text); i++ {
		for j := i; j > 0 && text[j] == 'ّ' && text[j-1] != 'ّ' && text[j-1] >= 'ً' && text[j-1] <= 'ْ'; j-- {
			text[j], text[j-1] = text[j-1], text[j]
		}
	}
}

// pairs are characters that are each other's mirror.
const pairs = "()[]{}<>«»‹›≤≥⁽⁾₍₎〈〉《》「」『』【】〔〕（）＜＞［］｛｝"

// mirror gives the character that looks the other way, as a right-to-left line
// shows it.
func mirror(r rune) rune {
	all := []rune(pairs)
	if i := slices.Index(all, r); i >= 0 {
		return all[i^1]
	}
	return r
}
