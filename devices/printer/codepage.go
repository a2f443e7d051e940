package printer

import (
	"maps"
	"slices"
	"unicode"

	"golang.org/x/text/encoding/charmap"
)

// codePage is a printer's table of 256 characters, by the number that ESC t
// knows it by on Epson's and most compatible printers.
type codePage struct {
	number byte
	chars  *charmap.Charmap
}

// codePages are those that x/text has too, by the names that printers' manuals
// use.
func codePages() map[string]codePage {
	return map[string]codePage{
		"pc437": {0, charmap.CodePage437}, "pc850": {2, charmap.CodePage850}, "pc860": {3, charmap.CodePage860},
		"pc863": {4, charmap.CodePage863}, "pc865": {5, charmap.CodePage865}, "wpc1252": {16, charmap.Windows1252},
		"pc866": {17, charmap.CodePage866}, "pc852": {18, charmap.CodePage852}, "pc858": {19, charmap.CodePage858},
	}
}

func codePageNames() []string { return slices.Sorted(maps.Keys(codePages())) }

// encoded is text in a code page. It has no control byte: encode alone makes it.
type encoded []byte

// plain writes what sentences have and old code pages have not.
var plain = map[rune]string{'‘': "'", '’': "'", '“': `"`, '”': `"`, '–': "-", '—': "-", '…': "...", '\u00a0': " ", '\u202f': " "}

// encode turns text into a code page's bytes. Control characters, and whatever
// else is not there to be seen, are dropped. It reports false where the code page
// has no byte for a character.
func (p codePage) encode(text string) (out encoded, ok bool) {
	for _, r := range text {
		s, there := plain[r]
		if !there {
			s = string(r)
		}
		for _, r := range s {
			if !unicode.IsGraphic(r) {
				continue
			}
			b, there := p.chars.EncodeRune(r)
			if !there || b < ' ' || b == 0x7f {
				return nil, false
			}
			out = append(out, b)
		}
	}
	return out, true
}
