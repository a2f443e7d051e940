package aamva

import (
	"strings"
	"unicode/utf8"
)

// within is how far into a text the file type may begin.
const within = 40

// parseTolerant reads what can still be made out. It finds the file type, takes
// the issuer and the version, and believes an element that stands at the start
// of a line, whatever parts the lines; offsets are not looked at, lengths only
// to tell whether the text is whole.
func parseTolerant(raw []byte) (Card, error) {
	before, rest, ok := cutFileType(decode(raw))
	if !ok {
		return Card{}, ErrNotLicence
	}
	rest = respell(before, rest)
	var h header
	entries, rest, ok := h.readNumbers(rest)
	if !ok {
		return Card{}, ErrDamaged
	}
	doc, body, ok := h.findBody(entries, rest)
	if !ok {
		return Card{}, ErrDamaged
	}
	found := elements{}
	lines := split(body)
	last := ""
	for _, line := range lines {
		if isID(line, 'D') {
			if err := found.take(line); err != nil {
				return Card{}, err
			}
		}
		last = line
	}
	ended := body != "" && isSeparator(rune(body[len(body)-1]))
	harmless := ended || strings.HasPrefix(last, "Z") || isID(last, 'D') && !used[last[:idLength]]
	if !h.whole(body, len(lines), harmless) {
		return Card{}, ErrDamaged
	}
	return newCard(Tolerant, h, doc, found)
}

// decode gives the text. Between 0x80 and 0x9F there are no characters in
// ISO 8859-1, so what stands there is noise, and so is a byte order mark.
func decode(raw []byte) string {
	text := string(raw)
	if !utf8.Valid(raw) {
		text = fromLatin1(text)
	}
	return strings.Map(func(r rune) rune {
		if r >= 0x80 && r <= 0x9f || r == '\ufeff' {
			return -1
		}
		return r
	}, text)
}

// cutFileType finds the file type behind an @, and gives what stands before and
// after it.
func cutFileType(text string) (before, after string, ok bool) {
	text = strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(text, "@") {
		return "", "", false
	}
	for _, kind := range []string{"ANSI ", "AAMVA"} {
		if before, after, ok := strings.Cut(text, kind); ok && len(before) <= within {
			return before, after, true
		}
	}
	return "", "", false
}

// respell puts back what a keyboard spelled out. The header shows how: what
// follows the @ is what parts the elements, and what stands before the file type
// ends a subfile. A CR that became an "M" (Control and M make it) hangs on to
// the last element of its subfile.
func respell(before, text string) string {
	if len(before) > 1 && strings.IndexByte("|~^;", before[1]) >= 0 {
		text = strings.ReplaceAll(text, before[1:2], separator)
	}
	if !strings.HasSuffix(before, "M") || len(before) < 2 || strings.Contains(text, terminator) {
		return text
	}
	text = strings.TrimSuffix(strings.TrimRight(text, separator), "M")
	for i := 0; i+6 <= len(text); i++ { // M ZV ZVA
		if s := text[i:]; s[0] == 'M' && s[1] == 'Z' && upper(s[2]) && s[3] == 'Z' && s[4] == s[2] && upper(s[5]) {
			text = text[:i] + terminator + s[1:]
		}
	}
	return text
}

// findBody gives the subfiles, from the first one's first element on, and reads
// the designators as far as they are such. In the order of what is most likely:
// the type of the subfile stands where the header ends; it is missing there; the
// header is longer or shorter than it should be.
func (h *header) findBody(entries int, s string) (Document, string, bool) {
	if end := entries * designatorLength; len(s) > end {
		for i := range entries {
			h.entries = append(h.entries, readDesignator(s[i*designatorLength:]))
		}
		doc, is := document(h.entries[0].kind)
		switch body := s[end:]; {
		case is && strings.HasPrefix(body, h.entries[0].kind) && len(body) > 2 && (isID(body[2:], 'D') || isSeparator(rune(body[2]))):
			return doc, body[2:], true
		case is && isID(body, 'D'):
			return doc, body, true
		}
		h.entries = nil // its lengths tell nothing
	}
	line := s
	if i := strings.IndexFunc(s, isSeparator); i >= 0 {
		line = s[:i]
	}
	for i := range max(0, len(line)-1-idLength) {
		if doc, is := document(s[i : i+2]); is && isID(s[i+2:], 'D') && !digit(s[i+4]) {
			return doc, s[i+2:], true
		}
	}
	return "", "", false
}

// whole reports whether nothing is missing at the end. The designators tell how
// many characters there should be: those that can be seen, one separator or
// terminator for each line, the types and, with many issuers, one more separator
// for each subfile. The last is not insisted on where what could be cut off by it
// does not matter: harmless. Neither is anything where the issuer made
// designators that say nothing.
//
// Where the separators are undamaged and every subfile has its terminator, the
// text is whole whatever the lengths say.
func (h header) whole(body string, lines int, harmless bool) bool {
	want, known := 0, len(h.entries) > 0
	for _, d := range h.entries {
		want, known = want+d.length, known && d.length > 0
	}
	have := 2 + visible(body) + lines // the first one's type is not in body
	switch {
	case known && have >= want:
		return true
	case harmless && (!known || have+min(len(h.entries), 3) >= want):
		return true
	}
	end := strings.TrimRight(body, separator+terminator)
	return strings.Contains(body[len(end):], terminator) && !strings.Contains(body, terminator+separator) &&
		strings.Count(body, terminator) == len(h.entries)
}

func visible(s string) int {
	n := 0
	for _, r := range s {
		if !isSeparator(r) {
			n++
		}
	}
	return n
}

// split gives the lines that have something in them.
func split(s string) []string { return strings.FieldsFunc(s, isSeparator) }

// isSeparator: any control character may be what is left of a separator.
func isSeparator(r rune) bool { return r < ' ' || r == 0x7f }
