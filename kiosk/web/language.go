package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed languages/*.toml
var embeddedLanguages embed.FS

// referenceLanguage is the file whose keys every other file must have.
const referenceLanguage = "en"

// Words is one language of the page: a file {tag}.toml with the language's own
// name, its direction, sentences, and sentences with a number in the plural
// forms that the language has (CLDR's names: zero, one, two, few, many, other).
// Spoken are further texts for the voice, as they are written and as it says them.
type Words struct {
	Tag    string                       `toml:"tag" json:"tag"`
	Name   string                       `toml:"name" json:"name"`
	Dir    string                       `toml:"dir" json:"dir"`    // "ltr" or "rtl"
	Rows   []string                     `toml:"keyboard" json:"-"` // the letters that names are typed with, a key each
	Keys   keyboard                     `toml:"-" json:"keyboard"`
	Text   map[string]string            `toml:"text" json:"text"`
	Plural map[string]map[string]string `toml:"plural" json:"plural"`
	Spoken map[string]string            `toml:"spoken" json:"-"`
}

// keyboard is what the page shows for typing a name.
type keyboard struct {
	Own   []string `json:"own"`
	Other []string `json:"other,omitempty"` // Latin letters, where Own are others
}

// loadWords reads the languages in the order of tags. Files in extra, if not
// nil, stand before the embedded ones. The error names every fault of every file.
func loadWords(tags []string, extra fs.FS) ([]Words, error) {
	reference, err := readWords(embeddedLanguages, path.Join("languages", referenceLanguage+".toml"))
	if err != nil {
		return nil, err
	}
	var all []Words
	var faults []error
	for _, tag := range tags {
		w, err := findWords(tag, extra)
		if err == nil && w.Tag != tag {
			err = fmt.Errorf("language %s: its file says tag = %q", tag, w.Tag)
		}
		if err == nil {
			err = w.check(reference)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		w.Keys.Own = w.Rows
		if r, _ := utf8.DecodeRuneInString(w.Rows[0]); !unicode.Is(unicode.Latin, r) {
			w.Keys.Other = reference.Rows
		}
		all = append(all, w)
	}
	return all, errors.Join(faults...)
}

// CheckLanguages tells why the page cannot be shown in languages, for all of them
// that it cannot.
func CheckLanguages(tags []string) error {
	_, err := loadWords(tags, nil)
	return err
}

var tagForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

func findWords(tag string, extra fs.FS) (Words, error) {
	if !tagForm.MatchString(tag) {
		return Words{}, fmt.Errorf("language %q is not a tag such as \"en\" or \"zh-Hans\"", tag)
	}
	if extra != nil {
		w, err := readWords(extra, tag+".toml")
		if !errors.Is(err, fs.ErrNotExist) {
			return w, err
		}
	}
	w, err := readWords(embeddedLanguages, path.Join("languages", tag+".toml"))
	if errors.Is(err, fs.ErrNotExist) {
		return w, fmt.Errorf("there is no file of page texts for language %q (embedded: %s)", tag, strings.Join(embeddedTags(), ", "))
	}
	return w, err
}

func embeddedTags() []string {
	files, _ := embeddedLanguages.ReadDir("languages")
	var tags []string
	for _, f := range files {
		tags = append(tags, strings.TrimSuffix(f.Name(), ".toml"))
	}
	return tags
}

const maxWordsBytes = 256 << 10

func readWords(from fs.FS, name string) (Words, error) {
	b, err := fs.ReadFile(from, name)
	if err != nil {
		return Words{}, fmt.Errorf("cannot read page texts: %w", err)
	}
	if len(b) > maxWordsBytes {
		return Words{}, fmt.Errorf("page texts %s: larger than 256 KiB", name)
	}
	var w Words
	if err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(&w); err != nil {
		return Words{}, fmt.Errorf("cannot read page texts %s: %w", name, err)
	}
	return w, nil
}

// check compares w with the reference: same keys, same {placeholders}, and the
// plural forms that the language needs.
func (w Words) check(reference Words) error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("language "+w.Tag+": "+format, args...))
	}
	tag, err := language.Parse(w.Tag)
	if err != nil {
		fault("tag %q is not a language tag", w.Tag)
	}
	if strings.TrimSpace(w.Name) == "" {
		fault("name is empty")
	}
	if w.Dir != "ltr" && w.Dir != "rtl" {
		fault("dir is %q, want \"ltr\" or \"rtl\"", w.Dir)
	}
	w.checkKeyboard(fault)
	for _, key := range slices.Sorted(maps.Keys(reference.Text)) {
		text, ok := w.Text[key]
		switch {
		case !ok || strings.TrimSpace(text) == "":
			fault("text %q is missing", key)
		case !slices.Equal(placeholders(text), placeholders(reference.Text[key])):
			fault("text %q: want the placeholders %v, has %v", key, placeholders(reference.Text[key]), placeholders(text))
		}
	}
	for key := range w.Text {
		if _, ok := reference.Text[key]; !ok {
			fault("text %q is not used", key)
		}
	}
	need := pluralForms(tag)
	for _, key := range slices.Sorted(maps.Keys(reference.Plural)) {
		for _, form := range need {
			text, ok := w.Plural[key][form]
			if !ok || strings.TrimSpace(text) == "" {
				fault("plural %q: form %q is missing", key, form)
			} else if extra := subtract(placeholders(text), placeholders(reference.Plural[key]["other"])); len(extra) > 0 {
				fault("plural %q: form %q has unknown placeholders %v", key, form, extra)
			}
		}
		for form := range w.Plural[key] {
			if !slices.Contains(need, form) {
				fault("plural %q: the language has no form %q", key, form)
			}
		}
	}
	for key := range w.Plural {
		if _, ok := reference.Plural[key]; !ok {
			fault("plural %q is not used", key)
		}
	}
	return errors.Join(faults...)
}

const (
	mostRows = 4
	mostKeys = 12 // in a row: on the narrowest panel each is still 44 px wide
)

func (w Words) checkKeyboard(fault func(format string, args ...any)) {
	if len(w.Rows) == 0 || len(w.Rows) > mostRows {
		fault("keyboard has %d rows, want 1 to %d", len(w.Rows), mostRows)
	}
	seen := map[rune]bool{}
	for i, row := range w.Rows {
		if n := utf8.RuneCountInString(row); n == 0 || n > mostKeys {
			fault("keyboard row %d has %d letters, want 1 to %d", i+1, n, mostKeys)
		}
		for _, r := range row {
			if !unicode.IsLetter(r) && !unicode.IsMark(r) || seen[r] {
				fault("keyboard row %d: %q is no letter, or is there twice", i+1, r)
			}
			seen[r] = true
		}
	}
}

var placeholderForm = regexp.MustCompile(`\{[a-z]+\}`)

func placeholders(text string) []string {
	found := placeholderForm.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func subtract(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// pluralForms lists the forms that whole numbers take in a language, by CLDR,
// found by asking for each number up to a thousand. Forms that only millions or
// fractions take do not occur on the page; "other" is always needed.
func pluralForms(tag language.Tag) []string {
	names := pluralNames()
	seen := map[string]bool{"other": true}
	for n := range 1000 {
		seen[names[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// pluralNames are CLDR's names of the forms.
func pluralNames() map[plural.Form]string {
	return map[plural.Form]string{
		plural.Zero: "zero", plural.One: "one", plural.Two: "two",
		plural.Few: "few", plural.Many: "many", plural.Other: "other",
	}
}

// laterWords are the parts of the texts that the page fetches for a step of that
// name: few visits have it, and all would pay for what is fetched at the start.
var laterWords = []string{"devices", "measure"}

// json is the form that the page reads, without the parts that come later.
func (w Words) json() ([]byte, error) {
	w.Text = maps.Clone(w.Text)
	maps.DeleteFunc(w.Text, func(key, _ string) bool { return slices.Contains(laterWords, partOf(key)) })
	return w.encode(w)
}

// partJSON is the form of one part: its texts by their keys.
func (w Words) partJSON(part string) ([]byte, error) {
	texts := maps.Clone(w.Text)
	maps.DeleteFunc(texts, func(key, _ string) bool { return partOf(key) != part })
	return w.encode(texts)
}

func partOf(key string) string {
	part, _, _ := strings.Cut(key, ".")
	return part
}

func (w Words) encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cannot encode page texts: %w", err)
	}
	return b, nil
}
