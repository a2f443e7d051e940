package letters

import (
	"fmt"
	"maps"
	"slices"
)

// layout is a GSUB or GPOS table: what a font does to glyphs, and when.
type layout struct {
	table   chunk
	lookups []lookup
	places  bool // GPOS
}

// lookup is one thing that a font does.
type lookup struct {
	kind  int
	skips int   // lookupFlag: which glyphs it does not see
	marks chunk // the only marks that it sees, where the flag says so
	parts []chunk
}

// The kinds that the page's fonts have; openFace refuses others.
var kinds = map[string][]int{"GSUB": {1, 2, 4, 5, 6}, "GPOS": {2, 4, 5, 6}}

// layout reads the table of a tag. A font without one does nothing.
func (f *face) layout(tag string) (layout, error) {
	l := layout{table: f.tables[tag], places: tag == "GPOS"}
	list := l.table.link(8)
	gdef := f.tables["GDEF"]
	for i := range list.u16(0) {
		t := list.link(2 + 2*i)
		k := lookup{kind: t.u16(0), skips: t.u16(2)}
		count := t.u16(4)
		if k.skips&0x10 != 0 {
			sets := gdef.link(12)
			k.marks = sets.from(sets.u32(4 + 4*t.u16(6+2*count)))
		}
		for n := range count {
			part := t.link(6 + 2*n)
			if tag == "GSUB" && k.kind == 7 || tag == "GPOS" && k.kind == 9 { // an extension: the same, far away
				k.kind, part = part.u16(2), part.from(part.u32(4))
			}
			k.parts = append(k.parts, part)
		}
		if count > 0 && !slices.Contains(kinds[tag], k.kind) {
			return l, fmt.Errorf("%w: %s asks for lookup type %d", errFont, tag, k.kind)
		}
		l.lookups = append(l.lookups, k)
	}
	return l, nil
}

// of lists the lookups of features, in the order of the font, for a script's
// usual language.
func (l layout) of(script string, features ...string) []int {
	scripts := l.table.link(4)
	var system chunk
	for _, want := range []string{script, "DFLT", "latn"} {
		for i := range scripts.u16(0) {
			if at := 2 + 6*i; system == nil && at+6 <= len(scripts) && string(scripts[at:at+4]) == want {
				s := scripts.link(at + 4)
				system = s.link(0)
			}
		}
	}
	list := l.table.link(6)
	found := map[int]bool{}
	for i := range system.u16(4) {
		at := 2 + 6*system.u16(6+2*i)
		if at+6 <= len(list) && slices.Contains(features, string(list[at:at+4])) {
			feature := list.link(at + 4)
			for k := range feature.u16(2) {
				found[feature.u16(4+2*k)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// item is a glyph on its way from characters to places.
type item struct {
	glyph  int
	class  int    // of GDEF
	form   string // feature of the letter's place in the word, where it joins
	comp   int    // which part it is of a ligature, or of what was one glyph; 0 is none
	lig    int    // which ligature it is, or stands on; 0 is none
	parts  int    // of a ligature: how many
	split  bool   // it was one glyph with its neighbours
	x, y   float64
	width  float64
	anchor int // of a mark: the item that it stands on, or -1
}

// Classes of glyphs.
const (
	base     = 1
	ligature = 2
	mark     = 3
)

// maxNested bounds lookups that ask for lookups.
const maxNested = 6

// line is the glyphs of a piece of text in one font.
type line struct {
	*face
	items []item
	ligs  int
	rtl   bool
}

func (l *line) classOf(glyph int) int {
	gdef := l.tables["GDEF"]
	return gdef.link(4).class(glyph)
}

// sees reports whether a lookup looks at an item.
func (l *line) sees(k lookup, it item) bool {
	switch {
	case it.class >= base && it.class <= mark && k.skips&(1<<it.class) != 0:
		return false
	case it.class != mark:
		return true
	case k.skips&0x10 != 0:
		return k.marks.covers(it.glyph) >= 0
	case k.skips>>8 != 0:
		gdef := l.tables["GDEF"]
		return gdef.link(10).class(it.glyph) == k.skips>>8
	}
	return true
}

// near gives the next item that a lookup sees in a direction, or -1.
func (l *line) near(k lookup, i, step int) int {
	for i += step; i >= 0 && i < len(l.items); i += step {
		if l.sees(k, l.items[i]) {
			return i
		}
	}
	return -1
}

// run does lookups in turn, each over the whole line; a form limits them to the
// letters of that form.
func (l *line) run(of layout, list []int, form string) {
	for _, index := range list {
		if index >= len(of.lookups) {
			continue
		}
		k := of.lookups[index]
		for i := 0; i < len(l.items); {
			if (form == "" || l.items[i].form == form) && l.sees(k, l.items[i]) {
				if next, ok := l.try(of, k, i, 0); ok {
					i = max(next, i+1)
					continue
				}
			}
			i++
		}
	}
}

// try does a lookup at an item, and says where to go on.
func (l *line) try(of layout, k lookup, i, depth int) (next int, done bool) {
	for _, part := range k.parts {
		if of.places {
			next, done = l.place(k, part, i)
		} else if depth <= maxNested {
			next, done = l.substitute(k, part, i, depth)
		}
		if done {
			return next, true
		}
	}
	return i, false
}
