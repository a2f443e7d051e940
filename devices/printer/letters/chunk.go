package letters

import "encoding/binary"

// chunk is a table of a font, or what follows a place in one. Past its end it
// reads as zeros, so that a broken font draws nothing rather than panics.
type chunk []byte

func (t chunk) u8(at int) int {
	if at < 0 || at >= len(t) {
		return 0
	}
	return int(t[at])
}

func (t chunk) u16(at int) int {
	if at < 0 || at+2 > len(t) {
		return 0
	}
	return int(binary.BigEndian.Uint16(t[at:]))
}

func (t chunk) i16(at int) int { return int(int16(t.u16(at))) }

func (t chunk) u32(at int) int { return t.u16(at)<<16 | t.u16(at+2) }

// fixed reads a 16.16, f2dot14 a 2.14 number.
func (t chunk) fixed(at int) float64   { return float64(int32(t.u32(at))) / 65536 }
func (t chunk) f2dot14(at int) float64 { return float64(t.i16(at)) / 16384 }

// from is what follows an offset; an offset of 0 leads nowhere.
func (t chunk) from(offset int) chunk {
	if offset <= 0 || offset > len(t) {
		return nil
	}
	return t[offset:]
}

// link follows the 16 bit offset that stands at a place.
func (t chunk) link(at int) chunk { return t.from(t.u16(at)) }

// covers gives the index of a glyph in a Coverage table, or -1.
func (t chunk) covers(glyph int) int {
	n := t.u16(2)
	switch t.u16(0) {
	case 1:
		for i := range n {
			if t.u16(4+2*i) == glyph {
				return i
			}
		}
	case 2:
		for i := range n {
			if first := t.u16(4 + 6*i); first <= glyph && glyph <= t.u16(6+6*i) {
				return t.u16(8+6*i) + glyph - first
			}
		}
	}
	return -1
}

// class gives the class of a glyph in a Class Definition table.
func (t chunk) class(glyph int) int {
	switch t.u16(0) {
	case 1:
		if i := glyph - t.u16(2); i >= 0 && i < t.u16(4) {
			return t.u16(6 + 2*i)
		}
	case 2:
		for i := range t.u16(2) {
			if t.u16(4+6*i) <= glyph && glyph <= t.u16(6+6*i) {
				return t.u16(8 + 6*i)
			}
		}
	}
	return 0
}
