package aamva

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	separator  = "\n" // between elements
	terminator = "\r" // after the last element of a subfile
)

// parseStrict reads a licence that keeps to the standard, in what is looked at:
// the header, the place and length of every subfile, the form of every element,
// and the values of those that are used. Two liberties are everybody's: the last
// terminator may be missing, since a scanner or its framing takes it for the end
// of the line, and a separator may stand before a terminator.
func parseStrict(raw []byte) (Card, error) {
	text := string(raw)
	h, err := strictHeader(text)
	if err != nil {
		return Card{}, err
	}
	found := elements{}
	var doc Document
	latin := !utf8.Valid(raw)
	for _, d := range h.entries {
		body := text[d.offset:min(d.offset+d.length, len(text))]
		body = strings.TrimSuffix(strings.TrimSuffix(body[2:], terminator), separator)
		letter := byte('Z')
		if k, is := document(d.kind); is {
			letter = 'D'
			if doc == "" {
				doc = k
			}
		}
		for line := range strings.SplitSeq(body, separator) {
			if latin {
				line = fromLatin1(line)
			}
			if !isID(line, letter) || strings.ContainsFunc(line, unicode.IsControl) {
				return Card{}, ErrDamaged
			}
			if err := found.take(line); err != nil {
				return Card{}, err
			}
		}
	}
	if doc == "" || !found.complete(h.version) {
		return Card{}, ErrDamaged
	}
	return newCard(Strict, h, doc, found)
}

// strictHeader reads the header and finds each subfile where it should be, one
// after the other to the end.
func strictHeader(text string) (header, error) {
	var h header
	rest, ok := strings.CutPrefix(text, "@"+separator)
	if !ok || len(rest) < 7 || rest[0] != 0x1e && rest[0] != 0x1c || rest[1:2] != terminator { // 0x1c in early texts
		return h, ErrDamaged
	}
	kind, rest := rest[2:7], rest[7:]
	entries, rest, ok := h.readNumbers(rest)
	if !ok || h.version < 1 || h.version > newest || kind != "ANSI " && (kind != "AAMVA" || h.version > 1) || len(rest) < entries*designatorLength {
		return h, ErrDamaged
	}
	at := len(text) - len(rest) + entries*designatorLength
	for i := range entries {
		d := readDesignator(rest[i*designatorLength:])
		if d.offset != at || d.length < 2+idLength+1 {
			return h, ErrDamaged
		}
		at += d.length
		bare := i == entries-1 && at == len(text)+1 // without the last terminator
		if at > len(text) && !bare || text[d.offset:d.offset+2] != d.kind || !bare && text[at-1:at] != terminator {
			return h, ErrDamaged
		}
		h.entries = append(h.entries, d)
	}
	if at < len(text) {
		return h, ErrDamaged
	}
	return h, nil
}

// complete reports whether all that is used is there in the form of its version.
func (e elements) complete(version int) bool {
	has := func(ids ...string) bool {
		for _, id := range ids {
			if _, ok := e[id]; !ok {
				return false
			}
		}
		return true
	}
	switch {
	case !has("DBB"):
		return false
	case version == 1:
		return has("DAA") || has("DAB", "DAC")
	case version < 4:
		return has("DCS") && (has("DCT") || has("DAC"))
	}
	return has("DCS", "DAC", "DAD")
}

func fromLatin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}
