package letters

import (
	"fmt"
	"math"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// face is an open font at a weight.
type face struct {
	tables     map[string]chunk
	plain      *sfnt.Font // for characters, and outlines of the CFF kind
	buffer     sfnt.Buffer
	em         int
	coords     []float64 // where on its axes the font is, from -1 to 1
	gsub, gpos layout
}

// openFace takes a WOFF2 file.
func openFace(file []byte) (*face, error) {
	b, err := unpack(file)
	if err != nil {
		return nil, err
	}
	f := &face{tables: map[string]chunk{}}
	if f.plain, err = sfnt.Parse(b); err != nil {
		return nil, fmt.Errorf("cannot read font: %w", err)
	}
	all := chunk(b)
	for i := range all.u16(4) {
		at := 12 + 16*i
		body := all.from(all.u32(at + 8))
		f.tables[string(b[at:at+4])] = body[:min(len(body), all.u32(at+12))]
	}
	f.em = max(f.tables["head"].u16(18), 1)
	for tag, l := range map[string]*layout{"GSUB": &f.gsub, "GPOS": &f.gpos} {
		if *l, err = f.layout(tag); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// glyphOf gives the glyph of a character; 0 is none.
func (f *face) glyphOf(r rune) int {
	g, err := f.plain.GlyphIndex(&f.buffer, r)
	if err != nil {
		return 0
	}
	return int(g)
}

// setWeight moves along the axis of weight as far as the font has it (OpenType,
// "Coordinate scales and normalization").
func (f *face) setWeight(weight float32) {
	fvar, avar := f.tables["fvar"], f.tables["avar"]
	axes, maps := fvar.link(4), avar.from(8)
	f.coords = make([]float64, fvar.u16(8))
	for i := range f.coords {
		axis := axes.from(i * fvar.u16(10))
		if i == 0 {
			axis = axes
		}
		low, usual, high := axis.fixed(4), axis.fixed(8), axis.fixed(12)
		v := usual
		if len(axis) >= 4 && string(axis[:4]) == "wght" {
			v = min(max(float64(weight), low), high)
		}
		n := 0.0
		if v < usual {
			n = (v - usual) / (usual - low)
		} else if v > usual {
			n = (v - usual) / (high - usual)
		}
		points := maps.u16(0)
		for k := 1; k < points; k++ {
			from, to := maps.f2dot14(2+4*k-4), maps.f2dot14(2+4*k)
			if n >= from && n <= to && to > from {
				a, b := maps.f2dot14(4+4*k-4), maps.f2dot14(4+4*k)
				n = a + (n-from)/(to-from)*(b-a)
				break
			}
		}
		maps = maps.from(2 + 4*points)
		f.coords[i] = math.Round(n*16384) / 16384
	}
}

// advance is how far a glyph moves the pen.
func (f *face) advance(glyph int) float64 {
	hmtx, count := f.tables["hmtx"], f.tables["hhea"].u16(34)
	hvar := f.tables["HVAR"]
	outer, inner := 0, glyph
	if m := hvar.from(hvar.u32(8)); m != nil {
		outer, inner = m.deltaSet(glyph)
	}
	return float64(hmtx.u16(4*min(glyph, count-1))) + math.Round(f.delta(hvar.from(hvar.u32(4)), outer, inner))
}

// stroke is a piece of an outline: the pen goes to the last of its points.
type stroke struct {
	kind sfnt.SegmentOp
	to   [3]point
}

type point struct{ x, y float64 }

// outline gives what a glyph looks like, in units of the font, y upwards.
func (f *face) outline(glyph int) []stroke {
	if f.tables["glyf"] != nil {
		return strokes(f.contours(glyph, 0))
	}
	segments, err := f.plain.LoadGlyph(&f.buffer, sfnt.GlyphIndex(glyph), fixed.I(f.em), nil)
	if err != nil {
		return nil
	}
	list := make([]stroke, len(segments))
	for i, s := range segments {
		list[i].kind = s.Op
		for k, p := range s.Args {
			list[i].to[k] = point{float64(p.X) / 64, -float64(p.Y) / 64}
		}
	}
	return list
}
