package printer

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStatusOfThePrinter(t *testing.T) {
	for name, c := range map[string]struct {
		answers [4]byte
		want    string
	}{
		"well":            {[4]byte{0x12, 0x12, 0x12, 0x12}, ""},
		"paper runs low":  {[4]byte{0x12, 0x12, 0x12, 0x1e}, ""},
		"no paper":        {[4]byte{0x1a, 0x32, 0x12, 0x7e}, ReasonPaper},
		"open":            {[4]byte{0x1a, 0x16, 0x12, 0x12}, ReasonCover},
		"open, no paper":  {[4]byte{0x1a, 0x36, 0x12, 0x7e}, ReasonCover},
		"knife":           {[4]byte{0x1a, 0x52, 0x1a, 0x12}, ReasonJam},
		"mechanism":       {[4]byte{0x1a, 0x52, 0x16, 0x12}, ReasonJam},
		"cannot recover":  {[4]byte{0x1a, 0x52, 0x32, 0x12}, ReasonBroken},
		"too hot":         {[4]byte{0x1a, 0x52, 0x52, 0x12}, ReasonBroken},
		"offline, no why": {[4]byte{0x1a, 0x12, 0x12, 0x12}, ReasonOffline},
	} {
		var s Status
		for i, b := range c.answers {
			if !s.Take(byte(i+1), b) {
				t.Errorf("%s: the answer %02x was not taken", name, b)
			}
		}
		got := ""
		if f := s.Fault(); f != nil {
			if got = f.Reason; f.Hint == "" {
				t.Errorf("%s: no next step", name)
			}
		}
		if got != c.want || !s.Answers {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if low := name == "paper runs low" || c.answers[3] == 0x7e; s.PaperLow != low {
			t.Errorf("%s: low paper %v", name, s.PaperLow)
		}
	}
}

// FuzzStatus: no bytes, in any order, are taken for an answer that they are not,
// and a noise byte changes nothing.
func FuzzStatus(f *testing.F) {
	f.Add([]byte{1, 0x12, 2, 0x12, 3, 0x12, 4, 0x12})
	f.Add([]byte{4, 0x7e, 4, 0x80, 9, 0x12, 1, 0xff})
	f.Fuzz(func(t *testing.T, talk []byte) {
		var s Status
		for len(talk) >= 2 {
			before := s
			taken := s.Take(talk[0], talk[1])
			switch {
			case !taken && s != before:
				t.Fatalf("Take(%d, %02x) changed %+v to %+v and was not taken", talk[0], talk[1], before, s)
			case taken && (talk[1]&0x93 != 0x12 || talk[0] < 1 || talk[0] > 4 || !s.Answers):
				t.Fatalf("Take(%d, %02x) was taken", talk[0], talk[1])
			case taken && done(talk[1]):
				t.Fatalf("%02x answers both a question out of turn and GS r", talk[1])
			}
			if f := s.Fault(); f != nil && (f.Reason == "" || f.Hint == "") {
				t.Fatalf("fault without reason or next step: %+v", s)
			}
			talk = talk[2:]
		}
	})
}

// pieces is a wire whose other end says one piece after the other.
type pieces struct {
	wire
	left [][]byte
	said []byte
}

func (p *pieces) Write(b []byte) (int, error) {
	p.said = append(p.said, b...)
	return len(b), nil
}

func (p *pieces) Listen(b []byte, within time.Duration) (int, error) {
	if within <= time.Millisecond || len(p.left) == 0 {
		time.Sleep(min(within, time.Millisecond))
		return 0, nil
	}
	n := copy(b, p.left[0])
	p.left = p.left[1:]
	return n, nil
}

// answering is a wire whose other end answers questions, each with one byte, but for
// the first ones: those it leaves open, or answers when the time is over.
type answering struct {
	wire
	open  int // of the questions to come
	late  bool
	owed  []byte
	left  []byte
	asked []byte
}

func (a *answering) Write(b []byte) (int, error) {
	a.left, a.owed = append(a.left, a.owed...), nil
	q := b[len(b)-1]
	a.asked = append(a.asked, q)
	answer := map[byte]byte{askPrinter: 0x12, askOffline: 0x12, askError: 0x12, askPaper: 0x1e}[q] // its paper runs low
	switch {
	case a.open == 0:
		a.left = append(a.left, answer)
	case a.late:
		a.owed = append(a.owed, answer)
	}
	a.open = max(0, a.open-1)
	return len(b), nil
}

func (a *answering) Listen(b []byte, within time.Duration) (int, error) {
	if len(a.left) == 0 {
		time.Sleep(within)
		return 0, nil
	}
	n := copy(b[:1], a.left)
	a.left = a.left[n:]
	return n, nil
}

// One answer that is lost, or late, is no printer that is gone, and none that is mute;
// what comes late is not taken for the answer to another question.
func TestOneAnswerMayBeMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wire  *answering
		want  Status
		asked string
	}{
		"none is missing": {&answering{}, Status{Answers: true, PaperLow: true}, "\x01\x02\x03\x04"},
		"lost":            {&answering{open: 1}, Status{Answers: true, PaperLow: true}, "\x01\x01\x02\x03\x04"},
		"late":            {&answering{open: 1, late: true}, Status{Answers: true, PaperLow: true}, "\x01\x01\x02\x03\x04"},
		"mute":            {&answering{open: 9}, Status{}, "\x01\x01"},
	} {
		s, err := (&talk{wire: c.wire}).ask()
		if err != nil || s != c.want || string(c.wire.asked) != c.asked {
			t.Errorf("%s: %+v, %v, asked % x", name, s, err, c.wire.asked)
		}
	}
	// One that answered before is a loss after two.
	for open, gone := range map[int]bool{1: false, 2: true} {
		p := &Printer{status: Status{Answers: true}}
		if err := p.check(&talk{wire: &answering{open: open}}); (err != nil) != gone || p.Says().Answers == gone {
			t.Errorf("%d answers are missing: %v, %+v", open, err, p.Says())
		}
	}
}

// The version comes at every byte split, between other bytes or not at all.
func TestVersionOfThePrinter(t *testing.T) {
	const answer = "\x12_3.01 ESC/POS\x00"
	for cut := range len(answer) {
		p := &pieces{left: slices.DeleteFunc([][]byte{[]byte(answer[:cut]), []byte(answer[cut:])}, func(b []byte) bool { return len(b) == 0 })}
		got, err := (&talk{wire: p}).version()
		if err != nil || got != "3.01 ESC/POS" || string(p.said) != "\x1dIA" {
			t.Errorf("cut at %d: %q, %v, asked % x", cut, got, err, p.said)
		}
	}
	for name, said := range map[string]string{"not ended": "_3.01", "not printable": "_3\x1b]0;x\x00", "endless": "_" + strings.Repeat("3", 200) + "\x00"} {
		var v version
		for _, b := range []byte(said) {
			if v.take(b) {
				t.Errorf("%s: taken as %q", name, v.text)
			}
		}
	}
}

// A version that comes late is not taken for the word that a ticket is done.
func TestLateVersionIsNoConfirmation(t *testing.T) {
	line := &talk{wire: &pieces{left: [][]byte{[]byte("_3."), []byte("01\x00"), {0x00}}}, late: &version{}}
	taken := []byte{}
	if heard, err := line.hear(time.Second, func(b byte) bool { taken = append(taken, b); return done(b) }); !heard || err != nil || string(taken) != "\x00" {
		t.Errorf("heard %v, %v after % x, want the answer after the version", heard, err, taken)
	}
	line = &talk{wire: &pieces{left: [][]byte{[]byte("_3.\x12\x00")}}, late: &version{}}
	if heard, _ := line.hear(time.Second, done); !heard {
		t.Error("an answer was lost to a version that broke off")
	}
}

// FuzzVersion: whatever comes, what is taken is printable and bounded.
func FuzzVersion(f *testing.F) {
	f.Add([]byte("_3.01\x00"))
	f.Fuzz(func(t *testing.T, said []byte) {
		var v version
		for _, b := range said {
			whole := v.take(b)
			if len(v.text) > maxVersion || strings.ContainsFunc(string(v.text), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("%q", v.text)
			}
			if whole {
				return
			}
		}
	})
}
