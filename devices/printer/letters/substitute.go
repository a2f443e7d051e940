package letters

import "slices"

// substitute does one subtable that changes glyphs.
func (l *line) substitute(k lookup, t chunk, i, depth int) (next int, done bool) {
	it := &l.items[i]
	switch k.kind {
	case 1: // one glyph for another
		c := t.link(2).covers(it.glyph)
		if c < 0 {
			return i, false
		}
		to := (it.glyph + t.u16(4)) & 0xffff
		if t.u16(0) == 2 {
			to = t.u16(6 + 2*c)
		}
		l.put(i, to)
		return i + 1, true
	case 2: // several for one
		c := t.link(2).covers(it.glyph)
		if c < 0 {
			return i, false
		}
		list := t.link(6 + 2*c)
		count := list.u16(0)
		if count == 1 {
			l.put(i, list.u16(2))
			return i + 1, true
		}
		was := l.items[i]
		parts := make([]item, count)
		for n := range parts {
			parts[n] = was
			parts[n].split = true
			if was.lig == 0 {
				parts[n].comp, parts[n].parts = n, 0
			}
		}
		l.items = slices.Replace(l.items, i, i+1, parts...)
		for n := range parts {
			l.put(i+n, list.u16(2+2*n))
		}
		return i + count, true
	case 4: // one for several
		c := t.link(2).covers(it.glyph)
		if c < 0 {
			return i, false
		}
		set := t.link(6 + 2*c)
		for n := range set.u16(0) {
			lig := set.link(2 + 2*n)
			at, last := []int{i}, i
			for m := 1; m < lig.u16(2); m++ {
				if last = l.near(k, last, 1); last < 0 || l.items[last].glyph != lig.u16(2+2*m) {
					last = -1
					break
				}
				at = append(at, last)
			}
			if last >= 0 {
				return l.join(at, lig.u16(0)), true
			}
		}
		return i, false
	}
	return l.context(k, t, i, depth)
}

// put sets the glyph of an item.
func (l *line) put(i, glyph int) {
	l.items[i].glyph, l.items[i].class = glyph, l.classOf(glyph)
}

// join makes one glyph of several. Marks between them remember on which part of
// it they stand. It says where the line goes on.
func (l *line) join(at []int, glyph int) (next int) {
	others := func(i int) bool { return l.items[i].class != mark }
	marks := !slices.ContainsFunc(at, others)
	accented := l.items[at[0]].class == base && !slices.ContainsFunc(at[1:], others)
	first := &l.items[at[0]]
	last := *first
	so, lig := last.count(), 0
	if !marks && !accented {
		l.ligs++
		lig = l.ligs
		total := 0
		for _, i := range at {
			total += l.items[i].count()
		}
		first.lig, first.comp, first.parts = lig, 0, total
	}
	l.put(at[0], glyph)
	onto := func(it *item) {
		n := last.count()
		comp := it.comp
		if comp == 0 {
			comp = n
		}
		it.lig, it.comp = lig, so-n+min(comp, n)
	}
	for n := 1; n < len(at); n++ {
		for i := at[n-1] + 1; lig != 0 && i < at[n]; i++ {
			onto(&l.items[i])
		}
		last = l.items[at[n]]
		so += last.count()
	}
	end := at[len(at)-1] + 1
	if !marks && last.lig != 0 {
		for i := end; i < len(l.items) && l.items[i].lig == last.lig && l.items[i].comp > 0; i++ {
			onto(&l.items[i])
		}
	}
	for _, i := range slices.Backward(at[1:]) {
		l.items = slices.Delete(l.items, i, i+1)
	}
	return end - (len(at) - 1)
}

// count is how many letters a glyph is.
func (it item) count() int {
	if it.class == ligature && it.parts > 0 {
		return it.parts
	}
	return 1
}

// context does other lookups where a glyph stands among others.
func (l *line) context(k lookup, t chunk, i, depth int) (next int, done bool) {
	chained := k.kind == 6
	var covers func(kind, value, glyph int) bool
	// rule tries what is before, here and after; at is where its counts begin.
	rule := func(r chunk, at int, first bool) bool {
		var back, ahead []int
		read := func(n int) (list []int) {
			for range n {
				list, at = append(list, r.u16(at)), at+2
			}
			return list
		}
		if chained {
			n := r.u16(at)
			at += 2
			back = read(n)
		}
		n := r.u16(at)
		at += 2
		records := 0
		if !chained {
			records, at = r.u16(at), at+2
		}
		var input []int
		if first { // the first glyph is listed too
			input = read(n)
		} else {
			input = append([]int{-1}, read(max(n-1, 0))...)
		}
		if chained {
			n := r.u16(at)
			at += 2
			ahead = read(n)
			records, at = r.u16(at), at+2
		}
		here := []int{i}
		if first && (len(input) == 0 || !covers(1, input[0], l.items[i].glyph)) {
			return false
		}
		for _, v := range input[1:] {
			j := l.near(k, here[len(here)-1], 1)
			if j < 0 || !covers(1, v, l.items[j].glyph) {
				return false
			}
			here = append(here, j)
		}
		for j, list := i, back; len(list) > 0; list = list[1:] {
			if j = l.near(k, j, -1); j < 0 || !covers(0, list[0], l.items[j].glyph) {
				return false
			}
		}
		for j, list := here[len(here)-1], ahead; len(list) > 0; list = list[1:] {
			if j = l.near(k, j, 1); j < 0 || !covers(2, list[0], l.items[j].glyph) {
				return false
			}
		}
		end := here[len(here)-1] + 1
		for n := range records {
			which, index := r.u16(at+4*n), r.u16(at+4*n+2)
			if which >= len(here) || index >= len(l.gsub.lookups) || here[which] >= len(l.items) {
				continue
			}
			before := len(l.items)
			l.try(l.gsub, l.gsub.lookups[index], here[which], depth+1)
			grown := len(l.items) - before
			end += grown
			for m := which + 1; m < len(here); m++ {
				here[m] += grown
			}
		}
		next = end
		return true
	}
	switch t.u16(0) {
	case 1: // by glyph
		covers = func(_, value, glyph int) bool { return value == glyph }
		c := t.link(2).covers(l.items[i].glyph)
		if c < 0 {
			return i, false
		}
		set := t.link(6 + 2*c)
		for n := range set.u16(0) {
			if rule(set.link(2+2*n), 0, false) {
				return next, true
			}
		}
	case 2: // by class
		if t.link(2).covers(l.items[i].glyph) < 0 {
			return i, false
		}
		classes := [3]chunk{t.link(4), t.link(4), t.link(4)}
		sets := 6
		if chained {
			classes, sets = [3]chunk{t.link(4), t.link(6), t.link(8)}, 10
		}
		covers = func(kind, value, glyph int) bool { return classes[kind].class(glyph) == value }
		set := t.link(sets + 2 + 2*classes[1].class(l.items[i].glyph))
		for n := range set.u16(0) {
			if rule(set.link(2+2*n), 0, false) {
				return next, true
			}
		}
	case 3: // by coverage
		covers = func(_, value, glyph int) bool { return t.from(value).covers(glyph) >= 0 }
		if rule(t, 2, true) {
			return next, true
		}
	}
	return i, false
}
