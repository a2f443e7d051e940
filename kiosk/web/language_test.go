package web_test

import (
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"clinicgate/kiosk/web"

	"github.com/pelletier/go-toml/v2"
)

// TestEmbeddedLanguages: every file has every sentence, with the placeholders
// of the English one, in every plural form that the language has.
func TestEmbeddedLanguages(t *testing.T) {
	files, err := fs.Glob(os.DirFS("languages"), "*.toml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if err := web.CheckLanguages([]string{strings.TrimSuffix(f, ".toml")}); err != nil {
			t.Error(err)
		}
	}
}

func english(t *testing.T) web.Words {
	t.Helper()
	return readLanguage(t, "en")
}

func readLanguage(t *testing.T, tag string) web.Words {
	t.Helper()
	b, err := os.ReadFile("languages/" + tag + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	var w web.Words
	if err := toml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestSentencesAreUsed compares the keys that pages and scripts name with the
// keys that there are, both ways.
func TestSentencesAreUsed(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"pages/*.html", "assets/*.js"} {
		files, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(b)
		}
	}
	source := sources.String()
	w := english(t)
	// Keys that are put together: refused.{sentence}.title, help.{state}.body, ...
	madeUp := regexp.MustCompile(`^(refused\.[a-z-]+\.(title|body)|help\.(called|coming|desk)\.(title|body)|board\.status\.[a-z]+|note\.[a-z-]+|already\.[a-z-]+\.(title|body)|signer\.[a-z-]+|(birth|name|time|phone|sign-typed)\.(title|body)|entry\.[a-z]+|measure\.(blood-pressure|heart-rate|oxygen-saturation|temperature|weight|height|respiration)(\.how)?|devices\.(camera|microphone)\.(wait|ok|none))$`)
	for key := range w.Text {
		if !madeUp.MatchString(key) && !strings.Contains(source, `"`+key+`"`) {
			t.Errorf("text %q is in no page", key)
		}
	}
	for key := range w.Plural {
		if !strings.Contains(source, `"`+key+`"`) {
			t.Errorf("plural %q is in no page", key)
		}
	}
	named := regexp.MustCompile(`(?:data-text|data-label)="([^"]+)"|\btext\("([^"]+)"|index \.?\$?w?\.?(?:First\.)?Text "([^"]+)"`)
	for _, m := range named.FindAllStringSubmatch(source, -1) {
		key := m[1] + m[2] + m[3]
		if _, ok := w.Text[key]; !ok {
			t.Errorf("a page names %q, which is no text", key)
		}
	}
	for _, m := range regexp.MustCompile(`plural\("([^"]+)"`).FindAllStringSubmatch(source, -1) {
		if _, ok := w.Plural[m[1]]; !ok {
			t.Errorf("a page names %q, which is no plural", m[1])
		}
	}
	for key := range w.Text {
		if reason, ok := strings.CutSuffix(key, ".title"); ok && strings.HasPrefix(key, "refused.") {
			if _, ok := w.Text[reason+".body"]; !ok {
				t.Errorf("%s has no next step", reason)
			}
		}
	}
}

// TestRefusalsEndAtAPerson: every sentence of refusal names the desk, in every
// language; so does what is said when nothing works.
func TestRefusalsEndAtAPerson(t *testing.T) {
	for tag, desk := range map[string]string{"en": "desk", "es": "recepción", "zh-Hans": "服务台", "vi": "quầy tiếp đón", "ar": "مكتب الاستقبال"} {
		w := readLanguage(t, tag)
		for key, text := range w.Text {
			reason, ok := strings.CutSuffix(key, ".body")
			if !ok || !strings.HasPrefix(key, "refused.") && reason != "gone" && reason != "locked" && reason != "help.desk" && reason != "done.desk" {
				continue
			}
			if whole := strings.ToLower(w.Text[reason+".title"] + text); !strings.Contains(whole, desk) {
				t.Errorf("%s: %s does not end at a person: %s", tag, reason, whole)
			}
		}
	}
}

// TestDroppedInLanguage: a further file is a further language, right to left
// and with its own plural forms; a file with faults names them all.
func TestDroppedInLanguage(t *testing.T) {
	w := english(t)
	w.Tag, w.Name, w.Dir = "ar", "العربية", "rtl"
	for key, forms := range w.Plural {
		w.Plural[key] = map[string]string{}
		for _, form := range []string{"zero", "one", "two", "few", "many", "other"} {
			w.Plural[key][form] = forms["other"]
		}
	}
	file := func() *fstest.MapFile {
		b, err := toml.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		return &fstest.MapFile{Data: b}
	}
	texts := fstest.MapFS{"ar.toml": file()}
	c := launched(t, newServer(t, web.Config{Languages: []string{"ar", "en"}, Texts: texts}, web.Deps{}))
	if p := c.look(); p.Language != "ar" {
		t.Errorf("first language %s", p.Language)
	}
	delete(w.Text, "done.title")
	delete(w.Plural["steps.left"], "two")
	w.Text["consent.count"] = "{n}"
	w.Text["surplus"] = "x"
	w.Dir = "up"
	w.Rows = []string{"ABA", ""}
	_, err := web.New(web.Config{Listen: "127.0.0.1:0", Languages: []string{"ar", "en", "xx"}, Texts: fstest.MapFS{"ar.toml": file()}},
		web.Deps{CheckIn: newClinic(), Board: newRoom(), Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("a file with faults is taken")
	}
	for _, part := range []string{`"done.title" is missing`, `form "two" is missing`, `"consent.count"`, `"surplus" is not used`, `dir is "up"`, "keyboard row 1", "keyboard row 2", `language "xx"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s:\n%v", part, err)
		}
	}
}

// TestStylesKnowNoSides: nothing is left or right, so that a language that runs
// the other way needs no second style sheet.
func TestStylesKnowNoSides(t *testing.T) {
	sided := regexp.MustCompile(`(?m)^\s*(left|right|margin-left|margin-right|padding-left|padding-right|border-left|border-right|text-align:\s*(left|right)|float)\b.*`)
	files, _ := fs.Glob(os.DirFS("assets"), "*.css")
	for _, f := range files {
		b, err := os.ReadFile("assets/" + f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range sided.FindAllString(string(b), -1) {
			t.Errorf("%s: %s", f, strings.TrimSpace(line))
		}
	}
	if len(files) < 3 || !slices.Contains(files, "checkin.css") {
		t.Error(files)
	}
}

// TestNothingInline: no script, style or foreign address stands in a page.
func TestNothingInline(t *testing.T) {
	for _, f := range []string{"pages/checkin.html", "pages/locked.html", "pages/board.html", "pages/icons.html"} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`<style|\sstyle=|\son[a-z]+="|<script>|https?:|javascript:`).FindString(string(b)); m != "" {
			t.Errorf("%s has %q", f, m)
		}
	}
}
