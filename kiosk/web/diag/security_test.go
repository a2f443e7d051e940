package diag_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/diag"
)

// TestRequests is the table of what each part answers to whom: a foreign page, a frame,
// a form, a browser that nobody launched, the launched one, and a technician.
func TestRequests(t *testing.T) {
	t.Parallel()
	k := newKit(t, "en")
	k.run()
	all := k.opened()
	pass, both := all[:1], all
	addr := k.page.Addr()
	stale := []*http.Cookie{pass[0], {Name: all[1].Name, Value: strings.Repeat("A", 43)}}
	twice := append([]*http.Cookie{}, all[0], all[1], all[1])
	const none = `{}`
	tests := []struct {
		name, method, path, body string
		cookies                  []*http.Cookie
		header                   []string
		want                     int
	}{
		{"page, nobody", "GET", "/diag", "", nil, nil, 401},
		{"page, technician's cookie alone", "GET", "/diag", "", all[1:], nil, 401},
		{"page, launched", "GET", "/diag", "", pass, []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"page, technician", "GET", "/diag", "", both, nil, 200},
		{"page, rebound name", "GET", "/diag", "", both, []string{"Host", "evil.example"}, 421},
		{"page, framed", "GET", "/diag", "", both, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"page, prefetched", "GET", "/diag", "", both, []string{"Sec-Purpose", "prefetch"}, 403},
		{"page, posted", "POST", "/diag", none, both, nil, 405},
		{"below the page", "GET", "/diag/", "", both, nil, 404},
		{"pad's script, nobody", "GET", "/diag/pad.js", "", nil, nil, 401},
		{"pad's script, launched", "GET", "/diag/pad.js", "", pass, nil, 200},
		{"pad's style, launched", "GET", "/diag/pad.css", "", pass, nil, 200},
		{"pad's script, foreign page", "GET", "/diag/pad.js", "", pass, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"script, launched", "GET", "/diag/diag.js", "", pass, nil, 401},
		{"script, stale", "GET", "/diag/diag.js", "", stale, nil, 401},
		{"script, cookie twice", "GET", "/diag/diag.js", "", twice, nil, 401},
		{"script, technician", "GET", "/diag/diag.js", "", both, nil, 200},
		{"style, launched", "GET", "/diag/diag.css", "", pass, nil, 401},
		{"plots, launched", "GET", "/diag/plot.js", "", pass, nil, 401},
		{"device tests, launched", "GET", "/diag/trial.js", "", pass, nil, 401},
		{"words, nobody", "GET", "/words/diag.es.json", "", nil, nil, 401},
		{"words, launched", "GET", "/words/diag.es.json", "", pass, nil, 200},
		{"alive, launched", "GET", "/diag/alive", "", pass, nil, 401},
		{"alive, technician", "GET", "/diag/alive", "", both, nil, 204},
		{"alive, address bar", "GET", "/diag/alive", "", both, []string{"Sec-Fetch-Site", "none"}, 403},
		{"events, launched", "GET", "/diag/events", "", pass, nil, 401},
		{"events, foreign Origin", "GET", "/diag/events", "", both, []string{"Origin", "http://evil.example"}, 403},
		{"pad's line, nobody", "GET", "/diag/pad", "", nil, nil, 401},
		{"pad's line, foreign page", "GET", "/diag/pad", "", pass, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"act, nobody", "POST", "/diag/act", `{"act":"active"}`, nil, nil, 401},
		{"act, launched", "POST", "/diag/act", `{"act":"active"}`, pass, nil, 401},
		{"act, stale", "POST", "/diag/act", `{"act":"active"}`, stale, nil, 401},
		{"act, technician", "POST", "/diag/act", `{"act":"active"}`, both, nil, 200},
		{"act, foreign Origin", "POST", "/diag/act", `{"act":"active"}`, both, []string{"Origin", "http://evil.example"}, 403},
		{"act, null Origin", "POST", "/diag/act", `{"act":"active"}`, both, []string{"Origin", "null"}, 403},
		{"act, no Origin", "POST", "/diag/act", `{"act":"active"}`, both, []string{"Origin", ""}, 403},
		{"act, sibling port", "POST", "/diag/act", `{"act":"active"}`, both, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"act, without our header", "POST", "/diag/act", `{"act":"active"}`, both, []string{"Clinicgate-Page", ""}, 403},
		{"act, form", "POST", "/diag/act", `{"act":"active"}`, both, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"act, none of the page's", "POST", "/diag/act", `{"act":"format"}`, both, nil, 400},
		{"act, something more", "POST", "/diag/act", `{"act":"active","sudo":true}`, both, nil, 400},
		{"act, twice", "POST", "/diag/act", `{"act":"active"}{}`, both, nil, 400},
		{"act, large", "POST", "/diag/act", `{"act":"` + strings.Repeat("a", 4096) + `"}`, both, nil, 400},
		{"act by address", "GET", "/diag/act", "", both, nil, 405},
		{"refused act", "POST", "/diag/act", `{"act":"level","component":"nothing","level":"debug"}`, both, nil, 409},
		{"checks, launched", "POST", "/diag/check", none, pass, nil, 401},
		{"checks, foreign page", "POST", "/diag/check", none, both, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"code, nobody", "POST", "/diag/code", `{"code":"00000000"}`, nil, nil, 401},
		{"code, foreign page", "POST", "/diag/code", `{"code":"00000000"}`, pass, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"code, no object", "POST", "/diag/code", `[]`, pass, nil, 400},
		{"code by address", "GET", "/diag/code", "", pass, nil, 405},
		{"scan, nobody", "POST", "/diag/scan", `{"code":"x"}`, nil, nil, 401},
		{"scan, large", "POST", "/diag/scan", `{"code":"` + strings.Repeat("x", 5000) + `"}`, pass, nil, 400},
	}
	for _, tt := range tests {
		w := k.ask(tt.method, tt.path, tt.body, tt.cookies, tt.header...)
		if w.StatusCode != tt.want {
			t.Errorf("%s: %s %s gave %d, want %d", tt.name, tt.method, tt.path, w.StatusCode, tt.want)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"} {
			if got := w.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", tt.name, name, got)
			}
		}
		if csp := w.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "trusted-types 'none'") {
			t.Errorf("%s: policy %q", tt.name, csp)
		}
	}
	if c := all[1]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/diag" || c.MaxAge != 0 || len(c.Value) != 43 {
		t.Errorf("technician's cookie: %+v", c)
	}
	_ = addr
}

// Every route is for the launched browser: none of them is forgotten.
func TestEveryRouteAsksForThePass(t *testing.T) {
	t.Parallel()
	k := newKit(t, "en")
	for _, r := range k.diag.Routes() {
		if !r.Pass {
			t.Errorf("%s %s is for everybody", r.Method, r.Path)
		}
	}
}

func (k *kit) code(pass []*http.Cookie, code string) (int, string) {
	k.t.Helper()
	w := k.ask("POST", "/diag/code", `{"code":"`+code+`"}`, pass)
	body, err := io.ReadAll(w.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return w.StatusCode, strings.TrimSpace(string(body))
}

// TestCodes: a code works once; the fifth wrong one voids it; a new one voids the one
// before; each is answered alike, and recorded with who asked for it.
func TestCodes(t *testing.T) {
	t.Parallel()
	k := newKit(t, "en")
	k.run()
	pass := k.launched()
	try := func(code, want string, status int) {
		t.Helper()
		k.eventually("more tries are allowed", func() bool {
			got, body := k.code(pass, code)
			if got == http.StatusTooManyRequests {
				time.Sleep(300 * time.Millisecond)
				return false
			}
			if got != status || body != want {
				t.Errorf("%s gave %d %s, want %d %s", code, got, body, status, want)
			}
			return true
		})
	}
	const wrong = `{"refused":"wrong"}`
	try("12345678", wrong, 403) // none is out
	first, until := k.diag.Open(technician)
	if d := time.Until(until); len(first) != 9 || d > 10*time.Minute || d < 9*time.Minute {
		t.Fatalf("code %q for %s", first, d)
	}
	first = strings.ReplaceAll(first, " ", "")
	second, _ := k.diag.Open(technician)
	second = strings.ReplaceAll(second, " ", "")
	try(first, wrong, 403)
	try(second, "{}", 200)
	try(second, wrong, 403)
	third, _ := k.diag.Open(technician)
	third = strings.ReplaceAll(third, " ", "")
	for range 4 {
		try("x", wrong, 403)
	}
	if s := k.diag.Status(); !s.Code || s.Wrong != 4 || !s.Open || s.OpenBy != technician {
		t.Errorf("status %+v", s)
	}
	try("x", `{"refused":"locked"}`, 403)
	try(third, wrong, 403)
	for _, want := range []string{"DIAG_REFUSED diag code wrong", "DIAG_OPENED tess open", "DIAG_REFUSED tess code locked"} {
		if !strings.Contains(k.record(), want) {
			t.Errorf("not recorded: %s\n%s", want, k.record())
		}
	}
	if strings.Contains(k.record(), third) || strings.Contains(k.record(), second) {
		t.Error("a code is on record")
	}
}

// TestTime: a code is void after ten minutes, a session after three without a touch,
// and both ends are recorded.
func TestTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said []string
		s := bare(t, &said)
		code, _ := s.Open(technician)
		time.Sleep(10*time.Minute + time.Second)
		if got := post(s, strings.ReplaceAll(code, " ", "")); got.Code != 403 {
			t.Errorf("an old code gave %d", got.Code)
		}
		code, _ = s.Open(technician)
		w := post(s, strings.ReplaceAll(code, " ", ""))
		if w.Code != 200 || !s.Status().Open {
			t.Fatalf("a good code gave %d", w.Code)
		}
		time.Sleep(2 * time.Minute)
		touch(t, s, w.Result().Cookies())
		time.Sleep(2*time.Minute + 59*time.Second)
		if !s.Status().Open {
			t.Error("closed too early")
		}
		time.Sleep(2 * time.Second)
		if s.Status().Open {
			t.Error("still open after three idle minutes")
		}
		if n := s.Samples(); n < 50 || n > 240 {
			t.Errorf("%d samples in a quarter of an hour", n)
		}
		time.Sleep(2 * time.Hour)
		if n := s.Samples(); n != 240 {
			t.Errorf("%d samples after hours", n)
		}
		if got := strings.Join(said, "\n"); !strings.Contains(got, "DIAG_OPENED tess open\nDIAG_CLOSED tess idle") {
			t.Errorf("recorded:\n%s", got)
		}
	})
}

// TestPatientsComeFirst: while somebody checks in or has called for help there is
// neither pad nor page, and a scan, a call or a launch ends them.
func TestPatientsComeFirst(t *testing.T) {
	t.Parallel()
	k := newKit(t, "en")
	k.run()
	ends := func(why string, end func()) {
		t.Helper()
		cookies := k.opened()
		line := k.ask("GET", "/diag/events", "", cookies)
		pad := k.ask("GET", "/diag/pad", "", cookies[:1])
		k.eventually("the page is shown", func() bool { return k.diag.Status().Open })
		end()
		for what, w := range map[string]*http.Response{"page": line, "pad": pad} {
			if !locked(w) {
				t.Errorf("%s: the %s was not told to go", why, what)
			}
		}
		k.eventually(why+" is recorded", func() bool { return strings.Contains(k.record(), "DIAG_CLOSED tess "+why) })
		if w := k.ask("POST", "/diag/act", `{"act":"active"}`, cookies); w.StatusCode != 401 {
			t.Errorf("%s: an act after it gave %d", why, w.StatusCode)
		}
	}
	ends("launch", func() { k.launched() })
	ends("closed", func() { k.diag.Close() })
	ends("help", func() { k.desk.calls(web.HelpCalled) })
	pass := k.launched()
	if w := k.ask("GET", "/diag", "", pass); w.StatusCode != 303 || w.Header.Get("Location") != "/" {
		t.Errorf("with help called the pad gave %d", w.StatusCode)
	}
	if status, _ := k.code(pass, "12345678"); status != 409 {
		t.Errorf("with help called a code gave %d", status)
	}
	k.desk.calls(web.HelpNone)
	k.eventually("help came", func() bool { return k.page.Free() })
	ends("patient", func() {
		if err := k.page.Scan(t.Context(), phi.New("K7MQ-4RT2"), ""); err != nil {
			t.Errorf("the patient's scan: %v", err)
		}
	})
	if k.page.Free() {
		t.Error("the patient's scan was lost")
	}
	// The page counts as shown until its last answer has ended, a moment after "locked".
	k.eventually("a scan is refused because no browser shows anything", func() bool {
		return errors.Is(k.page.Scan(t.Context(), phi.New("K7MQ-4RT2"), ""), web.ErrNoPage)
	})
}

// locked reads a stream to its end and reports whether it was told to go.
func locked(w *http.Response) bool {
	lines := bufio.NewScanner(w.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if lines.Text() == "event: locked" {
			return true
		}
	}
	return false
}

// TestAScanOfThePageIsThePatients: what a scanner types into the page ends it.
func TestAScanOfThePageIsThePatients(t *testing.T) {
	t.Parallel()
	k := newKit(t, "en")
	k.run()
	cookies := k.opened()
	if w := k.ask("POST", "/diag/scan", `{"code":"K7MQ4RT2"}`, cookies); w.StatusCode != 204 {
		t.Fatalf("a scan gave %d", w.StatusCode)
	}
	if got := <-k.scanned; got != "K7MQ4RT2" || k.diag.Status().Open || k.page.Free() {
		t.Errorf("scan %q: page open %t, check-in free %t", got, k.diag.Status().Open, k.page.Free())
	}
}

func FuzzAction(f *testing.F) {
	f.Add(`{"act":"log","after":3,"level":"info"}`)
	f.Add(`{"act":"judge","device":"a","passed":true}`)
	f.Fuzz(func(_ *testing.T, body string) { _ = diag.ParseAction(strings.NewReader(body)) })
}
