package web

import (
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Paper is what a ticket on paper says in one language: sentences of the page, in
// the page's letters.
type Paper struct {
	Tag                       string
	RTL                       bool
	Number, Where, Wait, Note string
	Letters                   [][]byte // WOFF2 files, in order of preference

	tag    language.Tag
	plural map[string]map[string]string
}

// Papers gives the words of tickets in languages, with a clinic's own texts as
// Config.Texts has them; extra may be nil.
func Papers(tags []string, extra fs.FS) ([]Paper, error) {
	all, err := loadWords(tags, extra)
	if err != nil {
		return nil, err
	}
	var papers []Paper
	for _, w := range all {
		p := Paper{Tag: w.Tag, RTL: w.Dir == "rtl", Number: w.Text["done.number"], Where: w.Text["done.where"], Wait: w.Text["done.wait"],
			Note: w.Text["done.remember"], plural: w.Plural}
		if p.tag, err = language.Parse(w.Tag); err != nil {
			return nil, err
		}
		for _, name := range lettersOf(w.Tag) {
			b, err := files.ReadFile("assets/text-" + name + ".woff2")
			if err != nil {
				return nil, err
			}
			p.Letters = append(p.Letters, b)
		}
		papers = append(papers, p)
	}
	return papers, nil
}

// lettersOf lists files of letters as fonts.css prefers them: a language's own
// first where it draws Latin letters with its own, and the largest last.
func lettersOf(tag string) []string {
	files := []string{"latin", "latin-ext", "arabic", "han-hello", "han", "han-video"}
	viet := []string{"viet-latin-hello", "viet-hello", "viet-latin", "viet"}
	if tag == "vi" {
		files = append(viet, files...)
	} else {
		files = append(files, viet...)
	}
	return append(files, "han-more")
}

// Minutes says how long a wait is, as the page does.
func (p Paper) Minutes(low, high int) string {
	key := "wait.about"
	if low > 0 && low < high {
		key = "wait.range"
	}
	forms := p.plural[key]
	sentence, ok := forms[pluralNames()[plural.Cardinal.MatchPlural(p.tag, high, 0, 0, 0, 0)]]
	if !ok {
		sentence = forms["other"]
	}
	return strings.NewReplacer("{n}", strconv.Itoa(high), "{low}", strconv.Itoa(low)).Replace(sentence)
}
