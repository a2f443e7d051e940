package identity

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// word is one word of a name as it is compared: how it reads with marks taken
// off, and how it reads where they are spelled out. The two are equal for most.
type word struct{ plain, spelled string }

// equal reports whether two words can be one name: Müller is Muller and
// Mueller, but Muller is not Mueller.
func (w word) equal(v word) bool {
	a, b, c, d := w.plain == v.plain, w.plain == v.spelled, w.spelled == v.plain, w.spelled == v.spelled
	return w.plain != "" && (a || b || c || d)
}

func join(words []word) word {
	var plain, spelled strings.Builder
	for _, w := range words {
		plain.WriteString(w.plain)
		spelled.WriteString(w.spelled)
	}
	return word{plain.String(), spelled.String()}
}

// initial reports whether w is a single letter of an alphabet.
func (w word) initial() bool {
	r, size := utf8.DecodeRuneInString(w.plain)
	return size == len(w.plain) && unicode.IsLetter(r) && !ideograph(r)
}

// beginsWith reports whether w begins with an initial.
func (w word) beginsWith(initial word) bool {
	return strings.HasPrefix(w.plain, initial.plain)
}

// ideographic reports whether w is written without spaces between names.
func (w word) ideographic() bool { return strings.ContainsFunc(w.plain, ideograph) }

func ideograph(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana) }

// letters are those that Unicode does not take apart, with what they are taken
// for without their mark. Both readings where the mark is commonly spelled out.
var letters = map[rune]word{
	'ı': {"i", "i"}, 'đ': {"d", "d"}, 'ð': {"d", "d"}, 'ħ': {"h", "h"}, 'ł': {"l", "l"}, 'ŧ': {"t", "t"}, 'ŋ': {"n", "n"}, 'ə': {"e", "e"},
	'ø': {"o", "oe"}, 'œ': {"oe", "oe"}, 'æ': {"ae", "ae"}, 'þ': {"th", "th"},
	'ä': {"a", "ae"}, 'ö': {"o", "oe"}, 'ü': {"u", "ue"}, 'å': {"a", "aa"},
	'ٱ': {"ا", "ا"}, 'ى': {"ي", "ي"}, 'ی': {"ي", "ي"}, 'ک': {"ك", "ك"}, 'ة': {"ه", "ه"}, 'ـ': {}, // tatweel only stretches a word
}

// marked are the scripts whose marks are left out in writing. In others, such as
// Devanagari or Thai, a mark is a vowel and tells names apart.
var marked = []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Arabic, unicode.Hebrew}

// maxText bounds what is folded, in bytes; longer text is cut and agrees with
// nobody (see readName).
const maxText = 400

// words takes a text apart into folded words. Ideographs are a word each where
// single is set: nobody types a space between them.
func words(text string, single bool) []word {
	text = norm.NFC.String(cases.Fold().String(norm.NFKC.String(text)))
	var list []word
	var plain, spelled strings.Builder
	end := func() {
		if plain.Len() > 0 {
			list = append(list, word{norm.NFC.String(plain.String()), norm.NFC.String(spelled.String())})
		}
		plain.Reset()
		spelled.Reset()
	}
	for _, r := range text {
		switch l, special := letters[r]; {
		case special:
			plain.WriteString(l.plain)
			spelled.WriteString(l.spelled)
		case r == '\'' || r == '’' || r == '‘' || r == 'ʼ' || r == 'ʻ' || r == '`' || r == '´' || r == '·' || r == '・' || unicode.Is(unicode.Cf, r):
			// An apostrophe is left out or put in; invisible characters are nothing.
		case r >= 'ァ' && r <= 'ヶ':
			r += 'ぁ' - 'ァ' // one syllable in either of its two scripts
			fallthrough
		case ideograph(r):
			if single {
				end()
			}
			plain.WriteRune(r)
			spelled.WriteRune(r)
			if single {
				end()
			}
		case unicode.IsLetter(r) && unicode.In(r, marked...):
			for _, part := range norm.NFD.String(string(r)) {
				if l, special := letters[part]; special {
					plain.WriteString(l.plain)
					spelled.WriteString(l.spelled)
				} else if !unicode.IsMark(part) {
					plain.WriteRune(part)
					spelled.WriteRune(part)
				}
			}
		case unicode.IsMark(r):
			if last, size := utf8.DecodeLastRuneInString(plain.String()); size > 0 && !unicode.In(last, marked...) {
				plain.WriteRune(r)
				spelled.WriteRune(r)
			}
		case unicode.IsLetter(r), unicode.IsDigit(r), r == 'ー':
			plain.WriteRune(r)
			spelled.WriteRune(r)
		default:
			end()
		}
	}
	end()
	return slices.Clip(list)
}
