package letters

// reach says how much of a variation applies where the font is on its axes: 1 at
// its peak, 0 where it ends (OpenType, "Algorithm for interpolation of instance
// values").
func (f *face) reach(region func(axis int) (start, peak, end float64)) float64 {
	all := 1.0
	for i, at := range f.coords {
		start, peak, end := region(i)
		switch {
		case peak == 0 || at == peak || start > peak || peak > end || start < 0 && end > 0:
		case at <= start || at >= end:
			return 0
		case at < peak:
			all *= (at - start) / (peak - start)
		default:
			all *= (end - at) / (end - peak)
		}
	}
	return all
}

// delta reads an Item Variation Store.
func (f *face) delta(store chunk, outer, inner int) float64 {
	if store == nil || outer >= store.u16(6) {
		return 0
	}
	regions, set := store.from(store.u32(2)), store.from(store.u32(8+4*outer))
	if inner >= set.u16(0) {
		return 0
	}
	words, count := set.u16(2)&0x7fff, set.u16(4)
	wide, narrow := 2, 1
	if set.u16(2)&0x8000 != 0 {
		wide, narrow = 4, 2
	}
	at := 6 + 2*count + inner*(words*wide+(count-words)*narrow)
	sum := 0.0
	for i := range count {
		size := narrow
		if i < words {
			size = wide
		}
		v := 0
		switch size {
		case 1:
			v = int(int8(set.u8(at)))
		case 2:
			v = set.i16(at)
		default:
			v = int(int32(set.u32(at)))
		}
		at += size
		region := 4 + 6*len(f.coords)*set.u16(6+2*i)
		sum += float64(v) * f.reach(func(axis int) (start, peak, end float64) {
			return regions.f2dot14(region + 6*axis), regions.f2dot14(region + 6*axis + 2), regions.f2dot14(region + 6*axis + 4)
		})
	}
	return sum
}

// deltaSet reads a Delta Set Index Map, whose last entry counts for all after it.
func (t chunk) deltaSet(i int) (outer, inner int) {
	format, count, at := t.u8(1), t.u16(2), 4
	if t.u8(0) == 1 {
		count, at = t.u32(2), 6
	}
	size := format>>4&3 + 1
	at += min(i, count-1) * size
	v := 0
	for k := range size {
		v = v<<8 | t.u8(at+k)
	}
	bits := format&0xf + 1
	return v >> bits, v & (1<<bits - 1)
}

// vary moves the points of a glyph to where they are at the font's weight
// ("gvar"). ends are the last points of its contours; a glyph made of others has
// a point for each and no contour.
func (f *face) vary(glyph int, points []point, ends []int) {
	gvar := f.tables["gvar"]
	if glyph >= gvar.u16(12) {
		return
	}
	at := func(i int) int {
		if gvar.u16(14)&1 != 0 {
			return gvar.u32(20 + 4*i)
		}
		return 2 * gvar.u16(20+2*i)
	}
	begin := gvar.u32(16)
	data := gvar.from(begin + at(glyph))
	data = data[:min(len(data), max(0, at(glyph+1)-at(glyph)))]
	if len(data) == 0 {
		return
	}
	axes, original := len(f.coords), append([]point(nil), points...)
	count, body := data.u16(0), data.link(2)
	var shared []int
	if count&0x8000 != 0 {
		shared, body = body.points(len(points))
	}
	shared4 := gvar.from(gvar.u32(8))
	head := data.from(4)
	for range count & 0xfff {
		size, index := head.u16(0), head.u16(2)
		next := 4
		peak := shared4
		if peakAt := index & 0xfff * 2 * axes; peakAt > 0 {
			peak = shared4.from(peakAt)
		}
		if index&0x8000 != 0 {
			peak, next = head.from(next), next+2*axes
		}
		var span chunk
		if index&0x4000 != 0 {
			span, next = head.from(next), next+4*axes
		}
		scale := f.reach(func(i int) (float64, float64, float64) {
			p := peak.f2dot14(2 * i)
			if span != nil {
				return span.f2dot14(2 * i), p, span.f2dot14(2*axes + 2*i)
			}
			return min(p, 0), p, max(p, 0)
		})
		if scale != 0 {
			moved, rest := shared, body
			if index&0x2000 != 0 {
				moved, rest = rest.points(len(points))
			}
			n := len(moved)
			if moved == nil {
				n = len(points)
			}
			xs, rest := rest.deltas(n)
			ys, _ := rest.deltas(n)
			shift := make([]point, len(points))
			touched := make([]bool, len(points))
			for k := range n {
				i := k
				if moved != nil {
					i = moved[k]
				}
				if i < len(points) {
					shift[i], touched[i] = point{float64(xs[k]), float64(ys[k])}, true
				}
			}
			if moved != nil {
				start := 0
				for _, end := range ends {
					infer(original[start:end+1], shift[start:end+1], touched[start:end+1])
					start = end + 1
				}
			}
			for i := range points {
				points[i].x += scale * shift[i].x
				points[i].y += scale * shift[i].y
			}
		}
		body, head = body.from(size), head.from(next)
	}
}

// infer moves the points of a contour that a variation leaves out, as those
// around them move.
func infer(at, shift []point, touched []bool) {
	n, first := len(at), -1
	for i := range n {
		if touched[i] {
			first = i
			break
		}
	}
	if first < 0 {
		return
	}
	for i, steps := first, 0; steps < n; {
		j, between := (i+1)%n, 0
		for !touched[j] {
			j, between = (j+1)%n, between+1
		}
		for k := range between {
			p := (i + 1 + k) % n
			shift[p].x = inferOne(at[p].x, at[i].x, at[j].x, shift[i].x, shift[j].x)
			shift[p].y = inferOne(at[p].y, at[i].y, at[j].y, shift[i].y, shift[j].y)
		}
		i, steps = j, steps+between+1
	}
}

func inferOne(v, a, b, moveA, moveB float64) float64 {
	if a == b {
		if moveA == moveB {
			return moveA
		}
		return 0
	}
	if a > b {
		a, b, moveA, moveB = b, a, moveB, moveA
	}
	switch {
	case v <= a:
		return moveA
	case v >= b:
		return moveB
	}
	return moveA + (v-a)/(b-a)*(moveB-moveA)
}

// points unpacks numbers of points; none means all of them.
func (t chunk) points(limit int) (list []int, rest chunk) {
	n, at := t.u8(0), 1
	if n&0x80 != 0 {
		n, at = t.u16(0)&0x7fff, 2
	}
	last := 0
	for len(list) < n && len(list) <= limit+4 && at < len(t) {
		control := t.u8(at)
		at++
		for range control&0x7f + 1 {
			if control&0x80 != 0 {
				last, at = last+t.u16(at), at+2
			} else {
				last, at = last+t.u8(at), at+1
			}
			list = append(list, last)
		}
	}
	return list, t.from(at)
}

// deltas unpacks n steps.
func (t chunk) deltas(n int) (list []int, rest chunk) {
	at := 0
	for len(list) < n && at < len(t) {
		control := t.u8(at)
		at++
		for range control&0x3f + 1 {
			v := 0
			switch {
			case control&0x80 != 0:
			case control&0x40 != 0:
				v, at = t.i16(at), at+2
			default:
				v, at = int(int8(t.u8(at))), at+1
			}
			list = append(list, v)
		}
	}
	for len(list) < n {
		list = append(list, 0)
	}
	return list, t.from(at)
}
