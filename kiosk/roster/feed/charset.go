package feed

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// Charset is the character set of a file.
type Charset string

const (
	Detect      Charset = "" // a byte order mark, UTF-16's zero bytes or valid UTF-8 tell; nothing else does
	UTF8        Charset = "utf-8"
	UTF16LE     Charset = "utf-16le"
	UTF16BE     Charset = "utf-16be"
	Windows1252 Charset = "windows-1252"
	latin1      Charset = "8859/1" // HL7 messages name it
)

var (
	utf8Mark    = []byte{0xEF, 0xBB, 0xBF}
	utf16LEMark = []byte{0xFF, 0xFE}
	utf16BEMark = []byte{0xFE, 0xFF}
)

// marked reports whether data begins with a byte order mark.
func marked(data []byte) bool {
	return bytes.HasPrefix(data, utf8Mark) || bytes.HasPrefix(data, utf16LEMark) || bytes.HasPrefix(data, utf16BEMark)
}

var errCharset = errors.New("roster is not UTF-8: set its character set, such as windows-1252")

// decode gives the text of a file as UTF-8 without its byte order mark, and
// whether it ends in the middle of a character, which it then lacks. A mark
// counts more than the setting, because nothing but that character set begins
// with it.
func decode(data []byte, set Charset) (text []byte, cut bool, err error) {
	if rest, ok := bytes.CutPrefix(data, utf8Mark); ok {
		data, set = rest, UTF8
	} else if rest, ok := bytes.CutPrefix(data, utf16LEMark); ok {
		data, set = rest, UTF16LE
	} else if rest, ok := bytes.CutPrefix(data, utf16BEMark); ok {
		data, set = rest, UTF16BE
	} else if set == Detect {
		set = detect(data)
	}
	switch set {
	case UTF16LE, UTF16BE:
		order := unicode.LittleEndian
		if set == UTF16BE {
			order = unicode.BigEndian
		}
		text, err = unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder().Bytes(data[:len(data)&^1])
		return text, len(data)%2 != 0, err
	case Windows1252:
		if bytes.ContainsFunc(data, func(r rune) bool { return r > 0x7f && r != utf8.RuneError }) && utf8.Valid(data) {
			// Two or more letters of Windows-1252 never stand so by chance.
			return nil, false, errors.New("roster is UTF-8, but its character set is set to windows-1252")
		}
		text, err = charmap.Windows1252.NewDecoder().Bytes(data)
		return text, false, err
	case latin1:
		text, err = charmap.ISO8859_1.NewDecoder().Bytes(data)
		return text, false, err
	}
	whole := wholeRunes(data)
	if !utf8.Valid(data[:whole]) || bytes.IndexByte(data, 0) >= 0 {
		return nil, false, errCharset
	}
	return data[:whole], whole < len(data), nil
}

// wholeRunes gives the length of data without a last character that is begun and
// not ended.
func wholeRunes(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if last := data[len(data)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return len(data) - n
			}
			break
		}
	}
	return len(data)
}

// detect tells UTF-16 without a mark from everything else: the names of columns,
// separators and digits at the beginning of a list have a zero byte each, always
// on the same side, and no other text has any.
func detect(data []byte) Charset {
	head := data[:min(len(data), 64)&^1]
	if len(head) < 8 {
		return UTF8
	}
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch half := len(head) / 2; {
	case zeros[0] == 0 && zeros[1] == half:
		return UTF16LE
	case zeros[1] == 0 && zeros[0] == half:
		return UTF16BE
	}
	return UTF8
}
