package simulator

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Stroke is a key of a US keyboard with what is held while it is pressed.
type Stroke struct {
	Code        uint16 // input-event-codes.h of the kernel
	Shift, Ctrl bool
}

// Codes of the keys that a stroke holds.
const (
	keyLeftCtrl  = 29
	keyLeftShift = 42
)

// usRows are the rows of a US keyboard from the code of their first key,
// without Shift and with it.
func usRows() map[uint16][2]string {
	return map[uint16][2]string{
		2:  {"1234567890-=", "!@#$%^&*()_+"},
		16: {"qwertyuiop[]", "QWERTYUIOP{}"},
		30: {"asdfghjkl;'`", "ASDFGHJKL:\"~"},
		43: {"\\zxcvbnm,./", "|ZXCVBNM<>?"},
		57: {" ", ""},
	}
}

// Strokes gives the keys that a scanner with control characters emulated
// presses for a text: CR is Enter, TAB is Tab, other control characters are
// Ctrl with a key. What is not ASCII has none.
func Strokes(text []byte) ([]Stroke, error) {
	var all []Stroke
	for _, c := range text {
		s, ok := stroke(c)
		if !ok {
			return nil, fmt.Errorf("byte 0x%02x has no key", c)
		}
		all = append(all, s)
	}
	return all, nil
}

func stroke(c byte) (Stroke, bool) {
	switch {
	case c == '\r':
		return Stroke{Code: 28}, true
	case c == '\t':
		return Stroke{Code: 15}, true
	case c == 0x7f:
		return Stroke{Code: 111}, true
	case c < ' ':
		s, ok := stroke(c | 0x40) // 0x1d is Ctrl with ]
		if 'A' <= c|0x40 && c|0x40 <= 'Z' {
			s.Shift = false
		}
		s.Ctrl = true
		return s, ok
	}
	for first, row := range usRows() {
		for shift, keys := range row {
			if i := strings.IndexByte(keys, c); i >= 0 {
				return Stroke{Code: first + uint16(i), Shift: shift == 1}, true
			}
		}
	}
	return Stroke{}, false
}

// keyEvent is a key that goes down or up, and whether a report ends there.
type keyEvent struct {
	code uint16
	down bool
}

// events are the keys of a stroke as they go down and up.
func (s Stroke) events() []keyEvent {
	var with []uint16
	if s.Ctrl {
		with = append(with, keyLeftCtrl)
	}
	if s.Shift {
		with = append(with, keyLeftShift)
	}
	with = append(with, s.Code)
	var all []keyEvent
	for _, code := range with {
		all = append(all, keyEvent{code, true})
	}
	for i := range with {
		all = append(all, keyEvent{with[len(with)-1-i], false})
	}
	return all
}

// InputEvents gives the bytes that an event node gives for these strokes on a
// machine whose long has that many bytes: what a test without the kernel's
// uinput feeds a scanner.
func InputEvents(long int, strokes ...Stroke) []byte {
	var b []byte
	event := func(kind, code uint16, value int32) {
		b = append(b, make([]byte, 2*long)...) // the time
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, code)
		b = binary.NativeEndian.AppendUint32(b, uint32(value))
	}
	for _, s := range strokes {
		for _, e := range s.events() {
			value := int32(0)
			if e.down {
				value = 1
			}
			event(4, 4, 0x70004) // EV_MSC, MSC_SCAN: which key of the unit it was
			event(1, e.code, value)
			event(0, 0, 0) // SYN_REPORT
		}
	}
	return b
}
