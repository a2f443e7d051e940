package letters

import (
	"strings"
	"unicode"
)

// words parts a text where a line may end: after spaces, and around a Chinese
// character, but not before what closes a sentence.
func words(text string) []string {
	var list []string
	word := ""
	var last rune
	for _, r := range text {
		if word != "" && mayBreak(last, r) {
			list, word = append(list, word), ""
		}
		word, last = word+string(r), r
	}
	if word != "" {
		list = append(list, word)
	}
	return list
}

func mayBreak(before, after rune) bool {
	switch {
	case unicode.IsSpace(before):
		return !unicode.IsSpace(after)
	case strings.ContainsRune("，。、！？；：）”’", after) || strings.ContainsRune("（“‘", before):
		return false
	}
	return unicode.Is(unicode.Han, before) || unicode.Is(unicode.Han, after) && !unicode.IsSpace(before) && before > unicode.MaxLatin1
}

func trimRight(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }
