package printer

import (
	"fmt"
	"image"
	"image/draw"
	"slices"

	"github.com/skip2/go-qrcode"

	"clinicgate/devices/printer/letters"
)

// role is what a line of a ticket is for.
type role int

const (
	heading role = iota // the clinic
	label               // what the line below it is
	number
	strong
	note
	square // the code for the scanner
	foot
)

// item is a line of a ticket.
type item struct {
	role role
	text string
}

// items are the lines of a ticket, from the top.
func (c Config) items(t Ticket, w Words) []item {
	list := []item{{heading, c.Clinic}, {label, w.Title}, {number, t.Number}}
	if t.Where != "" {
		list = append(list, item{label, w.Where}, item{strong, t.Where})
	}
	if t.WaitHigh > 0 {
		list = append(list, item{label, w.Wait}, item{strong, w.Minutes(t.WaitLow, t.WaitHigh)})
	}
	list = append(list, item{note, w.Note})
	if t.Code != "" {
		list = append(list, item{square, t.Code}, item{foot, t.Code})
	}
	list = append(list, item{foot, t.At.In(c.Zone).Format("2006-01-02 15:04")})
	return slices.DeleteFunc(list, func(it item) bool { return it.text == "" })
}

// encode makes the job of a ticket: text where the printer's code page has every
// character, else a picture.
func (c Config) encode(t Ticket, w Words) (job, error) {
	if page, ok := codePages()[c.CodePage]; ok {
		if j, ok := c.text(page, c.items(t, w)); ok {
			return j, nil
		}
	}
	p, err := c.picture(c.items(t, w), letters.New(w.Fonts), w.RTL)
	if err != nil {
		return nil, fmt.Errorf("cannot draw ticket in %q: %w", w.Tag, err)
	}
	return job{}.start().picture(p).cut(c.Cut).finish(), nil
}

// charDots is the width of a character of a printer's font A.
const charDots = 12

// text is a ticket in the printer's own letters.
func (c Config) text(page codePage, items []item) (job, bool) {
	j := job{}.start().codePage(page.number).centre()
	for _, it := range items {
		text, ok := page.encode(it.text)
		if !ok {
			return nil, false
		}
		size, bold := byte(1), false
		switch it.role {
		case heading:
			bold = true
		case number:
			size, bold = 4, true
			if len(text)*charDots*4 > c.Width {
				size = 3
			}
		case strong:
			size, bold = 2, true
		case square:
			j = j.feed(1).qr(it.text, byte(c.Width/64))
			continue
		case foot, note:
		}
		j = j.style(size, bold)
		for _, line := range columns(text, c.Width/charDots/int(size)) {
			j = j.line(line)
		}
		if it.role != label && it.role != foot {
			j = j.style(1, false).feed(1)
		}
	}
	return j.cut(c.Cut).finish(), true
}

// columns breaks text into lines of at most n characters, at spaces where it can.
func columns(text encoded, n int) (lines []encoded) {
	for len(text) > n {
		at := n
		for i := n; i > 0; i-- {
			if text[i] == ' ' {
				at = i
				break
			}
		}
		lines = append(lines, text[:at])
		if text = text[at:]; text[0] == ' ' {
			text = text[1:]
		}
	}
	if len(text) > 0 {
		lines = append(lines, text)
	}
	return lines
}

// looks are the styles of a picture, in dots of a paper of 384; gap is the space
// below.
func (r role) look() (size float64, weight float32, gap float64) {
	switch r {
	case heading:
		return 27, 700, 14
	case label:
		return 24, 500, 0
	case number:
		return 112, 800, 18
	case strong:
		return 35, 700, 12
	case note:
		return 25, 500, 12
	default:
		return 20, 500, 0
	}
}

// picture is a ticket as dots.
func (c Config) picture(items []item, fonts *letters.Fonts, rtl bool) (*image.Alpha, error) {
	// 80 mm paper is half as wide again; letters grow less than that, so that a
	// ticket stays one hand long.
	scale := 1.0
	if c.Width > narrow {
		scale = 1.25
	}
	const margin = 8
	var parts []*image.Alpha
	var gaps []int
	for _, it := range items {
		size, weight, gap := it.role.look()
		st := letters.Style{Size: size * scale, Weight: weight, RTL: rtl}
		if it.role == square {
			p, err := squareOf(it.text, int(5*scale))
			if err != nil {
				return nil, err
			}
			parts, gaps = append(parts, p), append(gaps, int(4*scale))
			continue
		}
		if it.role == number || it.role == foot {
			st.RTL = false
		}
		for w, err := fonts.Width(it.text, st); it.role == number || it.role == foot; w, err = fonts.Width(it.text, st) {
			if err != nil {
				return nil, err
			}
			if w <= c.Width-2*margin {
				break
			}
			st.Size *= 0.9 // what must not be broken is made smaller
		}
		lines, err := fonts.Wrap(it.text, c.Width-2*margin, st)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			p, err := fonts.Draw(line, st)
			if err != nil {
				return nil, err
			}
			if it.role == number {
				p = trim(p)
				if n := len(gaps); n > 0 {
					gaps[n-1] += int(6 * scale) // which the empty rows were
				}
			}
			parts, gaps = append(parts, p), append(gaps, 0)
		}
		if n := len(gaps); n > 0 {
			gaps[n-1] += int(gap * scale)
		}
	}
	height := 8
	for i, p := range parts {
		height += p.Rect.Dy() + gaps[i]
	}
	out := image.NewAlpha(image.Rect(0, 0, c.Width, height+8))
	y := 8
	for i, p := range parts {
		x := (c.Width - p.Rect.Dx()) / 2
		draw.Draw(out, image.Rect(x, y, x+p.Rect.Dx(), y+p.Rect.Dy()), p, p.Rect.Min, draw.Over)
		y += p.Rect.Dy() + gaps[i]
	}
	return out, nil
}

// trim cuts the empty rows above and below off.
func trim(p *image.Alpha) *image.Alpha {
	top, bottom := p.Rect.Max.Y, p.Rect.Min.Y
	for y := p.Rect.Min.Y; y < p.Rect.Max.Y; y++ {
		for x := p.Rect.Min.X; x < p.Rect.Max.X; x++ {
			if p.AlphaAt(x, y).A > 0 {
				top, bottom = min(top, y), y+1
				break
			}
		}
	}
	if top >= bottom {
		return p
	}
	return p.SubImage(image.Rect(p.Rect.Min.X, top, p.Rect.Max.X, bottom)).(*image.Alpha)
}

// squareOf is a QR code with so many dots a module, and the quiet zone that
// scanners need.
func squareOf(code string, dots int) (*image.Alpha, error) {
	q, err := qrcode.New(code, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("cannot make QR code: %w", err)
	}
	rows := q.Bitmap() // with a quiet zone of 4 modules
	n := len(rows) * dots
	out := image.NewAlpha(image.Rect(0, 0, n, n))
	for y := range n {
		for x := range n {
			if rows[y/dots][x/dots] {
				out.Pix[y*out.Stride+x] = 0xff
			}
		}
	}
	return out, nil
}
