package printer

import "testing"

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
