package desk_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPagesAsStandard: pairing page and desk, with the list that is printed, are byte
// for byte what the standard library's html/template makes of the same templates.
func TestPagesAsStandard(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "es"} {
		k := newKit(t, func(k *kit) { k.cfg.Language, k.cfg.Clinic = language, `Smith & "Sons" <Clinic>` })
		for _, page := range []string{"desk.html", "pair.html"} {
			own, standard, err := k.PageOf(page, "")
			if err != nil || own != standard {
				t.Errorf("%s in %s has %d bytes, %d by html/template, error %v", page, language, len(own), len(standard), err)
			}
			var pass []*http.Cookie
			if page == "desk.html" {
				pass = append(pass, k.pair())
			}
			if w := k.ask("GET", "/", k.host(), nil, "", pass...); w.Body.String() != standard {
				t.Errorf("%s in %s is served otherwise: %d", page, language, w.Code)
			}
		}
	}
}

// TestHostilePages: with a hostile text for every value the pages have the markup of
// their templates and no more, and are what html/template makes.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	for _, page := range []string{"desk.html", "pair.html"} {
		benign, _, err := k.PageOf(page, "benign")
		if err != nil {
			t.Fatal(err)
		}
		for _, evil := range hostile {
			own, standard, err := k.PageOf(page, evil)
			if err != nil || own != standard {
				t.Errorf("%q in %s: %d bytes, %d by html/template, error %v", evil, page, len(own), len(standard), err)
			}
			for _, sign := range []string{"<", ">", `"`} {
				if got, want := strings.Count(own, sign), strings.Count(benign, sign); got != want {
					t.Errorf("%q in %s: %d %s, want %d", evil, page, got, sign, want)
				}
			}
		}
	}
}
