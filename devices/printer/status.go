package printer

import "clinicgate/devices"

// The questions of DLE EOT, which a printer answers at once with one byte, also
// while it prints or is out of paper.
const (
	askPrinter byte = 1
	askOffline byte = 2
	askError   byte = 3
	askPaper   byte = 4
)

// Status is what a printer says of itself. The zero Status is of one that has
// said nothing.
type Status struct {
	Answers  bool // it has answered
	Offline  bool
	Open     bool // the cover
	PaperLow bool
	PaperOut bool
	Jam      bool // of paper or knife
	Broken   bool // a fault that a person cannot mend, or heat
}

// Take notes the answer to a question, and reports whether it can be one: in each
// of them bits 0 and 7 are 0, and 1 and 4 are 1. Every other byte is noise and
// changes nothing.
func (s *Status) Take(question, answer byte) bool {
	if answer&0x93 != 0x12 {
		return false
	}
	has := func(mask byte) bool { return answer&mask != 0 }
	switch question {
	case askPrinter:
		s.Offline = has(0x08)
	case askOffline:
		s.Open = has(0x04)
		if has(0x20) {
			s.PaperOut = true // until the paper sensor says otherwise
		}
	case askError:
		s.Jam = has(0x04 | 0x08)
		s.Broken = has(0x20 | 0x40)
	case askPaper:
		s.PaperLow, s.PaperOut = has(0x0c), has(0x60)
	default:
		return false
	}
	s.Answers = true
	return true
}

// done reports whether a byte can be the answer to GS r 1: bits 4 and 7 are 0.
func done(b byte) bool { return b&0x90 == 0 }

// The reasons why a printer does not print, in fixed words.
const (
	ReasonPaper   = "paper has run out"
	ReasonCover   = "cover is open"
	ReasonJam     = "paper or knife is jammed"
	ReasonBroken  = "printer reports a fault"
	ReasonOffline = "printer is offline"
	ReasonLow     = "paper is running low"
)

// Fault says why a ticket cannot be printed now, and what a person can do; nil: it
// can, as far as the printer says.
func (s Status) Fault() *devices.Fault {
	switch {
	case s.Open:
		return &devices.Fault{Reason: ReasonCover, Hint: "close the printer's cover"}
	case s.PaperOut:
		return &devices.Fault{Reason: ReasonPaper, Hint: "put in a new roll of paper"}
	case s.Jam:
		return &devices.Fault{Reason: ReasonJam, Hint: "open the cover, take the paper out, close it again; switch the printer off and on if its lamp still blinks"}
	case s.Broken:
		return &devices.Fault{Reason: ReasonBroken, Hint: "let it cool, switch it off and on; if that does not help, replace it"}
	case s.Offline:
		return &devices.Fault{Reason: ReasonOffline, Hint: "look at the printer's lamps; switch it off and on"}
	}
	return nil
}
