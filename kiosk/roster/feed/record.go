package feed

import (
	"bytes"
	"errors"
	"strings"
)

const (
	maxFields     = 400     // of a record
	maxQuoted     = 8 << 10 // bytes of a field in quotes
	maxRecordSpan = 50      // lines of a record
)

// delimiters are those that spreadsheets write, the surest first.
var delimiters = []string{"\t", ";", "|", ","}

func isDelimiter(s string) bool {
	for _, d := range delimiters {
		if d == s {
			return true
		}
	}
	return false
}

// records reads the records of a CSV text. Lines end with CR, LF or both. A field
// that begins with a quote ends with one; quotes within other fields stand for
// themselves, as in ="0123". encoding/csv knows no lone CR and gives up the text
// behind an open quote.
type records struct {
	text      []byte
	delimiter byte
	at        int // of the next byte
	line      int // of the next byte, the first is 1
}

// record is one line of a table, or several where a field holds line ends.
type record struct {
	line   int
	span   int // lines
	fields []string
	open   bool // no line end follows
	cut    bool // the text ends in an open quote
	bad    bool // the quotes do not match, or it is too large; fields are not to be used
}

// next reads a record. After a bad one the reader stands at the line that
// follows the one it began in, so no row is swallowed.
func (r *records) next() (record, bool) {
	if r.at >= len(r.text) {
		return record{}, false
	}
	start, line := r.at, r.line
	rec, ok := r.read()
	if !ok {
		open := r.at >= len(r.text)
		r.at, r.line = start, line
		r.restart()
		return record{line: line, span: 1, bad: true, cut: open && r.at >= len(r.text), open: r.at >= len(r.text) && !endsLine(r.text)}, true
	}
	return rec, true
}

// again goes back to the second line of a record of several.
func (r *records) again(start, line int) {
	r.at, r.line = start, line
	r.restart()
}

// restart goes to the beginning of the next line.
func (r *records) restart() {
	if n := bytes.IndexAny(r.text[r.at:], "\r\n"); n >= 0 {
		r.at += n
		r.endLine()
	} else {
		r.at = len(r.text)
	}
}

// endLine takes a line end.
func (r *records) endLine() {
	if r.text[r.at] == '\r' && r.at+1 < len(r.text) && r.text[r.at+1] == '\n' {
		r.at++
	}
	r.at++
	r.line++
}

func endsLine(text []byte) bool {
	return len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r')
}

func (r *records) read() (record, bool) {
	rec := record{line: r.line}
	for {
		field, ok := r.field()
		if !ok || len(rec.fields) >= maxFields || r.line-rec.line > maxRecordSpan {
			return rec, false
		}
		rec.fields = append(rec.fields, field)
		if r.at >= len(r.text) {
			rec.open, rec.span = true, r.line-rec.line+1
			return rec, true
		}
		if r.text[r.at] == r.delimiter {
			if r.at++; r.at >= len(r.text) { // an empty field ends the text
				rec.fields = append(rec.fields, "")
				rec.open, rec.span = true, r.line-rec.line+1
				return rec, true
			}
			continue
		}
		rec.span = r.line - rec.line + 1
		r.endLine()
		return rec, true
	}
}

// field reads up to a delimiter, a line end or the end.
func (r *records) field() (string, bool) {
	if r.at >= len(r.text) || r.text[r.at] != '"' {
		rest := r.text[r.at:]
		n := bytes.IndexAny(rest, string([]byte{r.delimiter, '\r', '\n'}))
		if n < 0 {
			n = len(rest)
		}
		r.at += n
		return string(rest[:n]), true
	}
	var b strings.Builder
	for r.at++; r.at < len(r.text) && b.Len() <= maxQuoted; {
		switch c := r.text[r.at]; c {
		case '"':
			if r.at++; r.at >= len(r.text) {
				return b.String(), true
			}
			switch r.text[r.at] {
			case r.delimiter, '\r', '\n':
				return b.String(), true
			case '"':
				b.WriteByte('"')
				r.at++
			default:
				return "", false
			}
		case '\r', '\n':
			b.WriteByte('\n')
			r.endLine()
		default:
			b.WriteByte(c)
			r.at++
		}
	}
	return "", false // too long, or never closed
}

// newRecords reads text after lines to skip and a spreadsheet's own first line
// "sep=;", which names the delimiter.
func newRecords(text []byte, skip int) (*records, string, error) {
	r := &records{text: text, line: 1}
	for range skip {
		r.restart()
	}
	if r.at >= len(r.text) {
		return nil, "", errEmpty
	}
	first := r.text[r.at:]
	if len(first) > 4 && strings.EqualFold(string(first[:4]), "sep=") {
		named := string(first[4:5])
		if !isDelimiter(named) {
			return nil, "", errors.New("roster names a delimiter in its first line that is not one of , ; | and tab")
		}
		r.restart()
		return r, named, nil
	}
	return r, "", nil
}
