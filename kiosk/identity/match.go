package identity

import (
	"time"

	"clinicgate/kiosk/phi"
)

// Claim is what a person says of themselves.
type Claim struct {
	Birth phi.Text // 2006-01-02
	Name  phi.Text // given names and surnames, in any order; a comma, where there is one, parts them

	// Time is when the appointment begins, as 15:04 in the clinic's time, and
	// Phone the last two digits: empty until asked for. A person who does not know
	// the time gives the phone alone.
	Time, Phone phi.Text
}

// Candidate is one of those expected.
type Candidate struct {
	Person string   // who it is; the same for all appointments of one person
	Birth  phi.Text // 2006-01-02; a person without one is not found here
	Family phi.Text
	Given  phi.Text
	Native phi.Text // the whole name in its own script, empty when not known
	Time   phi.Text // 15:04
	Phone  phi.Text // two digits, empty when not known
}

// Verdict is what a match amounted to.
type Verdict int

const (
	None     Verdict = iota // nobody; or wrong, which looks the same
	One                     // exactly one person
	AskTime                 // more than one: ask for the time of the appointment
	AskPhone                // still more than one: ask for the phone's last digits
	Desk                    // cannot be told apart here
)

// Result is a verdict and, when it is One, the places in the list of what this
// person has there (at that time, when a time was said).
type Result struct {
	Verdict Verdict
	Found   []int
}

// Match looks for a person among candidates. It does the same for each of them,
// whatever came of the others.
func Match(c Claim, list []Candidate) Result {
	claimed := readName(c.Name.Reveal())
	_, err := time.Parse(time.DateOnly, c.Birth.Reveal())
	possible := err == nil && (c.Time.IsZero() || len(c.Time.Reveal()) == len("15:04")) && (c.Phone.IsZero() || len(c.Phone.Reveal()) == 2)
	var m matched
	for i, o := range list {
		named := false
		for _, r := range readings(o.Family, o.Given, o.Native) {
			named = r.agrees(claimed) || named
		}
		born, timed, phoned := c.Birth.Equal(o.Birth), c.Time.Equal(o.Time), c.Phone.Equal(o.Phone)
		m.add(possible && named && born && (timed || c.Time.IsZero()) && (phoned || c.Phone.IsZero()), i, o.Person)
	}
	switch {
	case m.people == 0:
		return Result{}
	case m.people == 1:
		return Result{One, m.found}
	case !c.Phone.IsZero():
		return Result{Verdict: Desk}
	case !c.Time.IsZero():
		return Result{Verdict: AskPhone}
	}
	return Result{Verdict: AskTime}
}

// matched collects those who agree.
type matched struct {
	people int
	found  []int
	seen   map[string]bool
}

func (m *matched) add(agrees bool, i int, person string) {
	if !agrees {
		return
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	if !m.seen[person] {
		m.seen[person] = true
		m.people++
	}
	m.found = append(m.found, i)
}
