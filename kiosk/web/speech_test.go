package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/speech"
)

// hummed makes packs in which clip i of a language has 400+i samples of silence, so
// that a test knows a sound by its length. more are texts beyond the page's own.
func hummed(t testing.TB, tags []string, more ...string) (packs fstest.MapFS, length map[string]int) {
	t.Helper()
	return hummedFrom(t, 400, tags, more...)
}

// hummedFrom is hummed with longer clips.
func hummedFrom(t testing.TB, n int, tags []string, more ...string) (packs fstest.MapFS, length map[string]int) {
	t.Helper()
	packs, length = fstest.MapFS{}, map[string]int{}
	for _, tag := range tags {
		phrases, err := web.Phrases(tag, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range more {
			if text = speech.Key(text); !slices.ContainsFunc(phrases, func(p web.Phrase) bool { return p.Text == text }) {
				phrases = append(phrases, web.Phrase{Text: text})
			}
		}
		var texts []string
		var sounds [][]byte
		for _, p := range phrases {
			texts, sounds = append(texts, p.Text), append(sounds, bytes.Repeat([]byte{0xff}, n))
			length[tag+" "+p.Text] = n
			n++
		}
		var b bytes.Buffer
		if err := speech.Write(&b, tag, 16000, texts, sounds); err != nil {
			t.Fatal(err)
		}
		packs[tag+".speech"] = &fstest.MapFile{Data: b.Bytes()}
	}
	return packs, length
}

// TestPhrases: what the page can say has a clip, in every language; the sentences
// are taken from its file and not from the product's own list.
func TestPhrases(t *testing.T) {
	for _, tag := range []string{"en", "es", "zh-Hans", "vi", "ar"} {
		phrases, err := web.Phrases(tag, nil)
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]bool{}
		for _, p := range phrases {
			if has[p.Text] || p.Said == "" || strings.Contains(p.Text, "{") {
				t.Errorf("%s: phrase %q twice, not said, or with a value", tag, p.Text)
			}
			has[p.Text] = true
		}
		w := readLanguage(t, tag)
		for key, text := range w.Text {
			if !strings.Contains(text, "{") && !has[speech.Key(text)] {
				t.Errorf("%s: %s has no clip", tag, key)
			}
		}
		for n := range 181 {
			if (n < 60 || n%5 == 0) && !has[fmt.Sprint(n)] {
				t.Errorf("%s: no clip for %d", tag, n)
			}
		}
		for letter := 'A'; letter <= 'Z'; letter++ {
			if !has[string(letter)] {
				t.Errorf("%s: no clip for %c", tag, letter)
			}
		}
		for _, tongue := range kiosk.Tongues() {
			if !has[speech.Key(tongue.Name)] {
				t.Errorf("%s: nobody hears that there are interpreters of %s", tag, tongue.English)
			}
		}
	}
	en, _ := web.Phrases("en", nil)
	want := map[string]string{"to": "to", "minutes": "minutes", "steps left": "steps left", "Form": "Form", "min": "minutes", "October": "October", "AM": "a.m."}
	for _, p := range en {
		if want[p.Text] == p.Said {
			delete(want, p.Text)
		}
	}
	if len(want) > 0 {
		t.Errorf("not among the phrases: %v", want)
	}
}

// TestVoices: what is wrong with a pack, and whether the page then offers to read.
func TestVoices(t *testing.T) {
	packs, _ := hummed(t, []string{"en", "vi"})
	words := readLanguage(t, "vi")
	older := func(texts ...string) []byte {
		b := &bytes.Buffer{}
		if err := speech.Write(b, "vi", 8000, texts, slices.Repeat([][]byte{{1}}, len(texts))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	damaged := bytes.Clone(packs["vi.speech"].Data)
	damaged[500] ^= 1
	for _, tt := range []struct {
		what string
		pack []byte
		want error
		less bool
		says string
	}{
		{"whole", packs["vi.speech"].Data, nil, false, "en vi"},
		{"older", older("7", words.Text["speech.rest"], words.Text["speech.private"]), nil, true, "en vi"},
		{"silent about what it leaves out", older("7", words.Text["attract.title"]), web.ErrMute, true, "en"},
		{"damaged", damaged, speech.ErrPack, false, "en"},
		{"of another language", packs["en.speech"].Data, speech.ErrPack, false, "en"},
		{"not there", nil, fs.ErrNotExist, false, "en"},
	} {
		folder := fstest.MapFS{"en.speech": packs["en.speech"]}
		if tt.pack != nil {
			folder["vi.speech"] = &fstest.MapFile{Data: tt.pack}
		}
		voices, err := web.Voices(folder, []string{"en", "vi"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if en, vi := voices[0], voices[1]; en.Err != nil || !errors.Is(vi.Err, tt.want) || (vi.Missing > 0) != tt.less {
			t.Errorf("%s: error %v, %d missing", tt.what, vi.Err, vi.Missing)
		}
		s := newServer(t, web.Config{Speech: folder, Languages: []string{"en", "vi"}}, web.Deps{})
		if got := strings.Join(s.Speaks(), " "); got != tt.says {
			t.Errorf("%s: the page speaks %q", tt.what, got)
		}
	}
}

// TestSpeechServed: packs come like any other file of the page, to the board's
// displays too, and only as they were when they were checked.
func TestSpeechServed(t *testing.T) {
	packs, _ := hummed(t, []string{"en"})
	s := newServer(t, web.Config{Speech: packs, BoardHosts: []string{"board.clinic.example"}}, web.Deps{})
	get := func(h http.Handler, host, path string) *http.Response {
		r := httptest.NewRequest("GET", "http://x"+path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	for _, h := range []struct {
		handler http.Handler
		host    string
	}{{s.Handler(), s.Addr()}, {s.BoardHandler(), "board.clinic.example"}} {
		resp := get(h.handler, h.host, "/speech/en.speech")
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || !bytes.Equal(body, packs["en.speech"].Data) {
			t.Errorf("%s: status %d, %d bytes", h.host, resp.StatusCode, len(body))
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: headers %v", h.host, resp.Header)
		}
		for _, path := range []string{"/speech/es.speech", "/speech/", "/speech/en", "/speech/../en.speech", "/speech/en.speech/"} {
			if resp := get(h.handler, h.host, path); resp.StatusCode != 404 {
				t.Errorf("%s%s: status %d", h.host, path, resp.StatusCode)
			}
		}
		if resp := get(h.handler, "evil.example", "/speech/en.speech"); resp.StatusCode != 421 {
			t.Errorf("a foreign host gets status %d", resp.StatusCode)
		}
	}
	packs["en.speech"] = &fstest.MapFile{Data: []byte("other")}
	if resp := get(s.Handler(), s.Addr(), "/speech/en.speech"); resp.StatusCode != 404 {
		t.Errorf("a pack that nobody checked: status %d", resp.StatusCode)
	}
}
