package feed

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
)

// Preview writes a list for a person who sets up a mapping: what concerns the
// clinic as it is, what concerns a patient masked. A name keeps its first letter
// and its length in letters, at most 9; of birth date, telephone and
// code only whether they are there is told.
func Preview(w io.Writer, l List, zone *time.Location) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: %d appointments, %d cancelled, %d left out\n", l.Format, l.Ending, len(l.Appointments), len(l.Cancelled), l.Refused)
	for _, a := range l.Appointments {
		provider := string(a.Provider)
		if provider == "" {
			provider = "anyone"
		}
		fmt.Fprintf(&b, "%s  %s %s  %s %s  %s  %s", a.ID, a.Day, a.Start.In(zone).Format("15:04 -0700"), a.Department, provider, a.Mode, maskName(a.Family, a.Given))
		if !a.Native.IsZero() {
			b.WriteString(" / " + mask(a.Native))
		}
		b.WriteString(present(a))
		b.WriteByte('\n')
	}
	for _, c := range l.Cancelled {
		word := "cancelled"
		if c.NoShow {
			word = "no-show"
		}
		day := string(c.Day)
		if day == "" {
			day = "day unknown"
		}
		fmt.Fprintf(&b, "%s  %s  %s\n", c.ID, day, word)
	}
	for _, p := range l.Problems {
		b.WriteString(p.String() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func maskName(family, given phi.Text) string {
	if given.IsZero() {
		return mask(family)
	}
	return mask(family) + ", " + mask(given)
}

// mask keeps the first letter of several.
func mask(t phi.Text) string {
	first, size := utf8.DecodeRuneInString(t.Reveal())
	rest := utf8.RuneCountInString(t.Reveal()[size:])
	if rest == 0 || !unicode.IsPrint(first) {
		return "*"
	}
	return string(first) + strings.Repeat("*", min(rest, 8))
}

func present(a roster.Appointment) string {
	var b strings.Builder
	for _, p := range []struct {
		there bool
		word  string
	}{{!a.Birth.IsZero(), "birth"}, {!a.PhoneLast2.IsZero(), "phone"}, {!a.Code.IsZero(), "code"}} {
		if p.there {
			b.WriteString("  " + p.word)
		}
	}
	if a.Language != "" {
		b.WriteString("  " + a.Language)
	}
	return b.String()
}
