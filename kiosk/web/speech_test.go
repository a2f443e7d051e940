package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

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
			phrases = append(phrases, web.Phrase{Text: speech.Key(text)})
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

func TestVoices(t *testing.T) {
	packs, _ := hummed(t, []string{"en", "es"})
	older := &bytes.Buffer{}
	if err := speech.Write(older, "vi", 8000, []string{"7"}, [][]byte{{1}}); err != nil {
		t.Fatal(err)
	}
	packs["vi.speech"] = &fstest.MapFile{Data: older.Bytes()}
	packs["es.speech"].Data[500] ^= 1                                   // damaged
	packs["ar.speech"] = &fstest.MapFile{Data: packs["en.speech"].Data} // of another language
	voices, err := web.Voices(packs, []string{"en", "es", "zh-Hans", "vi", "ar"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, speech.ErrPack, fs.ErrNotExist, nil, speech.ErrPack} {
		if v := voices[i]; !errors.Is(v.Err, want) || (v.Missing > 0) != (v.Language == "vi") {
			t.Errorf("%s: error %v, %d missing", v.Language, v.Err, v.Missing)
		}
	}
	s := newServer(t, web.Config{Speech: packs, Languages: []string{"en", "es", "zh-Hans", "vi", "ar"}}, web.Deps{})
	if got := strings.Join(s.Speaks(), " "); got != "en vi" {
		t.Errorf("the page speaks %q", got)
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
