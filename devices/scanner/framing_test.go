package scanner_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/devices/scanner"
)

const gap = 80 * time.Millisecond

func framing(suffix string) scanner.Framing {
	return scanner.Framing{Suffix: suffix, IdleGap: gap, MaxLength: 4096}
}

// line is what came out of a framer, as text that a test can compare.
type line []string

func (l *line) emit(f scanner.Frame) {
	s := string(f.Data)
	if f.Symbology != "" {
		s = f.Symbology + ":" + s
	}
	if f.Damage != "" {
		s = fmt.Sprintf("<%s %d>", f.Damage, f.Length)
	}
	*l = append(*l, s)
}

// frames feeds chunks; the line is silent at the end.
func frames(cfg scanner.Framing, chunks ...string) line {
	f := scanner.NewFramer(cfg)
	var l line
	for _, c := range chunks {
		f.Feed([]byte(c), l.emit)
	}
	if f.Silence() > 0 {
		f.Gap(l.emit)
	}
	return l
}

const licence = "@\n\x1e\rANSI 636000100002DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDACMICHAEL\rZVZVA01\r"

var framingCases = []struct {
	name string
	cfg  scanner.Framing
	in   string
	want line
}{
	{"auto ends by CR", framing(""), "A1\r", line{"A1"}},
	{"auto ends by LF", framing(""), "A1\n", line{"A1"}},
	{"auto ends once by CRLF", framing(""), "A1\r\nB2\r\n", line{"A1", "B2"}},
	{"auto ends by ETX", framing(""), "\x02A1\x03\x02B2\x03", line{"A1", "B2"}},
	{"auto ends by ETX and CR", framing(""), "\x02A1\x03\rB2\x03\r", line{"A1", "B2"}},
	{"auto ends by a pause", framing(""), "A1", line{"A1"}},
	{"auto ends by the next STX", framing(""), "\x02A1\x02B2", line{"A1", "B2"}},
	{"auto keeps TAB and GS", framing(""), "A\t1\x1dB\r", line{"A\t1\x1dB"}},
	{"CR", framing("\r"), "A1\rB2\r", line{"A1", "B2"}},
	{"CR and a scanner that sends CRLF", framing("\r"), "A1\r\nB2\r\n", line{"A1", "B2"}},
	{"LF and a scanner that sends CRLF", framing("\n"), "A1\r\nB2\r\n", line{"A1", "B2"}},
	{"CRLF keeps a CR inside", framing("\r\n"), "A\r1\r\nB2\r\n", line{"A\r1", "B2"}},
	{"TAB keeps line ends inside", framing("\t"), "A\r\n1\tB2\t", line{"A\r\n1", "B2"}},
	{"ETX", framing("\x03"), "\x02A1\x03B2\x03", line{"A1", "B2"}},
	{"two bytes", framing("##"), "A#1##B2##", line{"A#1", "B2"}},
	{"none", framing("none"), "A1\r\nB2\r\n", line{"A1\r\nB2"}},
	{"none with ETX", framing("none"), "\x02A1\x03", line{"A1"}},
	{"nothing between suffixes", framing(""), "\r\n\r\n\x02\x03\r", nil},
	{"wrong suffix", framing("\t"), "A1\r", line{"<no suffix came 3>"}},
	{"wrong suffix, then STX", framing("\t"), "A1\x02B2\t", line{"<no suffix came 2>", "B2"}},

	{"symbology", framing(""), "]Q1CHK1:X\r]C1010\r]d2\x1d01\r", line{"Q1:CHK1:X", "C1:010", "d2:\x1d01"}},
	{"symbology alone is no scan", framing(""), "]Q1\r", nil},
	{"no symbology", framing(""), "]\r]Q\r]11\r]Q A\r", line{"]", "]Q", "]11", "]Q A"}},
	{"prefix", scanner.Framing{Prefix: "S:", IdleGap: gap, MaxLength: 64}, "S:A1\rS:]Q0B2\r", line{"A1", "Q0:B2"}},
	{"prefix after rubbish", scanner.Framing{Prefix: "S:", IdleGap: gap, MaxLength: 64}, "~~S:A1\r", line{"A1"}},
	{"prefix missing", scanner.Framing{Prefix: "S:", IdleGap: gap, MaxLength: 64}, "A1\rS:B2\r", line{"<prefix is missing 2>", "B2"}},
	{"prefix alone", scanner.Framing{Prefix: "S:", IdleGap: gap, MaxLength: 64}, "S:\r", nil},
	{"prefix STX", scanner.Framing{Prefix: "\x02P", Suffix: "\x03", IdleGap: gap, MaxLength: 64}, "\x02PA1\x03", line{"A1"}},

	{"noise around", framing(""), "\x00\xff\x00A1\xff\r\x00\nB2\x00\x00\r", line{"A1", "B2"}},
	{"noise inside", framing(""), "A\x001\rB2\r", line{"<noise inside the scan 2>", "B2"}},
	{"noise inside CRLF", framing("\r\n"), "A1\r\x00\n\xffB2\xff\r\n", line{"A1", "B2"}},
	{"noise only", framing(""), strings.Repeat("\x00\xff", 9000), nil},

	{"longest", framing(""), strings.Repeat("A", 4096) + "\r", line{strings.Repeat("A", 4096)}},
	{"too long", framing(""), strings.Repeat("A", 4097) + "\rB2\r", line{"<too long 4096>", "B2"}},
	{"far too long", framing("\r\n"), strings.Repeat("A", 1<<20) + "\r\nB2\r\n", line{"<too long 4096>", "B2"}},
	{"too long, then STX", framing("none"), strings.Repeat("A", 9000) + "\x02B2", line{"<too long 4096>", "B2"}},

	{"licence", framing(""), licence, line{strings.TrimSuffix(licence, "\r")}},
	{"licence and CR", framing("\r"), licence + "\r", line{licence}},
	{"licence and CRLF", framing(""), licence + "\r\n", line{licence}},
	{"licence and CRLF configured", framing("\r\n"), licence + "\r\n", line{licence}},
	{"licence and ETX", framing(""), licence + "\x03A1\r", line{strings.TrimSuffix(licence, "\r"), "A1"}},
	{"licence with symbology", framing("\r"), "]L2" + licence + "\r", line{"L2:" + licence}},
	{"licence without its control characters", framing(""), "@ANSI 636000100002DL\nDCSSAMPLE\n", line{"@ANSI 636000100002DL\nDCSSAMPLE"}},
	{"no licence", framing(""), "@home\rA1\r", line{"@home", "A1"}},
}

func TestFraming(t *testing.T) {
	for _, tt := range framingCases {
		t.Run(tt.name, func(t *testing.T) {
			if got := frames(tt.cfg, tt.in); !slices.Equal(got, tt.want) {
				t.Errorf("%.60q gives %.80q, want %.80q", tt.in, got, tt.want)
			}
		})
	}
}

// However the system cuts the bytes into reads, the frames are the same.
func TestFramingAtEveryByteSplit(t *testing.T) {
	for _, tt := range framingCases {
		if len(tt.in) > 500 {
			continue
		}
		for i := range len(tt.in) + 1 {
			if got := frames(tt.cfg, tt.in[:i], tt.in[i:]); !slices.Equal(got, tt.want) {
				t.Fatalf("%s: split at %d gives %.80q, want %.80q", tt.name, i, got, tt.want)
			}
		}
		if got := frames(tt.cfg, strings.Split(tt.in, "")...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: byte by byte gives %.80q, want %.80q", tt.name, got, tt.want)
		}
	}
}

func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		suffix, in string
		want       time.Duration
	}{
		{"", "", 0}, {"", "\r\n", 0}, {"", "A\r", 0}, {"", "A", 3 * gap}, {"", licence, gap},
		{"none", "A", gap}, {"none", "", 0}, {"\r", "A", 2 * time.Second}, {"\r", licence, gap},
		{"none", strings.Repeat("A", 5000), gap},
	} {
		f := scanner.NewFramer(framing(tt.suffix))
		f.Feed([]byte(tt.in), func(scanner.Frame) {})
		if got := f.Silence(); got != tt.want {
			t.Errorf("after %.20q with suffix %q Silence() = %v, want %v", tt.in, tt.suffix, got, tt.want)
		}
	}
}

func TestResetForgets(t *testing.T) {
	f := scanner.NewFramer(framing("\r"))
	var l line
	f.Feed([]byte("HALF"), l.emit)
	if !f.Reset() {
		t.Error("Reset does not report the frame that was cut off")
	}
	if f.Reset() {
		t.Error("Reset reports a frame where there is none")
	}
	f.Feed([]byte("B2\r"), l.emit)
	if !slices.Equal(l, line{"B2"}) {
		t.Errorf("after a reset: %q, want B2 alone", l)
	}
}

// After a megabyte of anything the next code is read.
func TestGarbage(t *testing.T) {
	for _, suffix := range []string{"", "\r\n", "none", "\x03"} {
		rnd := rand.New(rand.NewPCG(1, 2))
		junk := make([]byte, 1<<20)
		for i := range junk {
			junk[i] = byte(rnd.Uint32())
		}
		f := scanner.NewFramer(framing(suffix))
		var l line
		f.Feed(junk, l.emit)
		f.Gap(l.emit)
		f.Feed([]byte("CHK1:AFTER"+strings.TrimPrefix(suffix, "none")), l.emit)
		f.Gap(l.emit)
		if last := l[len(l)-1]; last != "CHK1:AFTER" {
			t.Errorf("suffix %q: after garbage %.40q, want the code", suffix, last)
		}
		if f.TakeNoise() == 0 {
			t.Errorf("suffix %q: no noise counted", suffix)
		}
	}
}

// The framer keeps nothing of a scan.
func TestFrameIsWiped(t *testing.T) {
	f := scanner.NewFramer(framing(""))
	var kept []byte
	f.Feed([]byte("4111111111111111\r"), func(fr scanner.Frame) { kept = fr.Data })
	if string(kept) != strings.Repeat("\x00", 16) {
		t.Errorf("the framer still holds %q", kept)
	}
}

func FuzzFramer(f *testing.F) {
	for _, tt := range framingCases {
		if len(tt.in) < 200 {
			f.Add([]byte(tt.in), tt.cfg.Suffix, tt.cfg.Prefix, uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, suffix, prefix string, step uint8) {
		if len(suffix) > 8 || len(prefix) > 16 || len(in) > 1<<16 {
			return
		}
		cfg := scanner.Framing{Prefix: prefix, Suffix: suffix, IdleGap: gap, MaxLength: 100}
		whole := frames(cfg, string(in))
		var chunks []string
		for c := range slices.Chunk(in, max(1, int(step))) {
			chunks = append(chunks, string(c))
		}
		if cut := frames(cfg, chunks...); !slices.Equal(whole, cut) {
			t.Errorf("whole %q, cut %q", whole, cut)
		}
		total := 0
		fr := scanner.NewFramer(cfg)
		check := func(f scanner.Frame) {
			total += f.Length
			if f.Damage == "" && (len(f.Data) == 0 || len(f.Data) > 101 || len(f.Data) != f.Length) {
				t.Errorf("frame %+v", f)
			}
			if f.Damage != "" && f.Data != nil {
				t.Errorf("damaged frame has data: %+v", f)
			}
			if bytes.ContainsAny(f.Data, "\x00\x02") || bytes.IndexByte(f.Data, 0xff) >= 0 {
				t.Errorf("frame holds noise or STX: %q", f.Data)
			}
		}
		fr.Feed(in, check)
		fr.Gap(check)
		if total > len(in) {
			t.Errorf("%d bytes in, %d out", len(in), total)
		}
		if fr.Reset() {
			t.Error("a frame is left after a pause")
		}
	})
}
