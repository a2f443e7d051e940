package letters

import "golang.org/x/image/font/sfnt"

// corner is a point of a TrueType outline: on the line, or one that bends it.
type corner struct {
	point
	on bool
}

// contours reads a glyph of TrueType outlines ("glyf"), at the font's weight.
func (f *face) contours(glyph, depth int) [][]corner {
	loca, glyf := f.tables["loca"], f.tables["glyf"]
	begin, end := loca.u32(4*glyph), loca.u32(4*glyph+4)
	if begin >= end || end > len(glyf) || depth > 4 {
		return nil
	}
	g := glyf[begin:end]
	n := g.i16(0)
	if n < 0 {
		return f.composite(glyph, g, depth)
	}
	ends := make([]int, n)
	for i := range ends {
		ends[i] = g.u16(10 + 2*i)
		if ends[i] >= len(g) || i > 0 && ends[i] <= ends[i-1] {
			return nil
		}
	}
	if n == 0 {
		return nil
	}
	count := ends[n-1] + 1
	at := 10 + 2*n
	at += 2 + g.u16(at)
	flags := make([]int, 0, count)
	for len(flags) < count && at < len(g) {
		flag := g.u8(at)
		at++
		again := 0
		if flag&8 != 0 {
			again, at = g.u8(at), at+1
		}
		for range again + 1 {
			flags = append(flags, flag)
		}
	}
	if len(flags) < count {
		return nil
	}
	axis := func(short, same int) []float64 {
		list, v := make([]float64, count), 0
		for i := range list {
			switch flag := flags[i]; {
			case flag&short != 0 && flag&same != 0:
				v, at = v+g.u8(at), at+1
			case flag&short != 0:
				v, at = v-g.u8(at), at+1
			case flag&same == 0:
				v, at = v+g.i16(at), at+2
			}
			list[i] = float64(v)
		}
		return list
	}
	xs := axis(2, 16)
	ys := axis(4, 32)
	points := make([]point, count+4) // and four that stand for the metrics, which HVAR knows better
	for i := range count {
		points[i] = point{xs[i], ys[i]}
	}
	f.vary(glyph, points, ends)
	var list [][]corner
	start := 0
	for _, end := range ends {
		c := make([]corner, 0, end+1-start)
		for i := start; i <= end; i++ {
			c = append(c, corner{points[i], flags[i]&1 != 0})
		}
		list, start = append(list, c), end+1
	}
	return list
}

// composite reads a glyph that is made of others.
func (f *face) composite(glyph int, g chunk, depth int) [][]corner {
	type part struct {
		glyph  int
		matrix [4]float64
	}
	var parts []part
	var places []point
	for at := 10; at+4 <= len(g); {
		flags := g.u16(at)
		p := part{g.u16(at + 2), [4]float64{1, 0, 0, 1}}
		at += 4
		var place point
		if flags&1 != 0 {
			place, at = point{float64(g.i16(at)), float64(g.i16(at + 2))}, at+4
		} else {
			place, at = point{float64(int8(g.u8(at))), float64(int8(g.u8(at + 1)))}, at+2
		}
		switch {
		case flags&0x08 != 0:
			p.matrix[0], p.matrix[3], at = g.f2dot14(at), g.f2dot14(at), at+2
		case flags&0x40 != 0:
			p.matrix[0], p.matrix[3], at = g.f2dot14(at), g.f2dot14(at+2), at+4
		case flags&0x80 != 0:
			p.matrix, at = [4]float64{g.f2dot14(at), g.f2dot14(at + 2), g.f2dot14(at + 4), g.f2dot14(at + 6)}, at+8
		}
		parts, places = append(parts, p), append(places, place)
		if flags&0x20 == 0 {
			break
		}
	}
	points := append(places, make([]point, 4)...)
	f.vary(glyph, points, nil)
	var list [][]corner
	for i, p := range parts {
		for _, c := range f.contours(p.glyph, depth+1) {
			for k, at := range c {
				c[k].x = p.matrix[0]*at.x + p.matrix[2]*at.y + points[i].x
				c[k].y = p.matrix[1]*at.x + p.matrix[3]*at.y + points[i].y
			}
			list = append(list, c)
		}
	}
	return list
}

// strokes draws contours: between two points that bend the line there is one on
// it, halfway.
func strokes(contours [][]corner) (list []stroke) {
	for _, c := range contours {
		if len(c) < 2 {
			continue
		}
		half := func(a, b corner) point { return point{(a.x + b.x) / 2, (a.y + b.y) / 2} }
		start, first := c[0].point, 1
		if !c[0].on {
			if last := c[len(c)-1]; last.on {
				start, first = last.point, 0
				c = c[:len(c)-1]
			} else {
				start, first = half(c[0], last), 0
			}
		}
		list = append(list, stroke{sfnt.SegmentOpMoveTo, [3]point{start}})
		for i := first; i < len(c); i++ {
			if c[i].on {
				list = append(list, stroke{sfnt.SegmentOpLineTo, [3]point{c[i].point}})
				continue
			}
			end := start
			if i+1 < len(c) {
				if end = c[i+1].point; !c[i+1].on {
					end = half(c[i], c[i+1])
				}
			}
			list = append(list, stroke{sfnt.SegmentOpQuadTo, [3]point{c[i].point, end}})
			if i+1 < len(c) && c[i+1].on {
				i++
			}
		}
	}
	return list
}
