package letters

import "math"

// place does one subtable that moves glyphs.
func (l *line) place(k lookup, t chunk, i int) (next int, done bool) {
	it := &l.items[i]
	c := t.link(2).covers(it.glyph)
	if c < 0 {
		return i, false
	}
	switch k.kind {
	case 2:
		j := l.near(k, i, 1)
		if j < 0 || !l.pair(t, c, it, &l.items[j]) {
			return i, false
		}
		if t.u16(6) != 0 {
			j++
		}
		return j, true
	case 4: // a mark on a letter
		j := l.letter(i, t.link(4))
		if j < 0 {
			return i, false
		}
		b := t.link(4).covers(l.items[j].glyph)
		return i + 1, b >= 0 && l.attach(t, c, i, j, t.link(10), 2+2*b*t.u16(6))
	case 5: // on a part of a ligature
		j := l.letter(i, nil)
		if j < 0 {
			return i, false
		}
		b := t.link(4).covers(l.items[j].glyph)
		if b < 0 {
			return i, false
		}
		parts := t.link(10).link(2 + 2*b)
		part := parts.u16(0) - 1
		if l.items[j].lig != 0 && l.items[j].lig == it.lig && it.comp > 0 {
			part = min(part+1, it.comp) - 1
		}
		return i + 1, part >= 0 && l.attach(t, c, i, j, parts, 2+2*part*t.u16(6))
	case 6: // on another mark
		k.skips &^= 0xe
		j := l.near(k, i, -1)
		if j < 0 || l.items[j].class != mark {
			return i, false
		}
		a, b := l.items[i], l.items[j]
		same := a.lig == b.lig && (a.lig == 0 || a.comp == b.comp)
		if !same && (a.lig == b.lig || !(a.lig > 0 && a.comp == 0 || b.lig > 0 && b.comp == 0)) {
			return i, false
		}
		m := t.link(4).covers(b.glyph)
		return i + 1, m >= 0 && l.attach(t, c, i, j, t.link(10), 2+2*m*t.u16(6))
	}
	return i, false
}

// letter finds what a mark stands on: the glyph before all marks. Of a letter
// that was split it is the first part, unless a later one is what the table
// knows.
func (l *line) letter(i int, known chunk) int {
	for j := i - 1; j >= 0; j-- {
		it := l.items[j]
		if it.class == mark {
			continue
		}
		if known != nil && it.split && it.comp != 0 && j > 0 {
			before := l.items[j-1]
			if before.class != mark && before.lig == it.lig && it.comp == before.comp+1 && known.covers(it.glyph) < 0 {
				continue
			}
		}
		return j
	}
	return -1
}

// attach puts a mark where its anchor meets that of what it stands on. at is
// where the row of anchors begins in a table of them.
func (l *line) attach(t chunk, c, i, j int, anchors chunk, at int) bool {
	marks := t.link(8)
	class := marks.u16(2 + 4*c)
	to := anchors.link(at + 2*class)
	if to == nil {
		return false
	}
	own := l.anchor(marks.link(4 + 4*c))
	there := l.anchor(to)
	l.items[i].x, l.items[i].y = math.Round(there.x-own.x), math.Round(there.y-own.y)
	l.items[i].anchor = j
	return true
}

func (l *line) anchor(t chunk) point {
	p := point{float64(t.i16(2)), float64(t.i16(4))}
	if t.u16(0) == 3 {
		p.x += l.variation(t.link(6))
		p.y += l.variation(t.link(8))
	}
	return p
}

// variation is what a place in the font adds at its weight.
func (l *line) variation(t chunk) float64 {
	if t.u16(4) != 0x8000 {
		return 0
	}
	gdef := l.tables["GDEF"]
	return l.delta(gdef.from(gdef.u32(14)), t.u16(0), t.u16(2))
}

// pair moves two glyphs by what stands for them.
func (l *line) pair(t chunk, c int, a, b *item) bool {
	first, second := t.u16(4), t.u16(6)
	size1, size2 := 2*ones(first), 2*ones(second)
	switch t.u16(0) {
	case 1:
		set := t.link(10 + 2*c)
		for n := range set.u16(0) {
			at := 2 + n*(2+size1+size2)
			if set.u16(at) == b.glyph {
				l.move(a, first, set, at+2)
				l.move(b, second, set, at+2+size1)
				return true
			}
		}
	case 2:
		of := t.link(10).class(b.glyph)
		row := t.link(8).class(a.glyph)
		if row >= t.u16(12) || of >= t.u16(14) {
			return false
		}
		at := 16 + (row*t.u16(14)+of)*(size1+size2)
		l.move(a, first, t, at)
		l.move(b, second, t, at+size1)
		return true
	}
	return false
}

func ones(format int) (n int) {
	for ; format != 0; format &= format - 1 {
		n++
	}
	return n
}

// move reads a value record: places and widths, then what the weight adds to
// each.
func (l *line) move(it *item, format int, t chunk, at int) {
	for bit := 1; bit <= 0x80; bit <<= 1 {
		if format&bit == 0 {
			continue
		}
		v := float64(t.i16(at))
		if bit >= 0x10 {
			v = math.Round(l.variation(t.link(at)))
		}
		switch bit {
		case 0x01, 0x10:
			it.x += v
		case 0x02, 0x20:
			it.y += v
		case 0x04, 0x40:
			it.width += v
		}
		at += 2
	}
}
