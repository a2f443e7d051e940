package web_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"maps"
	"math"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web"
)

// luminance is that of WCAG 2.2 for "#rrggbb".
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	rgb, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil || len(hex) != 7 {
		t.Fatalf("colour %q", hex)
	}
	part := func(v uint64) float64 {
		c := float64(v&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(rgb>>16) + 0.7152*part(rgb>>8) + 0.0722*part(rgb)
}

// TestContrast computes the pairs of colours that the styles use: text 4.5:1,
// borders, icons and the focus ring 3:1.
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("assets/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	tokens := func(block string) map[string]string {
		set := map[string]string{"white": "#ffffff"}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(block, -1) {
			set[m[1]] = m[2]
		}
		return set
	}
	root, rest, _ := strings.Cut(string(css), ":root.contrast {")
	block, _, _ := strings.Cut(rest, "}")
	usual, strong := tokens(root), tokens(block)
	for name := range usual {
		if _, ok := strong[name]; !ok {
			t.Errorf("the strong contrast has no --%s", name)
		}
	}
	for _, tt := range []struct {
		front, back string
		want        float64
	}{
		{"ink", "paper", 7}, {"ink", "surface", 7}, {"ink-soft", "paper", 4.5}, {"ink-soft", "surface", 4.5},
		{"sign-ink", "sign", 7}, {"sign-soft", "sign", 7}, {"sign-ink", "sign-2", 7}, {"sun", "sign", 4.5}, {"sun-ink", "sun", 7},
		{"go-ink", "go", 4.5}, {"go-ink", "go-deep", 4.5}, {"go", "paper", 3}, {"care-ink", "care", 4.5}, {"care-ink", "care-deep", 4.5}, {"care", "surface", 4.5},
		{"edge", "paper", 3}, {"edge", "surface", 3}, {"focus", "paper", 3}, {"focus", "surface", 3},
	} {
		ratio := func(token map[string]string) float64 {
			a, b := luminance(t, token[tt.front]), luminance(t, token[tt.back])
			return (max(a, b) + 0.05) / (min(a, b) + 0.05)
		}
		if got := ratio(usual); got < tt.want {
			t.Errorf("%s on %s: %.2f, want %.1f", tt.front, tt.back, got, tt.want)
		}
		if got := ratio(strong); got < 7 {
			t.Errorf("strong contrast: %s on %s: %.2f, want 7", tt.front, tt.back, got)
		}
	}
}

// TestWhatIsServedIsLean: scripts and style sheets go out without the comments that
// have lines of their own, and are otherwise what they were.
func TestWhatIsServedIsLean(t *testing.T) {
	server := newServer(t, web.Config{}, web.Deps{})
	scripts, _ := fs.Glob(os.DirFS("."), "assets/*.[cj]s*")
	for _, name := range scripts {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "http://"+server.Addr()+"/"+name, nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		left := w.Body.String()
		var inBlock bool
		for _, line := range strings.Split(string(source), "\n") {
			text := strings.TrimSpace(line)
			opens := strings.HasPrefix(text, "/*")
			if inBlock || opens {
				inBlock = !strings.Contains(text, "*/")
				continue
			}
			if strings.HasSuffix(name, ".js") && strings.HasPrefix(text, "//") {
				continue
			}
			head, rest, _ := strings.Cut(left, "\n")
			if head != line {
				t.Fatalf("%s: served %q where the source has %q", name, head, line)
			}
			left = rest
		}
		if left != "" {
			t.Errorf("%s: served %q behind its end", name, left)
		}
	}
}

// greeting are the letters that the start screen fetches where it greets in
// every language.
var greeting = []string{"text-latin.woff2", "text-arabic.woff2", "text-han-hello.woff2", "text-viet-hello.woff2", "text-viet-latin-hello.woff2"}

// TestPageWeight keeps what a whole check-in fetches under 150 KB in each
// language, on a kiosk that offers them all. What only a visit by video takes of the
// Chinese characters is in a file of its own; so is what reads the page aloud, with
// recordings of megabytes, for those who ask for it.
func TestPageWeight(t *testing.T) {
	pack := func(b []byte) int {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(b)
		_ = z.Close()
		return min(packed.Len(), len(b))
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tags := map[string][]string{
		"en": nil, "es": nil, "ar": nil, "zh-Hans": {"text-han.woff2"}, "vi": {"text-viet.woff2", "text-viet-latin.woff2"},
	}
	server := newServer(t, web.Config{Languages: slices.Sorted(maps.Keys(tags))}, web.Deps{})
	served := func(name string) []byte {
		r := httptest.NewRequest("GET", "http://"+server.Addr()+"/"+name, nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%s: status %d", name, w.Code)
		}
		return w.Body.Bytes()
	}
	for tag, letters := range tags {
		total := pack(read("pages/checkin.html")) + pack(read("pages/icons.html")) + pack(served("words/"+tag+".json"))
		scripts, _ := fs.Glob(os.DirFS("."), "assets/*.[cjs]*")
		for _, f := range scripts {
			if slices.ContainsFunc([]string{"board.", "caller.", "locked.", "reader.", "voice."}, func(other string) bool { return strings.HasPrefix(path.Base(f), other) }) {
				continue // of another page, or for who asks
			}
			if slices.Contains([]string{"draw.js", "measure.js", "devices.js"}, path.Base(f)) {
				continue // only where a form asks for a drawing, where something is measured, and for a visit by video
			}
			if strings.HasSuffix(f, ".js") || strings.HasSuffix(f, ".css") || strings.HasSuffix(f, ".svg") {
				total += pack(served(f))
			}
		}
		for _, f := range slices.Concat(greeting, letters) {
			total += pack(served("assets/" + f))
		}
		if t.Logf("%s: %d bytes compressed", tag, total); total > 150_000 {
			t.Errorf("the page in %s weighs %d bytes, want at most 150000", tag, total)
		}
	}
}

// covers reads which characters a file of letters is for, as fonts.css has it.
func covers(t *testing.T, css, file string) map[rune]bool {
	t.Helper()
	_, face, ok := strings.Cut(css, `url("/assets/`+file+`")`)
	if !ok {
		t.Fatalf("no face has %s", file)
	}
	face, _, _ = strings.Cut(face, "}")
	set := map[rune]bool{}
	for _, m := range regexp.MustCompile(`U\+([0-9A-F]+)(?:-([0-9A-F]+))?`).FindAllStringSubmatch(face, -1) {
		first, _ := strconv.ParseInt(m[1], 16, 32)
		last := first
		if m[2] != "" {
			last, _ = strconv.ParseInt(m[2], 16, 32)
		}
		for r := first; r <= last; r++ {
			set[rune(r)] = true
		}
	}
	return set
}

// TestFontsCoverSentences: no letter of a sentence comes from a font that the
// kiosk may not have, and what every language says on the start screen, and when
// the gateway is gone and nothing can be fetched, is in the files that are there
// by then.
func TestFontsCoverSentences(t *testing.T) {
	b, err := os.ReadFile("assets/fonts.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(b)
	always := covers(t, css, "text-latin.woff2")
	for tag, own := range map[string]struct{ hello, more []string }{
		"en": {}, "es": {},
		"ar":      {[]string{"text-arabic.woff2"}, nil},
		"zh-Hans": {[]string{"text-han-hello.woff2"}, []string{"text-han.woff2", "text-han-video.woff2"}},
		"vi":      {[]string{"text-viet-hello.woff2", "text-viet-latin-hello.woff2"}, []string{"text-viet.woff2", "text-viet-latin.woff2"}},
	} {
		w := readLanguage(t, tag)
		hello, all := map[rune]bool{}, map[rune]bool{}
		for _, f := range own.hello {
			maps.Copy(hello, covers(t, css, f))
		}
		maps.Copy(all, hello)
		for _, f := range own.more {
			maps.Copy(all, covers(t, css, f))
		}
		if tag != "vi" { // whose Latin letters are its own
			maps.Copy(hello, always)
			maps.Copy(all, always)
		}
		// What is measured comes late and of few: every character that the kiosk has.
		measured := maps.Clone(all)
		if tag == "zh-Hans" {
			maps.Copy(measured, covers(t, css, "text-han-more.woff2"))
		}
		look := func(key, sentence string) {
			all := all
			if strings.HasPrefix(key, "measure.") {
				all = measured
			}
			early := key == "name" || strings.HasPrefix(key, "attract.") || strings.HasPrefix(key, "language.") || strings.HasPrefix(key, "gone.")
			for _, r := range regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(sentence, "") {
				if !all[r] {
					t.Errorf("%s: %q of %s is in no file of letters", tag, r, key)
				} else if early && !hello[r] {
					t.Errorf("%s: %q of %s is not in %v", tag, r, key, own.hello)
				}
			}
		}
		look("name", w.Name)
		for _, row := range w.Rows {
			look("keyboard", row)
		}
		for key, sentence := range w.Text {
			look(key, sentence)
		}
		for key, forms := range w.Plural {
			for _, sentence := range forms {
				look(key, sentence)
			}
		}
	}
	for _, tongue := range kiosk.Tongues() {
		for _, r := range tongue.Name {
			of := []string{"text-latin.woff2", "text-names.woff2", "text-names-han.woff2", "text-arabic.woff2"}
			if tongue.Tag == "vi" {
				of = []string{"text-viet-hello.woff2", "text-viet.woff2", "text-viet-latin-hello.woff2", "text-viet-latin.woff2"}
			}
			if !slices.ContainsFunc(of, func(f string) bool { return covers(t, css, f)[r] }) {
				t.Errorf("%q of %s is in no file of letters", r, tongue.English)
			}
		}
	}
	for _, r := range "一二三四五六七八九十月日年上午下" { // which the browser knows: months, halves of the day
		if !covers(t, css, "text-han.woff2")[r] && !covers(t, css, "text-han-hello.woff2")[r] {
			t.Errorf("zh-Hans: %q is in no file of letters", r)
		}
	}
}
