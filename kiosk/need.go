package kiosk

import (
	"slices"
	"strings"
)

// Need is a help that a patient asked for, as a fixed word that travels in an
// entry's metadata.needs. One that another version of this product knows and this
// one does not is kept and shown as it is.
type Need string

const (
	NeedHearing  Need = "hearing"   // may not hear the number called: staff come and get the patient
	NeedSeeing   Need = "seeing"    // is shown the way
	NeedMobility Need = "mobility"  // comes in a wheelchair, or walks with difficulty
	NeedTime     Need = "more-time" // is not hurried

	interpreterNeed = "interpreter:"
)

// NeedInterpreter asks for an interpreter of a language: a Tongue's tag,
// SignLanguage or OtherLanguage.
func NeedInterpreter(language string) Need { return Need(interpreterNeed + language) }

// Interpreter gives the language that an interpreter is needed for.
func (n Need) Interpreter() (language string, ok bool) {
	return strings.CutPrefix(string(n), interpreterNeed)
}

// Known reports whether the check-in page offers n.
func (n Need) Known() bool {
	language, ok := n.Interpreter()
	if !ok {
		return slices.Contains([]Need{NeedHearing, NeedSeeing, NeedMobility, NeedTime}, n)
	}
	return language == SignLanguage || language == OtherLanguage ||
		slices.ContainsFunc(Tongues(), func(t Tongue) bool { return t.Tag == language })
}

// String says the need in English, for staff at a terminal.
func (n Need) String() string {
	language, ok := n.Interpreter()
	if !ok {
		return string(n)
	}
	for _, t := range Tongues() {
		if t.Tag == language {
			return "interpreter (" + t.English + ")"
		}
	}
	return "interpreter (" + language + ")"
}

// Require adds needs to those that the entry has; what is more than an entry may
// hold is left out.
func (m *Metadata) Require(needs ...Need) {
	for _, n := range needs {
		if _, ok := n.Interpreter(); ok {
			m.InterpreterNeeded = true
		}
		if !slices.Contains(m.Needs, n) && len(m.Needs) < maxList {
			m.Needs = append(slices.Clip(m.Needs), n)
		}
	}
}
