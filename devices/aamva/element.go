package aamva

import "strings"

// elements are the values of those that are used, by their id.
type elements map[string]string

// used lists all that is ever taken from a licence; see the standard's D.12.5.
var used = map[string]bool{
	"DBB": true, // birth date
	"DBA": true, // expiry date
	"DCG": true, // country
	"DCS": true, // surname, from version 2
	"DCT": true, // given names, of versions 2 and 3
	"DAC": true, // first name
	"DAD": true, // middle names
	"DCU": true, // suffix, from version 2
	"DDE": true, // whether the surname is cut short, from version 4
	"DDF": true, // the first name
	"DDG": true, // the middle names
	"DAA": true, // all names, of version 1
	"DAB": true, // surname, of version 1
	"DAE": true, // suffix, of version 1
}

const idLength = 3

// isID reports whether a line begins with an element id of a subfile that begins
// with letter.
func isID(line string, letter byte) bool {
	return len(line) >= idLength && line[0] == letter && upper(line[1]) && (upper(line[2]) || digit(line[2]))
}

// take keeps the value of a line's element if it is used. The same one twice
// must say the same.
func (e elements) take(line string) error {
	id, value := line[:idLength], strings.TrimSpace(line[idLength:])
	if !used[id] {
		return nil
	}
	if old, twice := e[id]; twice && old != value {
		return ErrDamaged
	}
	e[strings.Clone(id)] = strings.Clone(value) // else the whole licence would stay in memory
	return nil
}

// value gives what an element says: nothing, where the issuer wrote that there
// is nothing.
func (e elements) value(id string) string {
	switch v := e[id]; strings.ToUpper(v) {
	case "NONE", "UNAVL":
		return ""
	default:
		return v
	}
}

func upper(b byte) bool { return 'A' <= b && b <= 'Z' }
func digit(b byte) bool { return '0' <= b && b <= '9' }

// number reads digits; -1 for what are none.
func number(s string) int {
	if s == "" {
		return -1
	}
	n := 0
	for i := range len(s) {
		if !digit(s[i]) {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}
