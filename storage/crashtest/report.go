package crashtest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"clinicgate/storage"
)

// The driver says what it is about to do and what the store answered, one line
// each, written at once:
//
//	b               another process begins; the harness says it, not the driver
//	o flag...       the store is open; the flags are what Open found
//	i op [to]       an operation begins; to is where an advance will lead
//	a op place...   the store acknowledged it; d after a place: it was known before
//	u op            the store said that the outcome is unknown
//	n op            the store said that nothing was stored
//	x op text       the store answered what it must never answer
//	c               the store was closed
//	e               all is done
//
// A place is inc/seq. A blob's place is its hash in hex.

// place is where the store said that an event is.
type place struct {
	At        storage.Cursor
	Duplicate bool
}

// answer is what the outside knows of one operation.
type answer struct {
	Pending bool             `json:",omitempty"` // an attempt is under way
	Unknown bool             `json:",omitempty"` // an attempt ended without a certain answer
	Acked   bool             `json:",omitempty"`
	To      []storage.Cursor `json:",omitempty"` // where the attempts of an advance led
	Places  []place          `json:",omitempty"`
	Blob    string           `json:",omitempty"`
	Wrong   string           `json:",omitempty"`
}

// maybe reports whether the operation may have had an effect that was never
// acknowledged.
func (a *answer) maybe() bool { return !a.Acked && (a.Pending || a.Unknown) }

// History is what the outside knows of a scenario: an answer for each operation,
// and what each opening reported.
type History struct {
	Answers []answer
	Damage  []damage // by phase, done before it
	Opened  []string // by the last process
	Done    bool     // the last process said so

	sc *Scenario
}

// NewHistory is one in which nothing has happened.
func NewHistory(sc *Scenario) *History {
	n := 0
	for _, p := range sc.Phases {
		n += len(p.Ops)
	}
	return &History{sc: sc, Answers: make([]answer, n), Damage: make([]damage, len(sc.Phases))}
}

// Clone is a copy that goes its own way.
func (h *History) Clone() *History {
	c := *h
	c.Answers = append([]answer(nil), h.Answers...)
	c.Damage = append([]damage(nil), h.Damage...)
	c.Opened = append([]string(nil), h.Opened...)
	return &c
}

// Forget takes back what is known of a phase: the store was put back to before.
func (h *History) Forget(phase int) {
	for _, op := range h.sc.Phases[phase].Ops {
		h.Answers[op.N] = answer{}
	}
	h.Damage[phase] = damage{}
}

// Begin notes that a new process begins: what the old one had under way will
// never be answered.
func (h *History) Begin() {
	for n := range h.Answers {
		if a := &h.Answers[n]; a.Pending {
			a.Unknown, a.Pending = true, false
		}
	}
	h.Opened, h.Done = nil, false
}

// Read adds what a driver wrote. A last line that is cut short is left out.
func (h *History) Read(out []byte) error {
	for len(out) > 0 {
		line, rest, whole := bytes.Cut(out, []byte("\n"))
		if !whole {
			return nil
		}
		if err := h.line(string(line)); err != nil {
			return fmt.Errorf("driver said %q: %w", line, err)
		}
		out = rest
	}
	return nil
}

func (h *History) line(line string) error {
	f := strings.Fields(line)
	if len(f) == 0 {
		return fmt.Errorf("an empty line")
	}
	switch f[0] {
	case "o":
		h.Opened = append(h.Opened, f[1:]...)
		return nil
	case "b":
		h.Begin()
		return nil
	case "c":
		return nil
	case "e":
		h.Done = true
		return nil
	}
	if len(f) < 2 {
		return fmt.Errorf("no operation")
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n < 0 || n >= len(h.Answers) {
		return fmt.Errorf("no such operation")
	}
	a := &h.Answers[n]
	switch f[0] {
	case "i":
		a.Pending = true
		for _, s := range f[2:] {
			at, err := parsePlace(s)
			if err != nil {
				return err
			}
			a.To = append(a.To[:len(a.To):len(a.To)], at.At)
		}
		return nil
	case "a":
		a.Pending = false
		a.Acked, a.Places = true, nil
		for _, s := range f[2:] {
			if len(s) >= 64 {
				a.Blob = s
				continue
			}
			at, err := parsePlace(s)
			if err != nil {
				return err
			}
			a.Places = append(a.Places, at)
		}
		return nil
	case "u":
		a.Pending = false
		a.Unknown = true
		return nil
	case "n":
		a.Pending = false
		return nil
	case "x":
		a.Pending = false
		a.Wrong = strings.Join(f[2:], " ")
		return nil
	}
	return fmt.Errorf("no such line")
}

func parsePlace(s string) (p place, err error) {
	s, p.Duplicate = strings.CutSuffix(s, "d")
	_, err = fmt.Sscanf(s, "%d/%d", &p.At.Inc, &p.At.Seq)
	return p, err
}
