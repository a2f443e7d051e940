package scanner_test

import (
	"bytes"
	"strings"
	"testing"

	"clinicgate/devices/scanner"
	"clinicgate/devices/simulator"
)

func reports(t testing.TB, symbology, data string) [][]byte {
	t.Helper()
	r, err := simulator.POSReports(symbology, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A description without numbers, without a length and with the data first; one
// whose values are no bytes; and parts in several collections.
var (
	bareDescriptor = []byte{0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x09, 0xfe, 0x75, 0x08, 0x95, 0x10, 0x81, 0x02,
		0x09, 0xff, 0x95, 0x01, 0x81, 0x02, 0xc0}
	keyboardDescriptor = []byte{0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02,
		0x95, 0x06, 0x75, 0x08, 0x19, 0x00, 0x29, 0xff, 0x81, 0x00, 0xc0}
	oddDescriptor = []byte{0x05, 0x8c, 0xa1, 0x01, 0x09, 0xfe, 0x75, 0x07, 0x95, 0x10, 0x81, 0x02, 0xc0}
)

func TestReportsOfAScan(t *testing.T) {
	long := strings.Repeat("0123456789", 30)
	for _, tt := range []struct {
		name, symbology, data string
		want                  line
	}{
		{"short", "Q1", "CHK1:MFRGG", line{"Q1:CHK1:MFRGG"}},
		{"no symbology", "", "CHK1:MFRGG", line{"CHK1:MFRGG"}},
		{"symbology in the data too", "Q1", "]Q1CHK1:MFRGG", line{"Q1:CHK1:MFRGG"}},
		{"just one report", "C0", long[:56], line{"C0:" + long[:56]}},
		{"one byte more", "C0", long[:57], line{"C0:" + long[:57]}},
		{"six reports", "L2", long, line{"L2:" + long}},
		{"a suffix of the scanner's", "Q1", "CHK1:MFRGG\r\n", line{"Q1:CHK1:MFRGG"}},
		{"line ends inside", "Q1", "A\rB\nC", line{"Q1:A\rB\nC"}},
		{"licence", "L2", licence, line{"L2:" + licence}},
		{"STX and ETX inside end nothing", "Q1", "A\x03\x02CHK1:B", line{"<noise inside the scan 10>"}},
		{"bytes that are no text", "Q1", "A\x00B", line{"<noise inside the scan 5>"}},
		{"nothing", "Q1", "", nil},
	} {
		got, ok := scanner.POSLine(simulator.POSDescriptor(), reports(t, tt.symbology, tt.data)...)
		if l := frames(exact("\x03"), string(got)); !ok || strings.Join(l, "|") != strings.Join(tt.want, "|") {
			t.Errorf("%s: %.80q, want %.80q", tt.name, l, tt.want)
		}
	}
}

func exact(suffix string) scanner.Framing {
	f := framing(suffix)
	f.Exact = true
	return f
}

func TestTwoScansBackToBack(t *testing.T) {
	all := append(reports(t, "Q1", strings.Repeat("A", 100)), reports(t, "C0", "B2")...)
	got, _ := scanner.POSLine(simulator.POSDescriptor(), all...)
	if l := frames(exact("\x03"), string(got)); len(l) != 2 || l[1] != "C0:B2" {
		t.Errorf("frames %q", l)
	}
}

func TestReportThatCannotBe(t *testing.T) {
	whole := reports(t, "Q1", "CHK1:MFRGG")[0]
	tooLong := bytes.Clone(whole)
	tooLong[1] = 57
	other := bytes.Clone(whole)
	other[0] = 4
	for name, tt := range map[string]struct {
		report []byte
		want   string
	}{
		"longer than its field": {tooLong, "\xff"},
		"cut off":               {whole[:20], "\xff"},
		"of another kind":       {other, ""},
		"empty":                 {nil, ""},
	} {
		if got, _ := scanner.POSLine(simulator.POSDescriptor(), tt.report); string(got) != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	for i := range len(whole) {
		_, _ = scanner.POSLine(simulator.POSDescriptor(), whole[:i])
	}
}

func TestDescriptors(t *testing.T) {
	d := simulator.POSDescriptor()
	for name, tt := range map[string]struct {
		descriptor []byte
		want       bool
	}{
		"as makers write it":          {d, true},
		"without numbers":             {bareDescriptor, true},
		"a keyboard":                  {keyboardDescriptor, false},
		"data that is no bytes":       {oddDescriptor, false},
		"keyboard and scanner in one": {append(bytes.Clone(keyboardDescriptor), d...), true},
		"nothing":                     {nil, false},
		"endless count":               {bytes.Replace(bareDescriptor, []byte{0x95, 0x10}, []byte{0x97, 0xff, 0xff, 0xff, 0xff}, 1), false},
		"endless range":               {append([]byte{0x1b, 0, 0, 0, 0, 0x2b, 0xff, 0xff, 0xff, 0xff}, keyboardDescriptor...), false},
		"pop of nothing":              {append([]byte{0xb4}, d...), false},
		"pushes without end":          {append(bytes.Repeat([]byte{0xa4}, 100), d...), false},
	} {
		if _, ok := scanner.POSLine(tt.descriptor); ok != tt.want {
			t.Errorf("%s: a scanner is %v, want %v", name, ok, tt.want)
		}
	}
	for i := range d { // cut off anywhere
		_, _ = scanner.POSLine(d[:i], reports(t, "Q1", "CHK1:MFRGG")...)
	}
	if got, _ := scanner.POSLine(bareDescriptor, append([]byte("CHK1:AAAA"), make([]byte, 8)...)); string(got) != "\x02CHK1:AAAA\x03" {
		t.Errorf("report without a length: %q", got)
	}
	first := append([]byte("0123456789abcdef"), 1)
	if got, _ := scanner.POSLine(bareDescriptor, first, append([]byte("ghi"), make([]byte, 14)...)); string(got) != "\x020123456789abcdefghi\x03" {
		t.Errorf("two reports without a length: %q", got)
	}
}

func FuzzPOS(f *testing.F) {
	for _, d := range [][]byte{simulator.POSDescriptor(), bareDescriptor, keyboardDescriptor, oddDescriptor} {
		f.Add(d, reports(f, "Q1", "CHK1:MFRGG")[0])
	}
	f.Fuzz(func(t *testing.T, descriptor, report []byte) {
		line, ok := scanner.POSLine(descriptor, report, report)
		if !ok {
			return
		}
		if len(line) > 2*(len(report)+5) {
			t.Errorf("two reports of %d bytes make %d", len(report), len(line))
		}
		if n := bytes.Count(line, []byte{2}); n > 2 {
			t.Errorf("two reports begin %d scans", n)
		}
		frames(exact("\x03"), string(line))
	})
}
