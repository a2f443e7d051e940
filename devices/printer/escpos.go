package printer

import (
	"encoding/binary"
	"image"
)

// job is what is sent to a printer: commands of ESC/POS, and text between them.
// Only the methods below add to it, so no text can become a command, and what
// has no method (the cash drawer's pulse, ESC p and DLE DC4, among them) cannot
// be sent. Source of the bytes: Epson's ESC/POS command reference.
type job []byte

// bandRows is how many rows of a picture go in one command.
const bandRows = 64

// start resets the printer's settings. FS . leaves the mode in which printers
// for the Chinese market take two bytes as one character; GS a 0 turns reports
// off that nobody asked for.
func (j job) start() job { return append(j, 0x1b, '@', 0x1c, '.', 0x1d, 'a', 0) }

// codePage chooses the printer's table of characters.
func (j job) codePage(n byte) job { return append(j, 0x1b, 't', n) }

func (j job) centre() job { return append(j, 0x1b, 'a', 1) }

// style sets how the lines look that follow: 1 to 8 times as wide and as high.
func (j job) style(times byte, bold bool) job {
	times = min(max(times, 1), 8) - 1
	weight := byte(0)
	if bold {
		weight = 1
	}
	return append(j, 0x1d, '!', times<<4|times, 0x1b, 'E', weight)
}

// line prints text that encode gave.
func (j job) line(text encoded) job { return append(append(j, text...), '\n') }

func (j job) feed(lines byte) job { return append(j, 0x1b, 'd', lines) }

// qr prints a QR code (model 2, error correction M). It takes letters, digits and
// colons; of anything else nothing is printed.
func (j job) qr(code string, dots byte) job {
	for _, c := range []byte(code) {
		if (c < '0' || c > ':') && (c < 'A' || c > 'Z') {
			return j
		}
	}
	if len(code) == 0 || len(code) > 100 {
		return j
	}
	fn := func(j job, args ...byte) job {
		j = append(j, 0x1d, '(', 'k')
		j = binary.LittleEndian.AppendUint16(j, uint16(len(args)))
		return append(j, args...)
	}
	j = fn(j, '1', 'A', '2', 0)
	j = fn(j, '1', 'C', min(max(dots, 1), 16))
	j = fn(j, '1', 'E', '1')
	j = fn(j, append([]byte{'1', 'P', '0'}, code...)...)
	return fn(j, '1', 'Q', '0')
}

// picture prints a picture, black where there is ink, in bands. Its width is a
// multiple of 8. Printers carry out DLE EOT, DLE ENQ and DLE DC4 (which opens a
// drawer) wherever they meet these bytes, in a picture too: there one dot more
// keeps them apart.
func (j job) picture(p *image.Alpha) job {
	across := p.Rect.Dx() / 8
	for top := 0; top < p.Rect.Dy(); top += bandRows {
		rows := min(bandRows, p.Rect.Dy()-top)
		j = append(j, 0x1d, 'v', '0', 0)
		j = binary.LittleEndian.AppendUint16(j, uint16(across))
		j = binary.LittleEndian.AppendUint16(j, uint16(rows))
		for y := top; y < top+rows; y++ {
			for x := range across {
				var dots byte
				for bit := range 8 {
					dots <<= 1
					if p.AlphaAt(p.Rect.Min.X+8*x+bit, p.Rect.Min.Y+y).A > inkAbove {
						dots |= 1
					}
				}
				if n := len(j); j[n-1] == 0x10 && (dots == 0x04 || dots == 0x05 || dots == 0x14) {
					j[n-1] = 0x18
				}
				j = append(j, dots)
			}
		}
	}
	return j
}

// inkAbove is how much of a dot an outline has to cover. Paper that is printed by
// heat bleeds a little, so it is less than half.
const inkAbove = 110

// cut feeds to the knife and cuts, or feeds to where paper is torn off.
func (j job) cut(how Cut) job {
	switch how {
	case CutFull:
		return append(j, 0x1d, 'V', 'A', 0)
	case CutPartial:
		return append(j, 0x1d, 'V', 'B', 0)
	}
	return j.feed(5)
}

// finish asks the printer to answer when all that came before is done: GS r 1, a
// question that is not taken out of turn.
func (j job) finish() job { return append(j, 0x1d, 'r', 1) }

// fill are zeros: the rest of a picture, or of a shorter command, that a printer
// may still wait for because the job broke off in it. Where it waits for none they
// are nothing. Until it has had them, every other byte would be taken for a part of
// that command.
func (j job) fill(c Config) job { return append(j, make([]byte, c.Width/8*bandRows)...) }

// rescue ends a job that broke off: what was printed of it is cut off, so that
// nobody takes half a ticket for a whole one.
func (j job) rescue(c Config) job { return j.start().feed(1).cut(c.Cut) }
