package feed

import (
	"regexp"
	"strings"
)

// Reasons for what a spreadsheet did to a cell.
const (
	reasonScientific = "is a number in scientific form: a spreadsheet lost its digits; export it as text"
	reasonFraction   = "is a number with a fraction: a spreadsheet changed it; export it as text"
	reasonFormula    = "is a formula"
	reasonError      = "is a spreadsheet's error mark"
	reasonDigits     = "does not have the number of digits that the config says"
	without          = "; the row is kept without it"
)

var (
	scientific = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?[eE][+-][0-9]{1,3}$`)
	fraction   = regexp.MustCompile(`^[0-9]+[.,][0-9]+$`)
	errorMark  = regexp.MustCompile(`^#(N/A|N/V|NV|REF!|VALUE!|NAME\?|NULL!|NUM!|DIV/0!|SPILL!|WERT!|BEZUG!|#+)$`)
)

// cell undoes what a spreadsheet writes around a text: ="0123" is 0123. What
// cannot be undone has a reason.
func cell(s string) (text, reason string) {
	s = strings.TrimFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\u00a0' || r == '\u200b' || r == '\ufeff' })
	if rest, ok := strings.CutPrefix(s, `="`); ok {
		inner, ok := strings.CutSuffix(rest, `"`)
		if !ok || strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
			return "", reasonFormula
		}
		return strings.TrimSpace(strings.ReplaceAll(inner, `""`, `"`)), ""
	}
	switch {
	case strings.HasPrefix(s, "="):
		return "", reasonFormula
	case errorMark.MatchString(strings.ToUpper(s)):
		return "", reasonError
	}
	return s, ""
}

// number undoes what a spreadsheet does to an id: a leading apostrophe marks a
// text, and where all ids have so many digits, zeros are missing in front of a
// shorter one. 1.23E+15 stands for a million ids and is refused; so is
// a fraction, of which "12345.0" is the harmless-looking one: it proves that the
// id went through a number, and what else that changed is unknown.
func number(s string, digits int) (text, reason string) {
	s = strings.TrimPrefix(s, "'")
	switch {
	case scientific.MatchString(s):
		return "", reasonScientific
	case fraction.MatchString(s):
		return "", reasonFraction
	case digits == 0 || s == "":
		return s, ""
	case !allDigits(s) || len(s) > digits:
		return "", reasonDigits
	}
	return strings.Repeat("0", digits-len(s)) + s, ""
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// lastTwo gives the last two digits of a telephone number, or why it has none. A
// cell with several numbers has none: which one the patient thinks of is unknown.
func lastTwo(s string) (digits, reason string) {
	s = strings.TrimPrefix(s, "'")
	if s == "" {
		return "", ""
	}
	if scientific.MatchString(s) {
		return "", reasonScientific
	}
	number, _, _ := strings.Cut(strings.ToLower(s), "x") // an extension is not the number
	number, _, _ = strings.Cut(number, "ext")
	var b strings.Builder
	for _, r := range number {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '٠' && r <= '٩':
			b.WriteRune(r - '٠' + '0')
		case strings.ContainsRune(" +-./()\u00a0\u2010\u2011\u2013", r):
		default:
			return "", "is not one telephone number"
		}
	}
	n := b.Len()
	if n < 4 || n > 15 { // ITU-T E.164 has at most 15
		return "", "is not one telephone number"
	}
	return b.String()[n-2:], ""
}
