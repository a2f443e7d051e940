package scanner_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"clinicgate/devices/scanner"
	"clinicgate/devices/simulator"
)

// typed decodes events that come in chunks.
func typed(long int, chunks ...[]byte) string {
	k := scanner.NewKeys(long)
	var b []byte
	for _, c := range chunks {
		k.Feed(c, func(c byte) { b = append(b, c) })
	}
	return string(b)
}

func strokes(t testing.TB, text string) []simulator.Stroke {
	t.Helper()
	s, err := simulator.Strokes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ascii() string {
	var b []byte
	for c := range byte(0x80) {
		b = append(b, c)
	}
	return string(b)
}

func TestEveryCharacterIsTyped(t *testing.T) {
	for _, long := range []int{4, 8} {
		if got := typed(long, simulator.InputEvents(long, strokes(t, ascii())...)); got != ascii() {
			t.Errorf("long of %d bytes: typed %q, want %q", long, got, ascii())
		}
	}
}

func TestKeyEventsSplitAtEveryByte(t *testing.T) {
	const text = "]C1010\x1dABC_xyz\x1e\x04~\r"
	events := simulator.InputEvents(8, strokes(t, text)...)
	for i := range len(events) + 1 {
		if got := typed(8, events[:i], events[i:]); got != text {
			t.Fatalf("split at %d: typed %q, want %q", i, got, text)
		}
	}
	var single [][]byte
	for i := range events {
		single = append(single, events[i:i+1])
	}
	if got := typed(8, single...); got != text {
		t.Errorf("byte by byte: typed %q, want %q", got, text)
	}
}

func TestControlSequences(t *testing.T) {
	ctrl := func(code uint16, shift bool) simulator.Stroke {
		return simulator.Stroke{Code: code, Ctrl: true, Shift: shift}
	}
	for _, tt := range []struct {
		name   string
		stroke simulator.Stroke
		want   byte
	}{
		{"GS", ctrl(27, false), 0x1d}, {"GS with Shift", ctrl(27, true), 0x1d}, {"GS by 5", ctrl(6, false), 0x1d},
		{"RS", ctrl(7, true), 0x1e}, {"RS by 6", ctrl(7, false), 0x1e},
		{"FS", ctrl(43, false), 0x1c}, {"US", ctrl(12, true), 0x1f}, {"US by -", ctrl(12, false), 0x1f},
		{"EOT", ctrl(32, false), 0x04}, {"ETX", ctrl(46, false), 0x03}, {"STX", ctrl(48, false), 0x02},
		{"LF", ctrl(36, false), '\n'}, {"LF by Enter", ctrl(28, false), '\n'}, {"CR", ctrl(50, false), '\r'},
		{"TAB", ctrl(23, false), '\t'}, {"capital letter", ctrl(23, true), '\t'}, {"ESC", ctrl(26, false), 0x1b},
		{"NUL", ctrl(3, true), 0x00}, {"DEL", ctrl(53, true), 0x7f},
		{"none", ctrl(10, false), 0xff},
	} {
		if got := typed(8, simulator.InputEvents(8, tt.stroke)); got != string([]byte{tt.want}) {
			t.Errorf("%s: typed %q, want 0x%02x", tt.name, got, tt.want)
		}
	}
}

// event is one input event of a 64-bit machine.
func event(kind, code uint16, value int32) []byte {
	e := simulator.InputEvents(8, simulator.Stroke{Code: code})[24:48] // EV_KEY, code, down
	e[16], e[17], e[20] = byte(kind), byte(kind>>8), byte(value)
	return e
}

func TestCapsLockOfTheHostIsNotSeen(t *testing.T) {
	const caps, a = 58, 30
	down := bytes.Join([][]byte{event(1, caps, 1), event(1, caps, 0), event(17, 1, 1)}, nil) // EV_LED, LED_CAPSL: the light goes on
	if got := typed(8, down, simulator.InputEvents(8, strokes(t, "Ab1!")...)); got != "Ab1!" {
		t.Errorf("with Caps Lock on: typed %q", got)
	}
	held := bytes.Join([][]byte{event(1, a, 1), event(1, a, 2), event(1, a, 2), event(1, a, 0)}, nil)
	if got := typed(8, held); got != "a" {
		t.Errorf("a key held down is typed as %q", got)
	}
}

func TestShiftIsHeldByEitherKey(t *testing.T) {
	const left, right, a = 42, 54, 30
	press := append(event(1, a, 1), event(1, a, 0)...)
	got := typed(8, event(1, left, 1), press, event(1, right, 1), event(1, left, 0), press, event(1, right, 0), press)
	if got != "AAa" {
		t.Errorf("typed %q, want AAa", got)
	}
}

func TestKeysThatAreNoCharacters(t *testing.T) {
	const f5, up, alt, meta, four = 63, 103, 56, 125, 75
	press := func(code uint16) []byte { return append(event(1, code, 1), event(1, code, 0)...) }
	for name, tt := range map[string]struct {
		events []byte
		want   string
	}{
		"F5":             {press(f5), "\xff"},
		"arrow":          {press(up), "\xff"},
		"Alt and digits": {bytes.Join([][]byte{event(1, alt, 1), press(four), event(1, alt, 0), press(four)}, nil), "\xff4"},
		"a command":      {bytes.Join([][]byte{event(1, meta, 1), press(19), event(1, meta, 0)}, nil), "\xff"},
		"far code":       {press(0x2ff), "\xff"},
		"a mouse moves":  {event(2, 0, 1), ""},
	} {
		if got := typed(8, tt.events); got != tt.want {
			t.Errorf("%s: typed %q, want %q", name, got, tt.want)
		}
	}
}

func TestLostEventsAreKnown(t *testing.T) {
	const shift = 42
	text := func(s string) []byte { return simulator.InputEvents(8, strokes(t, s)...) }
	got := typed(8, text("CHK1"), event(1, shift, 1), event(0, 3, 0), event(1, 30, 1), event(1, 31, 1), event(0, 0, 0), text("b\r"))
	if got != "CHK1\xffb\r" {
		t.Errorf("typed %q, want a mark where events were lost, and no Shift after it", got)
	}
	f := scanner.NewFramer(scanner.Framing{IdleGap: gap, MaxLength: 64, Exact: true})
	var l line
	f.Feed([]byte("A1\xff\r\xffB2\rC3\r\xff"), l.emit)
	if f.Silence() == 0 {
		t.Error("a pause does not part what was lost from what comes later")
	}
	f.Gap(l.emit)
	f.Feed([]byte("D4\r"), l.emit)
	want := line{"<noise inside the scan 2>", "<noise inside the scan 2>", "C3", "<noise inside the scan 0>", "D4"}
	if !slices.Equal(l, want) {
		t.Errorf("frames %q, want %q", l, want)
	}
	l = nil
	f.Feed([]byte(strings.Repeat("E", 70)+"\xff\rF5\r"), l.emit)
	if want := (line{"<too long 64>", "F5"}); !slices.Equal(l, want) {
		t.Errorf("frames %q, want %q", l, want)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(simulator.InputEvents(8, simulator.Stroke{Code: 30, Shift: true}), uint8(3))
	f.Add(simulator.InputEvents(4, simulator.Stroke{Code: 27, Ctrl: true}), uint8(17))
	f.Add(event(0, 3, 0), uint8(1))
	f.Fuzz(func(t *testing.T, events []byte, cut uint8) {
		for _, long := range []int{4, 8} {
			whole := typed(long, events)
			if n := len(events) / (2*long + 8); len(whole) > n {
				t.Errorf("%d events type %d bytes", n, len(whole))
			}
			at := min(int(cut), len(events))
			if got := typed(long, events[:at], events[at:]); got != whole {
				t.Errorf("split at %d: typed %q, want %q", at, got, whole)
			}
			k := scanner.NewFramer(scanner.Framing{IdleGap: gap, MaxLength: 64, Exact: true})
			k.Feed([]byte(whole), func(fr scanner.Frame) { scanner.Judge(fr) })
		}
	})
}

// Random keys between two scans cost the scan nothing but what the Framer says.
func TestMegabyteOfKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	k := scanner.NewKeys(8)
	f := scanner.NewFramer(scanner.Framing{IdleGap: gap, MaxLength: 4096, Exact: true})
	frames := 0
	feed := func(b []byte) {
		k.Feed(b, func(c byte) { f.Feed([]byte{c}, func(scanner.Frame) { frames++ }) })
	}
	junk := make([]byte, 24*1024)
	for range 44 { // about 1 MB
		for i := range junk {
			junk[i] = byte(r.Uint32())
		}
		for i := 16; i < len(junk); i += 24 {
			junk[i], junk[i+1], junk[i+3] = 1, 0, 0 // keys, so that it is no silence
		}
		feed(junk)
	}
	feed(event(0, 3, 0))
	feed(event(0, 0, 0))
	for f.Silence() > 0 {
		f.Gap(func(scanner.Frame) { frames++ })
	}
	var l line
	k.Feed(simulator.InputEvents(8, strokes(t, "CHK1:AFTER\r")...), func(c byte) { f.Feed([]byte{c}, l.emit) })
	if len(l) != 1 || l[0] != "CHK1:AFTER" {
		t.Errorf("after %d frames of junk: %q", frames, l)
	}
}
