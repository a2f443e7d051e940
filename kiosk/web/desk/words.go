package desk

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/pelletier/go-toml/v2"
)

// words is one language of the desk, in the form that the pages' words.js
// reads. The desk's own plural forms are none: it shows numbers bare.
type words struct {
	Tag    string                       `toml:"tag" json:"tag"`
	Name   string                       `toml:"name" json:"name"`
	Dir    string                       `toml:"-" json:"dir"`
	Text   map[string]string            `toml:"text" json:"text"`
	Plural map[string]map[string]string `toml:"-" json:"plural"`
}

var languages = []string{"en", "es"}

// Languages lists the tags of the desk's languages.
func Languages() []string { return slices.Clone(languages) }

// loadWords reads all languages, first the one that the page begins with.
func loadWords(first string) ([]words, error) {
	var all []words
	for _, tag := range languages {
		data, err := files.ReadFile("languages/" + tag + ".toml")
		if err != nil {
			return nil, fmt.Errorf("cannot read the desk's texts: %w", err)
		}
		w := words{Dir: "ltr", Plural: map[string]map[string]string{}}
		if err := toml.Unmarshal(data, &w); err != nil {
			return nil, fmt.Errorf("cannot read the desk's texts %s: %w", tag, err)
		}
		if err := w.check(all); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	slices.SortStableFunc(all, func(a, b words) int {
		switch first {
		case a.Tag:
			return -1
		case b.Tag:
			return 1
		}
		return 0
	})
	return all, nil
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func placeholders(text string) []string {
	return slices.Sorted(slices.Values(placeholder.FindAllString(text, -1)))
}

// check compares the keys and placeholders with those of the first language.
func (w words) check(before []words) error {
	if len(before) == 0 {
		return nil
	}
	want := before[0].Text
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if w.Text[key] == "" || !slices.Equal(placeholders(w.Text[key]), placeholders(want[key])) {
			return fmt.Errorf("the desk's texts %s: %q is missing or has other placeholders", w.Tag, key)
		}
	}
	if len(w.Text) != len(want) {
		return fmt.Errorf("the desk's texts %s: there are keys that are not used", w.Tag)
	}
	return nil
}

func (w words) json() ([]byte, error) {
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the desk's texts: %w", err)
	}
	return b, nil
}
