package simulator

import (
	"fmt"
	"image"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// Paper is a piece of paper that a printer has cut, as far as it was printed.
type Paper struct {
	Text    string      // the lines in the printer's own letters
	QR      []string    // what its own QR codes say
	Picture *image.Gray // what was printed as dots; nil: nothing
	// Unknown are commands that a ticket has no use for, in hex. There are none.
	Unknown []string
}

// Empty reports whether nothing is on it.
func (p Paper) Empty() bool {
	return strings.TrimSpace(p.Text) == "" && len(p.QR) == 0 && p.Picture == nil
}

const (
	maxPicture = 4096 // rows of one paper
	maxText    = 64 << 10
)

// paperMachine is the part of a printer that takes one byte after the other. It
// knows ESC/POS as far as tickets use it; it shares no code with the encoder, so
// that a fault of one is not a fault of both.
type paperMachine struct {
	pending []byte // of a command that is not whole
	text    strings.Builder
	page    byte
	qr      []string
	stored  string
	dots    [][]byte // rows
	unknown []string
}

// feed gives the question that the byte ended, 'r' or 'I' for GS r or GS I, and the
// paper that it cut.
func (m *paperMachine) feed(b byte) (question byte, cut *Paper) {
	if len(m.pending) == 0 && b >= ' ' {
		if m.text.Len() < maxText {
			m.text.WriteRune(m.letter(b))
		}
		return 0, nil
	}
	m.pending = append(m.pending, b)
	need := m.need()
	if need < 0 {
		m.unknown = append(m.unknown, fmt.Sprintf("% x", m.pending))
		m.pending = nil
		return 0, nil
	}
	if len(m.pending) < need {
		return 0, nil
	}
	c := m.pending
	m.pending = nil
	switch {
	case c[0] == '\n':
		m.text.WriteByte('\n')
	case c[0] == 0x1b && c[1] == '@':
		m.page = 0
	case c[0] == 0x1b && c[1] == 't':
		m.page = c[2]
	case c[0] == 0x1b && c[1] == 'd':
		m.text.WriteString(strings.Repeat("\n", int(c[2])))
	case c[0] == 0x1d && c[1] == 'V':
		return 0, m.cut()
	case c[0] == 0x1d && (c[1] == 'r' || c[1] == 'I'):
		return c[1], nil
	case c[0] == 0x1d && c[1] == 'v':
		m.picture(c)
	case c[0] == 0x1d && c[1] == '(' && len(c) >= 8:
		switch args := c[5:]; args[1] {
		case 'P':
			m.stored = string(args[3:])
		case 'Q':
			m.qr = append(m.qr, m.stored)
		}
	}
	return 0, nil
}

// need is how many bytes the command has that pending begins; -1: it is none.
func (m *paperMachine) need() int {
	c := m.pending
	size := func(low, high int) int { return int(c[low]) | int(c[high])<<8 }
	switch c[0] {
	case 0, '\n':
		return 1
	case 0x10:
		if len(c) < 2 || c[1] == 0x04 {
			return 3
		}
	case 0x1b:
		switch {
		case len(c) < 2:
			return 2
		case c[1] == '@':
			return 2
		case strings.IndexByte("taEMd-", c[1]) >= 0:
			return 3
		}
	case 0x1c:
		if len(c) < 2 || c[1] == '.' {
			return 2
		}
	case 0x1d:
		switch {
		case len(c) < 2:
			return 2
		case strings.IndexByte("!arI", c[1]) >= 0:
			return 3
		case c[1] == 'V':
			if len(c) < 3 || c[2] < 'A' {
				return 3
			}
			return 4
		case c[1] == '(':
			if len(c) < 5 {
				return 5
			}
			if c[2] == 'k' {
				return 5 + size(3, 4)
			}
		case c[1] == 'v':
			if len(c) < 8 {
				return 8
			}
			if n := size(4, 5) * size(6, 7); n <= 1<<20 {
				return 8 + n
			}
		}
	}
	return -1
}

func (m *paperMachine) picture(c []byte) {
	across, down := int(c[4])|int(c[5])<<8, int(c[6])|int(c[7])<<8
	for row := range down {
		if len(m.dots) < maxPicture {
			m.dots = append(m.dots, c[8+row*across:8+(row+1)*across])
		}
	}
}

func (m *paperMachine) cut() *Paper {
	p := &Paper{Text: m.text.String(), QR: m.qr, Unknown: m.unknown}
	if len(m.dots) > 0 {
		across := 0
		for _, row := range m.dots {
			across = max(across, len(row))
		}
		p.Picture = image.NewGray(image.Rect(0, 0, 8*across, len(m.dots)))
		for i := range p.Picture.Pix {
			p.Picture.Pix[i] = 0xff
		}
		for y, row := range m.dots {
			for x := range 8 * len(row) {
				if row[x/8]&(0x80>>(x%8)) != 0 {
					p.Picture.Pix[y*p.Picture.Stride+x] = 0
				}
			}
		}
	}
	*m = paperMachine{page: m.page}
	return p
}

// letter is the character that a byte prints.
func (m *paperMachine) letter(b byte) rune {
	pages := map[byte]*charmap.Charmap{0: charmap.CodePage437, 2: charmap.CodePage850, 3: charmap.CodePage860, 4: charmap.CodePage863,
		5: charmap.CodePage865, 16: charmap.Windows1252, 17: charmap.CodePage866, 18: charmap.CodePage852, 19: charmap.CodePage858}
	if page, ok := pages[m.page]; ok {
		return page.DecodeByte(b)
	}
	return '\ufffd'
}
