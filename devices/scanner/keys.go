package scanner

import "encoding/binary"

// Types and codes of input events (input-event-codes.h of the kernel).
const (
	evSyn      = 0
	evKey      = 1
	synReport  = 0
	synDropped = 3

	keyLeftCtrl, keyRightCtrl   = 29, 97
	keyLeftShift, keyRightShift = 42, 54
	keyLeftAlt, keyRightAlt     = 56, 100
	keyLeftMeta, keyRightMeta   = 125, 126
	keyCapsLock, keyNumLock     = 58, 69
	keyScrollLock               = 70
)

// noKey stands for a key that is no character. To the Framer it is noise, which
// makes the scan damaged and not wrong.
const noKey = 0xff

// held is a set of the keys that change others.
type held uint8

const (
	leftShift held = 1 << iota
	rightShift
	leftCtrl
	rightCtrl
	leftAlt
	rightAlt
	leftMeta
	rightMeta
)

// Keys turns the input events of a scanner in keyboard mode into the bytes that
// it meant. It is pure; how the events are spread over calls makes no
// difference.
//
// The layout is the US one, whatever this machine's is. Caps Lock, of the
// machine or pressed by the scanner, changes nothing: only Shift does. With
// Ctrl a key is its control character, which is how scanners type GS, RS, EOT
// and the like.
type Keys struct {
	size           int // of one event: 16 or 24 bytes
	plain, shifted [128]byte

	part     []byte // of an event
	held     held
	skipping bool // after lost events, until the next report
}

// NewKeys makes a decoder for a machine whose long has that many bytes: struct
// input_event begins with two of them.
func NewKeys(long int) *Keys {
	return &Keys{
		size: 2*long + 8, part: make([]byte, 0, 2*long+8),
		plain:   layout("\x001234567890-=", "qwertyuiop[]", "asdfghjkl;'`", "\\zxcvbnm,./"),
		shifted: layout("\x00!@#$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:\"~", "|ZXCVBNM<>?"),
	}
}

// Feed takes bytes as read from the event node, and calls typed for each
// character; also, with noKey, where the kernel had to drop events.
func (k *Keys) Feed(p []byte, typed func(byte)) {
	for len(p) > 0 {
		n := min(len(p), k.size-len(k.part))
		k.part, p = append(k.part, p[:n]...), p[n:]
		if len(k.part) == k.size {
			e := k.part[k.size-8:]
			k.event(binary.NativeEndian.Uint16(e), binary.NativeEndian.Uint16(e[2:]), int32(binary.NativeEndian.Uint32(e[4:])), typed)
			clear(k.part)
			k.part = k.part[:0]
		}
	}
}

// event takes one event. value is 1 for down, 0 for up, 2 for held down.
func (k *Keys) event(kind, code uint16, value int32, typed func(byte)) {
	switch {
	case kind == evSyn && code == synDropped:
		// What is pressed is not known any more. A scanner lets go of its keys
		// after each character.
		k.skipping, k.held = true, 0
		typed(noKey)
		return
	case k.skipping:
		k.skipping = kind != evSyn || code != synReport
		return
	case kind != evKey:
		return
	}
	if m := modifier(code); m != 0 {
		switch value {
		case 1:
			k.held |= m
		case 0:
			k.held &^= m
		}
		return
	}
	if value != 1 || code == keyCapsLock || code == keyNumLock || code == keyScrollLock {
		return
	}
	typed(k.character(code))
}

func modifier(code uint16) held {
	switch code {
	case keyLeftShift:
		return leftShift
	case keyRightShift:
		return rightShift
	case keyLeftCtrl:
		return leftCtrl
	case keyRightCtrl:
		return rightCtrl
	case keyLeftAlt:
		return leftAlt
	case keyRightAlt:
		return rightAlt
	case keyLeftMeta:
		return leftMeta
	case keyRightMeta:
		return rightMeta
	}
	return 0
}

// character is what a key means with what is held.
func (k *Keys) character(code uint16) byte {
	if int(code) >= len(k.plain) || k.plain[code] == 0 || k.held&(leftAlt|rightAlt|leftMeta|rightMeta) != 0 {
		return noKey
	}
	c := k.plain[code]
	if k.held&(leftShift|rightShift) != 0 && k.shifted[code] != 0 {
		c = k.shifted[code]
	}
	if k.held&(leftCtrl|rightCtrl) != 0 {
		return control(c)
	}
	return c
}

// control is the control character of a key (ECMA-48: the key's own column two
// rows up), and of the digits and signs that terminals take for the ones whose
// keys need Shift.
func control(c byte) byte {
	switch {
	case c == '@' || 'a' <= c|0x20 && c|0x20 <= 'z' || '[' <= c && c <= '_':
		return c & 0x1f
	case c == '{' || c == '|' || c == '}' || c == '~':
		return c & 0x1f // Shift with the keys of [ \ ] and, for RS, of `
	case '3' <= c && c <= '7':
		return c - '3' + 0x1b
	case c == '-' || c == '/':
		return 0x1f
	case c == '8' || c == '?':
		return 0x7f
	case c == '2' || c == ' ':
		return 0x00
	case c == '\r':
		return '\n'
	case c < ' ':
		return c
	}
	return noKey
}

// layout sets out the rows of a US keyboard from the code of each row's first key,
// and the keys that are the same with Shift.
func layout(digits, upper, home, lower string) (t [128]byte) {
	for first, row := range map[int]string{1: digits, 16: upper, 30: home, 43: lower, 71: "789-456+1230."} {
		copy(t[first:], row)
	}
	for code, c := range map[int]byte{1: 0x1b, 14: '\b', 15: '\t', 28: '\r', 55: '*', 57: ' ',
		96: '\r', 98: '/', 111: 0x7f, 117: '='} {
		t[code] = c
	}
	return t
}
