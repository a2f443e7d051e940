package feed

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	startBlock = 0x0b // of a frame, HL7 Minimal Lower Layer Protocol
	endBlock   = 0x1c

	maxSegments = 500 // of a message
	maxEscapes  = 200 // of a field
)

func isSeparator(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z')
}

// message is one HL7 message.
type message struct {
	line       int
	segments   []segment
	separators separators
	broken     string // why it cannot be read; empty: it can
}

type segment struct {
	line int
	raw  string
}

// separators are those that the message header names.
type separators struct{ field, component, repetition, escape, sub byte }

// transmission is a file of messages.
type transmission struct {
	messages []message
	ending   Ending
	counts   []countedBatch
}

// countedBatch is a trailer whose count of messages differs from what came.
type countedBatch struct {
	line int
	kind string
}

// split parts a file into messages. Segments end with CR, LF or both; a message
// begins at MSH, whatever frames and batch segments stand around it.
func split(data []byte) transmission {
	t := transmission{ending: Ended}
	var open *message
	inFrame, inBatch, inFile := false, false, false
	batchFrom, batches := 0, 0
	finish := func() {
		if open != nil {
			t.messages = append(t.messages, *open)
			open = nil
		}
	}
	line := 0
	for at := 0; at < len(data); {
		line++
		end := bytes.IndexAny(data[at:], "\r\n")
		ended := end >= 0
		next := len(data)
		if ended {
			end += at
			next = end + 1
			if data[end] == '\r' && next < len(data) && data[next] == '\n' {
				next++
			}
		} else {
			end = len(data)
		}
		text := data[at:end]
		at = next
		// The end of a frame stands before the CR that ends it, the start of the next
		// one right behind that CR.
		for len(text) > 0 && (text[0] == endBlock || text[0] == startBlock) {
			if text[0] == startBlock && inFrame && open != nil {
				open.broken = "has a frame without an end"
			}
			inFrame = text[0] == startBlock
			finish()
			text = text[1:]
		}
		closes := len(text) > 0 && text[len(text)-1] == endBlock
		text = bytes.TrimSuffix(text, []byte{endBlock})
		name := text[:min(len(text), 3)]
		switch {
		case len(bytes.TrimSpace(text)) == 0:
		case string(name) == "FHS":
			finish()
			inFile, batches = true, 0
		case string(name) == "BHS":
			finish()
			inBatch, batchFrom = true, len(t.messages)
		case string(name) == "BTS":
			finish()
			inBatch = false
			batches++
			if n, ok := trailerCount(text); ok && n != len(t.messages)-batchFrom {
				t.counts = append(t.counts, countedBatch{line, "BTS-1"})
			}
		case string(name) == "FTS":
			finish()
			inFile = false
			if n, ok := trailerCount(text); ok && n != batches {
				t.counts = append(t.counts, countedBatch{line, "FTS-1"})
			}
		case string(name) == "MSH":
			finish()
			open = &message{line: line, segments: []segment{{line, string(text)}}}
		case open == nil:
			t.messages = append(t.messages, message{line: line, broken: "stands before the first MSH"})
		case len(open.segments) >= maxSegments:
			open.broken = "has more than 500 segments"
		default:
			open.segments = append(open.segments, segment{line, string(text)})
		}
		if closes {
			finish()
			inFrame = false
		}
		if !ended && len(text) > 0 && !closes {
			t.ending = Open
		}
	}
	finish()
	if inFrame || inBatch || inFile {
		t.ending = Cut
	}
	return t
}

func trailerCount(text []byte) (int, bool) {
	if len(text) < 4 {
		return 0, false
	}
	first, _, _ := bytes.Cut(text[4:], text[3:4])
	n, err := strconv.Atoi(string(first))
	return n, err == nil
}

// prepare reads the header and decodes the text. fallback is the character set of
// messages that name none.
func (m *message) prepare(fallback Charset) {
	if m.broken != "" {
		return
	}
	if m.broken = m.readSeparators(); m.broken != "" {
		return
	}
	set, reason := m.charset(fallback)
	if m.broken = reason; reason != "" {
		return
	}
	for i, s := range m.segments {
		text, cut, err := decode([]byte(s.raw), set)
		if err != nil || cut {
			m.broken = reasonLetters
			return
		}
		m.segments[i].raw = string(text)
		if len(s.raw) < 3 || strings.Trim(s.raw[:3], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || len(s.raw) > 3 && s.raw[3] != m.separators.field {
			m.broken = "has a line that is no segment"
			return
		}
	}
}

func (m *message) readSeparators() string {
	const reason = "names no usable separators (MSH-1, MSH-2)"
	head := m.segments[0].raw
	if len(head) < 8 {
		return reason
	}
	encoding, _, _ := strings.Cut(head[4:], head[3:4])
	if len(encoding) < 2 || len(encoding) > 5 {
		return reason
	}
	s := separators{field: head[3], component: encoding[0], repetition: encoding[1]}
	if len(encoding) > 2 {
		s.escape = encoding[2]
	}
	if len(encoding) > 3 {
		s.sub = encoding[3]
	}
	seen := map[byte]bool{}
	for i, c := range []byte{s.field, s.component, s.repetition, s.escape, s.sub} {
		if c == 0 && i > 2 {
			continue
		}
		if !isSeparator(c) || seen[c] {
			return reason
		}
		seen[c] = true
	}
	m.separators = s
	return ""
}

// charset gives the character set by MSH-18. A message without one, or one that
// says ASCII as senders do that never think of it, may have letters beyond
// ASCII only where the config names the set.
func (m *message) charset(fallback Charset) (set Charset, reason string) {
	fields := strings.Split(m.segments[0].raw, string(m.separators.field))
	name := ""
	if len(fields) > 17 {
		name, _, _ = strings.Cut(fields[17], string(m.separators.repetition))
	}
	switch strings.ToUpper(strings.TrimSpace(name)) {
	case "", "ASCII":
		switch {
		case m.ascii():
			return UTF8, ""
		case fallback == Detect:
			return "", reasonLetters
		}
		return fallback, ""
	case "UNICODE UTF-8", "UTF-8", "UTF8":
		return UTF8, ""
	case "8859/1", "ISO-8859-1", "ISO 8859/1":
		return latin1, ""
	}
	return "", "has a character set (MSH-18) that is not read here"
}

const reasonLetters = "has letters that its character set (MSH-18) does not have: set charset"

func (m *message) ascii() bool {
	for _, s := range m.segments {
		for i := range len(s.raw) {
			if s.raw[i] >= utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}

// fields gives a segment's fields, [0] its name. In MSH the field separator is a
// field of its own.
func (m *message) fields(s segment) []string {
	f := strings.Split(s.raw, string(m.separators.field))
	if f[0] == "MSH" {
		f = append([]string{"MSH", string(m.separators.field)}, f[1:]...)
	}
	return f
}

// find gives the fields of the first segment of a name, nil where there is none.
func (m *message) find(name string) []string {
	for _, s := range m.segments {
		if strings.HasPrefix(s.raw, name) {
			return m.fields(s)
		}
	}
	return nil
}

// repeats gives the repetitions of field n, each parted into components.
func (m *message) repeats(fields []string, n int) [][]string {
	if n >= len(fields) || fields[n] == "" || fields[n] == `""` { // "" says: delete it
		return nil
	}
	var out [][]string
	for _, r := range strings.Split(fields[n], string(m.separators.repetition)) {
		out = append(out, strings.Split(r, string(m.separators.component)))
	}
	return out
}

// text gives the first repetition's component of field n, both from 1.
func (m *message) text(fields []string, n, component int) string {
	if r := m.repeats(fields, n); len(r) > 0 {
		return m.part(r[0], component)
	}
	return ""
}

// part gives the first subcomponent of a component, from 1, without escapes.
func (m *message) part(components []string, n int) string {
	if n > len(components) {
		return ""
	}
	s := components[n-1]
	if m.separators.sub != 0 {
		s, _, _ = strings.Cut(s, string(m.separators.sub))
	}
	if s = strings.TrimSpace(m.unescape(s)); s == `""` {
		return ""
	}
	return s
}

// unescape reads the escape sequences of HL7 2.7. Highlighting goes, a line break
// becomes a blank, and what is no sequence stands for itself: many senders do
// not escape the escape character. A change of character set within a text
// leaves the mark of a lost letter, by which the row is refused.
func (m *message) unescape(s string) string {
	e := m.separators.escape
	if e == 0 || strings.IndexByte(s, e) < 0 {
		return s
	}
	var b strings.Builder
	for n := 0; n < maxEscapes; n++ {
		before, rest, found := strings.Cut(s, string(e))
		b.WriteString(before)
		if !found {
			return b.String()
		}
		code, after, closed := strings.Cut(rest, string(e))
		if !closed {
			b.WriteByte(e)
			s = rest
			continue
		}
		plain, known := m.escaped(code)
		if !known {
			b.WriteByte(e)
			s = rest
			continue
		}
		b.WriteString(plain)
		s = after
	}
	return b.String() + s
}

func (m *message) escaped(code string) (plain string, known bool) {
	switch code {
	case "F":
		return string(m.separators.field), true
	case "S":
		return string(m.separators.component), true
	case "R":
		return string(m.separators.repetition), true
	case "E":
		return string(m.separators.escape), true
	case "T":
		return string(rune(m.separators.sub)), m.separators.sub != 0
	case "H", "N":
		return "", true
	}
	switch {
	case strings.HasPrefix(code, ".") && len(code) <= 8:
		return " ", true
	case (strings.HasPrefix(code, "C") || strings.HasPrefix(code, "M")) && (len(code) == 5 || len(code) == 7) && isHex(code[1:]):
		return "\uFFFD", true
	case strings.HasPrefix(code, "X") && len(code) > 1 && isHex(code[1:]):
		raw, err := hex.DecodeString(code[1:])
		if err != nil {
			return "", false
		}
		return strings.ToValidUTF8(string(raw), "\uFFFD"), true
	}
	return "", false
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// stamp reads a time of HL7: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]. digits
// says how precise it is.
func stamp(s string) (wall time.Time, zone *time.Location, digits int, ok bool) {
	if i := strings.LastIndexAny(s, "+-"); i > 0 {
		at, err := time.Parse("-0700", s[i:])
		if err != nil {
			return wall, nil, 0, false
		}
		_, offset := at.Zone()
		if offset > 14*3600 || offset < -14*3600 {
			return wall, nil, 0, false
		}
		zone, s = time.FixedZone("", offset), s[:i]
	}
	s, fractions, hasFractions := strings.Cut(s, ".")
	if hasFractions && (!allDigits(fractions) || len(fractions) > 4 || len(s) != 14) {
		return wall, nil, 0, false
	}
	const layout = "20060102150405"
	if !allDigits(s) || len(s) > len(layout) || len(s) < 4 || len(s)%2 != 0 {
		return wall, nil, 0, false
	}
	wall, err := time.Parse(layout[:len(s)], s)
	return wall, zone, len(s), err == nil
}
