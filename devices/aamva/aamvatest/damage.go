package aamvatest

import (
	"bytes"
	"strings"
)

// Damage is one thing that happens to a licence between the issuer and the
// reader, after which its fields can still be made out.
type Damage struct {
	Name string
	Do   func([]byte) []byte
}

// Keyboards are what scanners that pretend to be a keyboard do, and browsers
// that listen to them.
func Keyboards() []Damage {
	each := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(from), []byte(to)) }
	}
	head := func(to string) func([]byte) []byte {
		return func(b []byte) []byte { return append([]byte(to), b[4:]...) }
	}
	enter := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r"), []byte("\n")) }
	return []Damage{
		{"CR is doubled to CR LF", each("\r", "\r\n")},
		{"LF is doubled to CR LF", func(b []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		}},
		{"every control is Enter", func(b []byte) []byte { return bytes.ReplaceAll(enter(b), []byte("\x1e"), nil) }},
		{"CR and LF are swapped", func(b []byte) []byte {
			return bytes.Map(func(r rune) rune {
				switch r {
				case '\r':
					return '\n'
				case '\n':
					return '\r'
				}
				return r
			}, typed(b))
		}},
		{"controls of the header are reordered", head("@\r\n\x1e")},
		{"controls of the header are lost", head("@")},
		{"the header begins with letters", head("@ac")},
		{"RS is lost", each("\x1e", "")},
		{"RS is 6 and CR is M", func(b []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\x1e"), []byte("6")), []byte("\r"), []byte("M"))
		}},
		{"LF is a bar", each("\n", "|")},
		{"DS4308: C1 characters around every element", func(b []byte) []byte {
			return []byte(strings.NewReplacer("\n", "\u0090\n\u0082", "\r", "\u0090\r\u0090").Replace(string(typed(b))))
		}},
		{"C1 bytes at every line end", func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("\n"), []byte("\x9f\n\x80"))
		}},
		{"typed as UTF-8, with a mark in front", func(b []byte) []byte { return append([]byte("\ufeff"), typed(b)...) }},
		{"blanks in front", func(b []byte) []byte { return append([]byte("  "), b...) }},
		{"the last Enter is taken as the end", func(b []byte) []byte { return bytes.TrimRight(enter(b), "\n") }},
	}
}

// Issuers are faults of those who made the card.
func Issuers() []Damage {
	designator := func(to func(string) string) func([]byte) []byte {
		return func(b []byte) []byte {
			at := 21
			if string(b[15:17]) == "01" {
				at = 19
			}
			return append(append(bytes.Clone(b[:at]), to(string(b[at:at+10]))...), b[at+10:]...)
		}
	}
	return []Damage{
		{"South Carolina: offset one too high", designator(func(d string) string { return d[:5] + string(d[5]+1) + d[6:] })},
		{"Alberta: letters for the offset", designator(func(d string) string { return d[:2] + "abac" + d[6:] })},
		{"Ontario: offset zero", designator(func(d string) string { return d[:2] + "0000" + d[6:] })},
		{"Alberta: letters for offset and length", designator(func(d string) string { return d[:2] + "abac" })},
		{"West Virginia: the first subfile has no type", func(b []byte) []byte {
			i := bytes.Index(b, []byte("DAQ"))
			return append(bytes.Clone(b[:i-2]), b[i:]...)
		}},
		{"Colorado: a line feed after the type", func(b []byte) []byte {
			return bytes.Replace(b, []byte("DAQ"), []byte("\nDAQ"), 1)
		}},
		{"lengths are too high", designator(func(d string) string { return d[:6] + "0999" })},
	}
}

// typed gives the text as a browser has it.
func typed(b []byte) []byte {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return []byte(s.String())
}
