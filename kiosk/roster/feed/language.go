package feed

import "golang.org/x/text/language"

// language gives the tag of a language that a list names: by the clinic's table,
// or because it is a code of ISO 639 or a tag of BCP 47 already. English names of
// languages are no codes; they need the table.
func (t tables) language(word string) (tag string, ok bool) {
	if word == "" {
		return "", true
	}
	if tag, ok := t.languages[fold(word)]; ok {
		return tag, true
	}
	if len(word) > 20 {
		return "", false
	}
	parsed, err := language.Parse(word)
	if err != nil || parsed == language.Und {
		return "", false
	}
	return parsed.String(), true
}
