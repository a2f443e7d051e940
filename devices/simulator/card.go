package simulator

import (
	"bytes"
	"slices"
)

// Card is a pretended contactless card: a Type 2 tag as NXP's NTAG213 is, with a
// number of 4 or 7 bytes. It does not change once it is made.
type Card struct {
	uid    []byte
	memory []byte // from page 0 on; empty for a card without readable memory
}

// NewCard makes a card with a number and no memory that can be read.
func NewCard(uid []byte) *Card { return &Card{uid: slices.Clone(uid)} }

// NewTag makes a tag of a number and the bytes of its data area, which begins at
// page 4. The area has room for 144 bytes, or as many as there are.
func NewTag(uid, data []byte) *Card {
	size := max(144, (len(data)+7)/8*8)
	memory := make([]byte, 16, 16+size)
	copy(memory, uid)
	copy(memory[12:], []byte{0xE1, 0x10, byte(min(size/8, 255)), 0x00})
	return &Card{uid: slices.Clone(uid), memory: append(memory, append(slices.Clone(data), make([]byte, size-len(data))...)...)}
}

// NewTextTag makes a tag that holds an English text of at most 247 bytes, as
// phones write it.
func NewTextTag(uid []byte, text string) *Card {
	record := append([]byte{0xD1, 0x01, byte(3 + len(text)), 'T', 0x02, 'e', 'n'}, text...)
	return NewTag(uid, slices.Concat([]byte{0x03, byte(len(record))}, record, []byte{0xFE}))
}

// read gives 16 bytes from a page on, as READ does; behind the end it begins again
// at page 0.
func (c *Card) read(page byte) []byte {
	if int(page)*4 >= len(c.memory) {
		return nil
	}
	return slices.Concat(c.memory, c.memory)[int(page)*4:][:16]
}

// atr is what a PC/SC reader makes of a contactless storage card (PC/SC part 3,
// 3.1.3.2.3), here of a MIFARE Ultralight.
func (c *Card) atr() []byte {
	return []byte{0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x68}
}

// answer is what a PC/SC reader with this card says to a command.
func (c *Card) answer(apdu []byte) []byte {
	done := []byte{0x90, 0x00}
	switch {
	case bytes.Equal(apdu, []byte{0xFF, 0xCA, 0x00, 0x00, 0x00}) && len(c.uid) > 0:
		return append(slices.Clone(c.uid), done...)
	case len(apdu) == 5 && apdu[0] == 0xFF && apdu[1] == 0xB0 && apdu[2] == 0 && apdu[4] == 16:
		if data := c.read(apdu[3]); data != nil {
			return append(data, done...)
		}
		return []byte{0x63, 0x00}
	}
	return []byte{0x6A, 0x81}
}
