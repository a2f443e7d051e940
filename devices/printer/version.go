package printer

import "time"

const (
	// versionWithin is how long the answer to GS I may take: what was sent before,
	// a cut perhaps, is done first.
	versionWithin = 2 * time.Second
	// maxVersion is the longest answer that Epson's reference allows.
	maxVersion = 80
)

// version is the answer to GS I 65, the version of the printer's firmware: an
// underscore, text, a zero. The zero version has heard nothing.
type version struct {
	text  []byte
	begun bool
}

// take takes one byte, and reports whether the answer is whole. What comes before
// the underscore is of another question; what has no end, or is not printable, is
// no answer.
func (v *version) take(b byte) (whole bool) {
	switch {
	case !v.begun:
		v.begun = b == '_'
	case b == 0:
		return true
	case b < ' ' || b > '~' || len(v.text) == maxVersion:
		*v = version{}
	default:
		v.text = append(v.text, b)
	}
	return false
}

// version asks for the firmware's version; empty: the printer does not tell it. A
// printer that takes the question for text has its letter wiped by the ESC @ that
// begins each ticket.
func (t *talk) version() (string, error) {
	if err := t.idle(); err != nil {
		return "", err
	}
	if _, err := t.Write([]byte{0x1d, 'I', 'A'}); err != nil {
		return "", lost(err)
	}
	var v version
	whole, err := t.hear(versionWithin, v.take)
	if err != nil || !whole {
		t.late = &v
		return "", err
	}
	return string(v.text), nil
}

// owed reports whether a byte is of a version that comes late, as of a printer whose
// cover was open: its text must not be taken for the answer to another question. No
// other answer begins with an underscore.
func (t *talk) owed(b byte) bool {
	if t.late == nil || !t.late.begun && b != '_' {
		return false
	}
	if t.late.take(b) {
		t.late = nil
		return true
	}
	return t.late.begun
}
