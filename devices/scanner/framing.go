package scanner

import (
	"bytes"
	"strings"
	"time"
)

const (
	stx = 0x02
	etx = 0x03
)

// Values of Framing.Suffix that are not the suffix itself.
const (
	SuffixAuto = ""     // CR, LF, ETX or a pause of three idle gaps, whichever is first
	SuffixNone = "none" // only a pause of one idle gap
)

// endless is how long a scan may lack its suffix before it is given up.
const endless = 2 * time.Second

// Framing says how a scanner separates its scans.
//
// With SuffixAuto, CR or LF, a driving licence ends by a pause instead: the
// AAMVA format has CR and LF inside.
type Framing struct {
	Prefix    string
	Suffix    string
	IdleGap   time.Duration
	MaxLength int // bytes, prefix and all but the last byte of the suffix included

	// Exact says that no line noise exists here: 0x00 and 0xff stand for
	// something that was sent and cannot be read, and damage the scan wherever
	// they are. Otherwise they damage it only in its middle.
	Exact bool
}

// Frame is one scan as it came, without prefix, suffix, STX, ETX and symbology
// identifier. With Damage it has no Data.
type Frame struct {
	Data      []byte // the framer's own; valid until the call returns, then cleared
	Symbology string // "Q1" for a QR code; empty when the scanner does not say
	Length    int    // of the data; of all that came when it is damaged
	Damage    string // why it cannot be used
}

// The kinds of damage.
const (
	DamageTooLong  = "too long"
	DamageNoSuffix = "no suffix came"
	DamageNoPrefix = "prefix is missing"
	DamageNoise    = "noise inside the scan"
)

// Framer cuts the bytes of a serial line into frames. It is pure: no clock, no
// port. How the bytes are spread over calls makes no difference.
type Framer struct {
	cfg Framing

	buf        []byte
	gapNoise   int  // noise bytes since the last byte in buf
	noisy      bool // noise between two bytes of buf
	discarding bool // the frame was too long and has been reported
	noise      int64
}

// NewFramer makes a framer. STX is understood without being configured.
func NewFramer(cfg Framing) *Framer {
	cfg.Prefix = strings.TrimLeft(cfg.Prefix, "\x02\r\n") // never part of buf
	return &Framer{cfg: cfg, buf: make([]byte, 0, cfg.MaxLength+1)}
}

// Feed takes bytes and calls emit for each frame that ends in them.
func (f *Framer) Feed(p []byte, emit func(Frame)) {
	for _, b := range p {
		f.feed(b, emit)
	}
}

func (f *Framer) feed(b byte, emit func(Frame)) {
	switch {
	case b == 0x00 || b == 0xff:
		// A line that is being plugged, powered or broken reads as these, and
		// so does a byte with a parity error.
		f.noise++
		f.gapNoise++
		f.noisy = f.noisy || f.cfg.Exact && !f.discarding
		return
	case b == stx:
		f.Gap(emit) // whatever was before it is over
		return
	case f.discarding:
		f.noise++
		f.discarding = !f.mayEnd(b)
		return
	case len(f.buf) == 0 && isLineEnd(b):
		return // the rest of a suffix
	}
	ends := f.ends(b)
	if !ends && len(f.buf) == f.cfg.MaxLength {
		f.damaged(DamageTooLong, emit)
		f.discarding = true
		return
	}
	if len(f.buf) > 0 && f.gapNoise > 0 && !ends && !isLineEnd(b) {
		f.noisy = true
	}
	f.gapNoise = 0
	f.buf = append(f.buf, b)
	if ends {
		f.finish(emit)
	}
}

// ends reports whether b, next after buf, ends the frame.
func (f *Framer) ends(b byte) bool {
	s := f.cfg.Suffix
	if !f.mayEnd(b) || isLineEnd(b) && len(s) <= 1 && f.inLicence() {
		return false
	}
	return len(s) <= 1 || bytes.HasSuffix(f.buf, []byte(s[:len(s)-1]))
}

// mayEnd reports whether b is the last byte of a suffix.
func (f *Framer) mayEnd(b byte) bool {
	switch s := f.cfg.Suffix; s {
	case SuffixNone:
		return false
	case SuffixAuto:
		return b == etx || isLineEnd(b)
	default:
		return b == s[len(s)-1]
	}
}

// inLicence reports whether buf begins as a driving licence does: with an @, and
// then as Classify wants it or, while there is not enough of it, with what is left
// of the controls of its header. Keyboards make up to two letters and digits of
// them, and noise above ASCII.
func (f *Framer) inLicence() bool {
	data, _, _ := f.content()
	if len(data) == 0 || data[0] != '@' {
		return false
	}
	spelled := 0
	for _, b := range data[1:] {
		if b > ' ' && b < 0x7f {
			spelled++
		}
	}
	return spelled <= 2 && len(data) <= licenceHead || isLicence(data)
}

// licenceHead bounds what may stand before the file type of a licence, in bytes.
const licenceHead = 16

// Silence is how long the line must be silent before Gap is called; 0 when
// there is nothing that a pause could end.
func (f *Framer) Silence() time.Duration {
	switch {
	case f.discarding:
		return f.cfg.IdleGap
	case len(f.buf) == 0 && f.noisy:
		return 3 * f.cfg.IdleGap
	case len(f.buf) == 0:
		return 0
	case f.cfg.Suffix == SuffixNone || f.inLicence():
		return f.cfg.IdleGap
	case f.cfg.Suffix == SuffixAuto:
		return 3 * f.cfg.IdleGap
	default:
		return endless
	}
}

// Gap says that the line was silent for Silence.
func (f *Framer) Gap(emit func(Frame)) {
	switch {
	case len(f.buf) == 0 && f.noisy:
		f.damaged(DamageNoise, emit) // a whole scan may have been lost
	case len(f.buf) == 0:
		f.restart()
	case f.cfg.Suffix == SuffixNone || f.cfg.Suffix == SuffixAuto || f.inLicence():
		f.finish(emit)
	default:
		f.damaged(DamageNoSuffix, emit)
	}
}

// Reset forgets an unfinished frame, because the line was lost, and reports
// whether there was one.
func (f *Framer) Reset() (cutOff bool) {
	cutOff = len(f.buf) > 0
	f.restart()
	return cutOff
}

// TakeNoise returns how many bytes belonged to no frame since the last call.
func (f *Framer) TakeNoise() int64 {
	n := f.noise
	f.noise = 0
	return n
}

// finish emits buf as a frame, unless nothing is in it.
func (f *Framer) finish(emit func(Frame)) {
	f.trimEnd()
	data, symbology, ok := f.content()
	switch {
	case len(data) == 0:
		f.restart()
	case !ok:
		f.damaged(DamageNoPrefix, emit)
	case f.noisy:
		f.damaged(DamageNoise, emit)
	default:
		emit(Frame{Data: data, Symbology: symbology, Length: len(data)})
		f.restart()
	}
}

// trimEnd cuts what ended the frame. A licence ends with a CR of its own, so
// from it only one line end is taken.
func (f *Framer) trimEnd() {
	licence := f.inLicence()
	b := bytes.TrimSuffix(f.buf, []byte{etx})
	switch s := f.cfg.Suffix; {
	case s != SuffixAuto && s != SuffixNone:
		b = bytes.TrimSuffix(b, []byte(s))
	case licence:
		for _, end := range []string{"\r\n", "\r", "\n"} {
			if t, ok := bytes.CutSuffix(b, []byte(end)); ok {
				b = t
				break
			}
		}
	}
	if !licence {
		b = bytes.TrimRight(b, "\r\n")
	}
	f.buf = f.buf[:len(b)]
}

// content is buf without prefix and symbology identifier. ok is false when the
// prefix is not there; what stands before it is not part of the scan.
//
// An AIM symbology identifier (ISO/IEC 15424) is "]", a letter for the code
// and a letter or digit for its variant. Scanners send it when told to.
func (f *Framer) content() (data []byte, symbology string, ok bool) {
	data, ok = f.buf, true
	if f.cfg.Prefix != "" {
		var before []byte
		if before, data, ok = bytes.Cut(f.buf, []byte(f.cfg.Prefix)); !ok {
			return f.buf, "", false
		}
		if isSymbology(before) && len(before) == 3 {
			symbology = string(before[1:])
		}
	}
	if isSymbology(data) {
		return data[3:], string(data[1:3]), ok
	}
	return data, symbology, ok
}

// isSymbology reports whether b begins with a symbology identifier.
func isSymbology(b []byte) bool {
	return len(b) >= 3 && b[0] == ']' && isLetter(b[1]) && (isLetter(b[2]) || isDigit(b[2]))
}

func (f *Framer) damaged(why string, emit func(Frame)) {
	n := len(f.buf)
	f.restart()
	emit(Frame{Length: n, Damage: why})
}

// restart also wipes: what was scanned is not ours to keep.
func (f *Framer) restart() {
	clear(f.buf[:cap(f.buf)])
	f.buf, f.gapNoise, f.noisy, f.discarding = f.buf[:0], 0, false, false
}

func isLineEnd(b byte) bool { return b == '\r' || b == '\n' }
func isDigit(b byte) bool   { return '0' <= b && b <= '9' }
func isLetter(b byte) bool  { return 'a' <= b|0x20 && b|0x20 <= 'z' }
