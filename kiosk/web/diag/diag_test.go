package diag_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/diag"
	"clinicgate/kiosk/web/door"
)

// bare is a running server without a listener, for tests on virtual time.
func bare(t *testing.T, said *[]string) *diag.Server {
	t.Helper()
	k := &kit{t: t}
	s, err := diag.New(diag.Config{Language: "en"}, diag.Deps{Kiosk: &machine{}, Logger: slog.New(slog.DiscardHandler),
		Audit: func(ctx context.Context, act kiosk.Act, kind kiosk.AuditType, f kiosk.AuditFacts) error {
			err := k.audit(ctx, act, kind, f)
			*said = k.audited
			return err
		},
		Free: func() bool { return true }, Captured: func(context.Context, phi.Text) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	time.Sleep(time.Millisecond) // virtual: Run has begun
	return s
}

func gate(s *diag.Server) http.Handler {
	return door.New("http", door.LoopbackHosts("80"), func(*http.Request) bool { return true }, func(string) {}, s.Routes())
}

func request(s *diag.Server, path, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://localhost"+path, strings.NewReader(body))
	for name, v := range map[string]string{"Content-Type": "application/json", "Clinicgate-Page": "1", "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"} {
		r.Header.Set(name, v)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	gate(s).ServeHTTP(w, r)
	return w
}

func post(s *diag.Server, code string) *httptest.ResponseRecorder {
	return request(s, "/diag/code", `{"code":"`+code+`"}`)
}

func touch(t *testing.T, s *diag.Server, cookies []*http.Cookie) {
	t.Helper()
	if w := request(s, "/diag/act", `{"act":"active"}`, cookies...); w.Code != 200 {
		t.Errorf("a touch gave %d", w.Code)
	}
}

func (k *kit) act(cookies []*http.Cookie, body string) string {
	k.t.Helper()
	w := k.ask("POST", "/diag/act", body, cookies)
	b, err := io.ReadAll(w.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// TestActs: what a technician does comes to the kiosk, under her name.
func TestActs(t *testing.T) {
	t.Parallel()
	k := newKit(t, "en")
	k.run()
	cookies := k.opened()
	k.kiosk.readings <- diag.Trial{Read: true, Good: true, Kind: "ticket", Symbology: "QR", Length: 31, Micros: 900}
	for _, tt := range []struct{ body, want string }{
		{`{"act":"await","device":"front-scanner"}`, `{"read":true,"good":true,"kind":"ticket","symbology":"QR","length":31,"micros":900}`},
		{`{"act":"try","device":"help-lamp"}`, `{"read":true,"good":true,"micros":4200}`},
		{`{"act":"try","device":"tickets"}`, `{"refused":"failed","why":"the device did not do it: no paper","next":"put in a roll"}`},
		{`{"act":"judge","device":"help-lamp","passed":true}`, `{}`},
		{`{"act":"level","component":"page","level":"debug"}`, `{}`},
	} {
		if got := k.act(cookies, tt.body); got != tt.want {
			t.Errorf("%s gave %s, want %s", tt.body, got, tt.want)
		}
	}
	if got := k.act(cookies, `{"act":"log","level":"info"}`); !strings.Contains(got, "link is down") || strings.Contains(got, "browser launched") {
		t.Errorf("log: %s", got)
	}
	w := k.ask("POST", "/diag/check", `{}`, cookies)
	found, _ := io.ReadAll(w.Body)
	if lines := strings.Split(strings.TrimSpace(string(found)), "\n"); len(lines) != 5 || !strings.Contains(lines[1], `"id":"net-dns"`) || lines[4] != `{"code":"0417-AB"}` {
		t.Errorf("checks: %s", found)
	}
	if got := strings.Join(slices.Concat(k.kiosk.judged, k.kiosk.levels, k.kiosk.tried), "; "); got != "tess help-lamp passed; tess page debug; help-lamp" {
		t.Errorf("the kiosk was asked for %s", got)
	}
	if got := k.act(cookies, `{"act":"leave"}`); got != "unauthorized" || k.diag.Status().Open {
		t.Errorf("leaving gave %s", got)
	}
}

// TestTexts: both languages have the same sentences with the same places, and every
// sentence that the pages name is there.
func TestTexts(t *testing.T) {
	t.Parallel()
	k := newKit(t, "es")
	texts := k.diag.Texts()
	place := regexp.MustCompile(`\{[a-z]+\}`)
	for key, en := range texts["en"] {
		es, ok := texts["es"][key]
		a, b := place.FindAllString(en, -1), place.FindAllString(es, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !ok || es == "" || !slices.Equal(a, b) {
			t.Errorf("%s: %q in English, %q in Spanish", key, en, es)
		}
	}
	if len(texts["en"]) != len(texts["es"]) {
		t.Errorf("%d and %d sentences", len(texts["en"]), len(texts["es"]))
	}
	named := regexp.MustCompile(`(?:data-text="|data-label="|\btext\(")([a-z.-]+)"`)
	for _, name := range []string{"pad.html", "diag.html", "/diag/pad.js", "/diag/diag.js", "/diag/plot.js", "/diag/trial.js"} {
		source := k.diag.Static(name)
		if len(source) == 0 {
			t.Fatalf("%s is not served", name)
		}
		for _, m := range named.FindAllSubmatch(source, -1) {
			if texts["en"][string(m[1])] == "" {
				t.Errorf("%s names %q, which no language has", name, m[1])
			}
		}
	}
	for _, c := range []string{"scanner", "nfc", "button", "presence", "vitals", "lamp", "sounder", "printer", "display", "door"} {
		if texts["en"]["class."+c] == "" {
			t.Errorf("class %s has no name", c)
		}
	}
	if !strings.Contains(string(k.diag.Static("pad.html")), "Para técnicos") {
		t.Error("the pad does not begin in the kiosk's language")
	}
}

// TestNothingBeforeTheCode: the pad names none of the files of the page, and of the
// kiosk it has nothing.
func TestNothingBeforeTheCode(t *testing.T) {
	t.Parallel()
	k := newKit(t, "en")
	pad := string(k.diag.Static("pad.html")) + string(k.diag.Static("/diag/pad.js"))
	for _, s := range []string{"diag.js", "diag.css", "plot.js", "trial.js", "lobby-1", "v1.2.3"} {
		if strings.Contains(pad, s) {
			t.Errorf("the pad has %q", s)
		}
	}
}
