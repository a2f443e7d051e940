package letters

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andybalholm/brotli"
)

// maxFont bounds one unpacked font.
const maxFont = 8 << 20

// errFont: the bytes are not a font that unpack can read.
var errFont = errors.New("not a WOFF2 font")

// table is one table of a font.
type table struct {
	tag  string
	data []byte
}

// unpack turns a WOFF2 file into the plain font that it was made of, with the
// outlines written the long way: W3C "WOFF File Format 2.0", 4 and 5.
func unpack(file []byte) ([]byte, error) {
	in := reader{b: file}
	if string(in.take(4)) != "wOF2" {
		return nil, errFont
	}
	flavor := in.take(4)
	in.take(4)
	count := int(in.u16())
	in.take(6)
	packed := int(in.u32())
	in.take(24)
	type entry struct {
		tag    string
		raw    bool
		length int
	}
	var dir []entry
	for range count {
		flags := in.u8()
		e := entry{}
		if flags&0x3f == 0x3f {
			e.tag = string(in.take(4))
		} else if int(flags&0x3f) < len(knownTags)/4 {
			at := 4 * int(flags&0x3f)
			e.tag = knownTags[at : at+4]
		}
		e.length = in.base128()
		outline := e.tag == "glyf" || e.tag == "loca"
		e.raw = (flags>>6 == 3) == outline
		if !e.raw {
			e.length = in.base128()
			if !outline {
				return nil, fmt.Errorf("%w: table %q is transformed", errFont, e.tag)
			}
		}
		if in.bad {
			return nil, errFont
		}
		dir = append(dir, e)
	}
	data, err := io.ReadAll(io.LimitReader(brotli.NewReader(bytes.NewReader(in.take(packed))), maxFont))
	if err != nil || in.bad {
		return nil, errFont
	}
	body := reader{b: data}
	var tables []table
	for _, e := range dir {
		t := table{e.tag, body.take(e.length)}
		if e.tag == "loca" && !e.raw {
			continue // follows from glyf
		}
		if e.tag == "glyf" && !e.raw {
			glyf, loca, err := outlines(t.data)
			if err != nil {
				return nil, err
			}
			tables = append(tables, table{"loca", loca})
			t.data = glyf
		}
		tables = append(tables, t)
	}
	if body.bad {
		return nil, errFont
	}
	return assemble(flavor, tables), nil
}

// knownTags are the tags that WOFF2 writes as a number.
const knownTags = "cmapheadhheahmtxmaxpnameOS/2postcvt fpgmglyflocaprepCFF VORGEBDTEBLCgasphdmxkernLTSHPCLTVDMXvheavmtxBASEGDEFGPOSGSUB" +
	"EBSCJSTFMATHCBDTCBLCCOLRCPALSVG sbixacntavarbdatblocbslncvarfdscfeatfmtxfvargvarhstyjustlcarmortmorxopbdproptrakZapfSilfGlatGlocFeatSill"

// assemble writes tables as a font file. Checksums are left out: nobody here
// reads them.
func assemble(flavor []byte, tables []table) []byte {
	slices.SortFunc(tables, func(a, b table) int { return cmpString(a.tag, b.tag) })
	out := slices.Clone(flavor)
	out = binary.BigEndian.AppendUint16(out, uint16(len(tables)))
	out = append(out, make([]byte, 6)...)
	at := 12 + 16*len(tables)
	for i, t := range tables {
		if t.tag == "head" && len(t.data) >= 52 {
			t.data = slices.Clone(t.data)
			if slices.ContainsFunc(tables, func(t table) bool { return t.tag == "loca" }) {
				t.data[51] = 1 // offsets of loca are long
			}
			tables[i] = t
		}
		out = append(out, t.tag...)
		out = binary.BigEndian.AppendUint32(out, 0)
		out = binary.BigEndian.AppendUint32(out, uint32(at))
		out = binary.BigEndian.AppendUint32(out, uint32(len(t.data)))
		at += (len(t.data) + 3) &^ 3
	}
	for _, t := range tables {
		out = append(out, t.data...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	return out
}

func cmpString(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

// outlines undoes the glyf transform (5.1): points that were spread over streams
// by what they are become glyphs again, each with its bounding box, and loca says
// where each begins.
func outlines(b []byte) (glyf, loca []byte, err error) {
	in := reader{b: b}
	in.take(2)
	options := in.u16()
	count := int(in.u16())
	in.take(2)
	var size [7]int
	for i := range size {
		size[i] = int(in.u32())
	}
	var part [7]reader
	for i := range part {
		part[i] = reader{b: in.take(size[i])}
	}
	contours, points, flags, coords, parts, boxes, code := &part[0], &part[1], &part[2], &part[3], &part[4], &part[5], &part[6]
	if options&1 != 0 {
		in.take((count + 7) / 8) // which outlines overlap: our drawing does not care
	}
	boxed := boxes.take((count + 31) / 32 * 4)
	if in.bad || boxes.bad {
		return nil, nil, errFont
	}
	be := binary.BigEndian
	for g := range count {
		loca = be.AppendUint32(loca, uint32(len(glyf)))
		n := int16(contours.u16())
		hasBox := boxed[g/8]&(0x80>>(g%8)) != 0
		if n == 0 {
			if hasBox {
				return nil, nil, errFont
			}
			continue
		}
		var box []byte
		if hasBox {
			box = boxes.take(8)
		}
		if n < 0 {
			if !hasBox {
				return nil, nil, errFont
			}
			body, coded := parts.composite()
			glyf = append(append(be.AppendUint16(glyf, 0xffff), box...), body...)
			if coded {
				length := coords.short255()
				glyf = append(be.AppendUint16(glyf, uint16(length)), code.take(length)...)
			}
		} else {
			var ends []byte
			last := -1
			for range n {
				last += points.short255()
				ends = be.AppendUint16(ends, uint16(last))
			}
			if last >= len(flags.b) || points.bad {
				return nil, nil, errFont
			}
			var on, xs, ys []byte
			var x, y int
			var low, high [2]int
			for i := range last + 1 {
				f := flags.u8()
				dx, dy := coords.triplet(f & 0x7f)
				x, y = x+dx, y+dy
				on = append(on, 1-f>>7) // long coordinates, of this point alone
				xs, ys = be.AppendUint16(xs, uint16(dx)), be.AppendUint16(ys, uint16(dy))
				if i == 0 {
					low, high = [2]int{x, y}, [2]int{x, y}
				}
				low = [2]int{min(low[0], x), min(low[1], y)}
				high = [2]int{max(high[0], x), max(high[1], y)}
			}
			if !hasBox {
				for _, v := range []int{low[0], low[1], high[0], high[1]} {
					box = be.AppendUint16(box, uint16(v))
				}
			}
			length := coords.short255()
			glyf = append(append(be.AppendUint16(glyf, uint16(n)), box...), ends...)
			glyf = append(be.AppendUint16(glyf, uint16(length)), code.take(length)...)
			glyf = append(append(append(glyf, on...), xs...), ys...)
		}
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		if len(glyf) > maxFont {
			return nil, nil, errFont
		}
	}
	for _, r := range part {
		if r.bad {
			return nil, nil, errFont
		}
	}
	return glyf, be.AppendUint32(loca, uint32(len(glyf))), nil
}

// reader reads big-endian numbers. Past the end it gives zeros and turns bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad = true
		return make([]byte, min(max(n, 0), 64))
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() byte    { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

// base128 reads a UIntBase128 (4.1) of at most five bytes.
func (r *reader) base128() int {
	v := 0
	for range 5 {
		c := r.u8()
		v = v<<7 | int(c&0x7f)
		if c&0x80 == 0 {
			return v
		}
	}
	r.bad = true
	return 0
}

// short255 reads a 255UInt16 (4.1).
func (r *reader) short255() int {
	switch c := r.u8(); c {
	case 253:
		return int(r.u16())
	case 254:
		return int(r.u8()) + 506
	case 255:
		return int(r.u8()) + 253
	default:
		return int(c)
	}
}

// triplet reads the step to a point, packed by the size that it has (5.2).
func (r *reader) triplet(f byte) (dx, dy int) {
	sign := func(f byte, v int) int {
		if f&1 == 0 {
			return -v
		}
		return v
	}
	switch {
	case f < 10:
		return 0, sign(f, int(f&14)<<7+int(r.u8()))
	case f < 20:
		return sign(f, int((f-10)&14)<<7+int(r.u8())), 0
	case f < 84:
		b, c := f-20, r.u8()
		return sign(f, 1+int(b&0x30)+int(c>>4)), sign(f>>1, 1+int(b&0x0c)<<2+int(c&0x0f))
	case f < 120:
		b, c := int(f-84), r.take(2)
		return sign(f, 1+b/12<<8+int(c[0])), sign(f>>1, 1+b%12>>2<<8+int(c[1]))
	case f < 124:
		c := r.take(3)
		return sign(f, int(c[0])<<4+int(c[1]>>4)), sign(f>>1, int(c[1]&0x0f)<<8+int(c[2]))
	}
	return sign(f, int(r.u16())), sign(f>>1, int(r.u16()))
}

// composite reads a glyph that is made of others, and whether instructions
// follow.
func (r *reader) composite() (body []byte, coded bool) {
	for range 64 {
		head := r.take(4)
		flags := binary.BigEndian.Uint16(head)
		size := 2
		if flags&0x1 != 0 {
			size = 4
		}
		switch {
		case flags&0x8 != 0:
			size += 2
		case flags&0x40 != 0:
			size += 4
		case flags&0x80 != 0:
			size += 8
		}
		body = append(append(body, head...), r.take(size)...)
		coded = coded || flags&0x100 != 0
		if flags&0x20 == 0 {
			return body, coded
		}
	}
	r.bad = true
	return body, coded
}
