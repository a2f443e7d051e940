package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"clinicgate/kiosk/web"
)

// configs are what the pages differ by.
func configs(t testing.TB) map[string]web.Config {
	t.Helper()
	tags := []string{"en", "es", "zh-Hans", "vi", "ar"}
	packs, _ := hummed(t, tags)
	cs := map[string]web.Config{
		"all, in every way":            {Languages: tags, Clinic: `Smith & "Sons" <Clinic>`, Speech: packs, Private: true, PanelWidth: 480, Distance: 700, BoardPanel: 32, BoardDistance: 4},
		"two, of a board that is mute": {Languages: []string{"es", "en"}, Clinic: "Riverside", Speech: packs, BoardMute: true, PanelWidth: 300},
	}
	for _, tag := range tags {
		cs[tag] = web.Config{Languages: []string{tag}}
		cs[tag+" and all"] = web.Config{Languages: append([]string{tag}, without(tags, tag)...), Speech: packs}
	}
	return cs
}

func without(tags []string, tag string) (rest []string) {
	for _, other := range tags {
		if other != tag {
			rest = append(rest, other)
		}
	}
	return rest
}

// TestPagesAsStandard: the pages that are served are, byte for byte, what the
// standard library's html/template makes of the same templates.
func TestPagesAsStandard(t *testing.T) {
	t.Parallel()
	for name, cfg := range configs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, cfg, web.Deps{})
			want, err := s.StandardPages(cfg)
			if err != nil {
				t.Fatal(err)
			}
			c := launched(t, s)
			for page, request := range map[string]*http.Request{
				"checkin.html": newRequest(t, s, "GET", "/", nil),
				"locked.html":  newRequest(t, s, "GET", "/", nil),
				"board.html":   newRequest(t, s, "GET", "/board", nil),
			} {
				if page == "checkin.html" {
					request.AddCookie(c.cookie)
				}
				w := httptest.NewRecorder()
				s.Handler().ServeHTTP(w, request)
				if got := w.Body.String(); got != want[page] || got == "" {
					t.Errorf("%s has %d bytes, %d by html/template; from the first difference: %s", page, len(got), len(want[page]), difference(got, want[page]))
				}
			}
		})
	}
}

func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("%.60q, not %.60q", a[i:], b[i:])
}

// TestHostilePages: with a hostile text for every value the pages have the markup
// of their templates and no more, and are what html/template makes.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	cfg := web.Config{Languages: []string{"en", "ar", "vi"}, Private: true, PanelWidth: 300}
	s := newServer(t, cfg, web.Deps{})
	benign, err := s.PagesOf(cfg, "benign")
	if err != nil {
		t.Fatal(err)
	}
	for _, evil := range hostile {
		pages, err := s.PagesOf(cfg, evil)
		if err != nil {
			t.Fatalf("%q: %v", evil, err)
		}
		for name, page := range pages {
			if page[0] != page[1] {
				t.Errorf("%q in %s: from the first difference to html/template: %s", evil, name, difference(page[0], page[1]))
			}
			for _, sign := range []string{"<", ">", `"`} {
				if got, want := strings.Count(page[0], sign), strings.Count(benign[name][0], sign); got != want {
					t.Errorf("%q in %s: %d %s, want %d", evil, name, got, sign, want)
				}
			}
		}
	}
}
