package nfc

import (
	"slices"
	"testing"
	"unsafe"
)

func TestReadNames(t *testing.T) {
	text := func(s string) []uint16 {
		var b []uint16
		for _, r := range s {
			b = append(b, uint16(r))
		}
		return b
	}
	for in, want := range map[string][]string{
		"ACS ACR122 0\x00Windows Hello 1\x00\x00": {"ACS ACR122 0", "Windows Hello 1"},
		"one\x00\x00two\x00\x00":                  {"one"},
		"no end":                                  nil,
		"":                                        nil,
		"\x00":                                    nil,
	} {
		if got := readNames(text(in)); !slices.Equal(got, want) {
			t.Errorf("readNames(%q) = %q, want %q", in, got, want)
		}
	}
}

// The layout of SCARD_READERSTATEW (winscard.h) on a 64-bit Windows.
func TestReaderStateLayout(t *testing.T) {
	var s readerState
	if size, event, atr := unsafe.Sizeof(s), unsafe.Offsetof(s.event), unsafe.Offsetof(s.atr); size != 64 || event != 20 || atr != 28 {
		t.Errorf("size %d, event at %d, ATR at %d; want 64, 20, 28", size, event, atr)
	}
}
