package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1", "", "127.0.0.1:http0"} {
		s, err := web.New(web.Config{Listen: addr, Languages: []string{"en"}},
			web.Deps{CheckIn: newClinic(), Board: newRoom(), Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			_ = s.Close()
			t.Errorf("New listens on %q", addr)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "127.8.9.10:0", "localhost:0"} {
		_ = newServer(t, web.Config{Listen: addr}, web.Deps{})
	}
}

func TestUsedPort(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Config{}, web.Deps{})
	_, err := web.New(web.Config{Listen: s.Addr(), Languages: []string{"en"}},
		web.Deps{CheckIn: newClinic(), Board: newRoom(), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("a used port: %v, want an error that names it", err)
	}
}

// TestRequests is the table of Host, Origin and Sec-Fetch values: what a
// rebinding, a foreign page, a frame, a form and a plain program may do.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Config{}, web.Deps{})
	c := launched(t, s)
	addr := s.Addr()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	own := "http://" + addr
	const json = "application/json"
	h := func(pairs ...string) http.Header {
		out := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			out.Add(pairs[i], pairs[i+1])
		}
		return out
	}
	page := func(pairs ...string) http.Header { // what our page sends with a write
		out := h("Content-Type", json, "Clinicgate-Page", "1", "Origin", own, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty")
		for i := 0; i < len(pairs); i += 2 {
			out.Del(pairs[i])
			if pairs[i+1] != "" {
				out.Set(pairs[i], pairs[i+1])
			}
		}
		return out
	}
	navigate := h("Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	tests := []struct {
		name, method, path, host string
		header                   http.Header
		want                     int
	}{
		{"own page, by number", "GET", "/", addr, navigate, 200},
		{"own page, by name", "GET", "/", "localhost:" + port, navigate, 200},
		{"own page, IPv6", "GET", "/", "[::1]:" + port, navigate, 200},
		{"program without metadata", "GET", "/", addr, nil, 200},
		{"rebound name", "GET", "/", "evil.example:" + port, navigate, 421},
		{"rebound name, own Origin", "POST", "/act", "evil.example:" + port, page("Origin", "http://evil.example:"+port), 421},
		{"number without port", "GET", "/", "127.0.0.1", navigate, 421},
		{"other port", "GET", "/", "127.0.0.1:1", navigate, 421},
		{"other loopback number", "GET", "/", "127.0.0.2:" + port, navigate, 421},
		{"trailing dot", "GET", "/", "localhost.:" + port, navigate, 421},
		{"upper case", "GET", "/", "LOCALHOST:" + port, navigate, 421},
		{"user in Host", "GET", "/", "127.0.0.1:" + port + "@evil.example", navigate, 421},
		{"suffix", "GET", "/", "127.0.0.1:" + port + ".evil.example", navigate, 421},
		{"decimal number", "GET", "/", "2130706433:" + port, navigate, 421},
		{"zero address", "GET", "/", "0.0.0.0:" + port, navigate, 421},
		{"mapped address", "GET", "/", "[::ffff:127.0.0.1]:" + port, navigate, 421},
		{"empty Host", "GET", "/", "", navigate, 421},
		{"rebound launch", "GET", "/launch?t=x", "evil.example:" + port, navigate, 421},
		{"rebound stream", "GET", "/events", "evil.example:" + port, nil, 421},
		{"rebound board", "GET", "/board", "evil.example:" + port, navigate, 421},

		{"link on a foreign page", "GET", "/", addr, h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), 200},
		{"foreign frame", "GET", "/", addr, h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"), 403},
		{"own frame", "GET", "/", addr, h("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"), 403},
		{"embed", "GET", "/board", addr, h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "embed"), 403},
		{"page as a script", "GET", "/", addr, h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"), 403},
		{"prefetch of a launch", "GET", "/launch?t=x", addr, h("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch;prerender"), 403},
		{"launch by fetch", "GET", "/launch?t=x", addr, h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"), 403},

		{"alive, own page", "GET", "/alive", addr, h("Sec-Fetch-Site", "same-origin"), 204},
		{"alive, foreign page", "GET", "/alive", addr, h("Sec-Fetch-Site", "cross-site"), 403},
		{"alive, sibling port", "GET", "/alive", addr, h("Sec-Fetch-Site", "same-site"), 403},
		{"alive, address bar", "GET", "/alive", addr, h("Sec-Fetch-Site", "none"), 403},
		{"alive, foreign Origin", "GET", "/alive", addr, h("Origin", "http://evil.example"), 403},
		{"stream, foreign Origin", "GET", "/events", addr, h("Origin", "null"), 403},
		{"stream, foreign page", "GET", "/events", addr, h("Sec-Fetch-Site", "cross-site"), 403},
		{"board stream, foreign page", "GET", "/board/events", addr, h("Sec-Fetch-Site", "cross-site"), 403},
		{"script, foreign page", "GET", "/assets/checkin.js", addr, h("Sec-Fetch-Site", "cross-site"), 403},
		{"script, sibling port", "GET", "/assets/checkin.js", addr, h("Sec-Fetch-Site", "same-site"), 403},
		{"words, own page", "GET", "/words/es.json", addr, h("Sec-Fetch-Site", "same-origin"), 200},

		{"write, own page", "POST", "/act", addr, page(), 409},
		{"write, older browser", "POST", "/act", addr, page("Sec-Fetch-Site", ""), 409},
		{"write, charset", "POST", "/act", addr, page("Content-Type", "application/json; charset=utf-8"), 409},
		{"write, foreign page", "POST", "/act", addr, page("Sec-Fetch-Site", "cross-site"), 403},
		{"write, sibling port", "POST", "/act", addr, page("Sec-Fetch-Site", "same-site"), 403},
		{"write, by navigation", "POST", "/act", addr, page("Sec-Fetch-Site", "none"), 403},
		{"write, foreign Origin", "POST", "/act", addr, page("Origin", "http://evil.example"), 403},
		{"write, null Origin", "POST", "/act", addr, page("Origin", "null"), 403},
		{"write, no Origin", "POST", "/act", addr, page("Origin", ""), 403},
		{"write, https Origin", "POST", "/act", addr, page("Origin", "https://"+addr), 403},
		{"write, Origin of another name of ours", "POST", "/act", addr, page("Origin", "http://localhost:"+port), 403},
		{"write, Origin with a slash", "POST", "/act", addr, page("Origin", own+"/"), 403},
		{"write, Origin as a prefix", "POST", "/act", addr, page("Origin", own+".evil.example"), 403},
		{"write, without our header", "POST", "/act", addr, page("Clinicgate-Page", ""), 403},
		{"write, form", "POST", "/act", addr, page("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"write, text", "POST", "/act", addr, page("Content-Type", "text/plain"), 415},
		{"write, no type", "POST", "/act", addr, page("Content-Type", ""), 415},
		{"write, two types", "POST", "/act", addr, page("Content-Type", "application/json, text/plain"), 415},
		{"preflight", "OPTIONS", "/act", addr, h("Origin", "http://evil.example", "Access-Control-Request-Method", "POST"), 405},
	}
	if len(tests) < 40 {
		t.Fatalf("%d rows", len(tests))
	}
	for _, tt := range tests {
		r := newRequest(t, s, tt.method, tt.path, strings.NewReader(
			`{"request":"019ab3c4-0000-7000-8000-000000000000","session":"none","event":"start"}`))
		r.Host = tt.host
		r.Header = tt.header.Clone()
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.AddCookie(c.cookie)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: %s %s gave %d, want %d", tt.name, tt.method, tt.path, w.Code, tt.want)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: allows origin %q", tt.name, got)
		}
	}
	if p := c.look(); p.State != web.Attract {
		t.Errorf("one of the requests changed the state to %s", p.State)
	}
}

// TestHeaders is the snapshot: the same on every route, error and method.
func TestHeaders(t *testing.T) {
	t.Parallel()
	want := http.Header{
		"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
			"require-trusted-types-for 'script'; trusted-types 'none'"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Cross-Origin-Embedder-Policy": {"require-corp"},
		"Origin-Agent-Cluster":         {"?1"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Cache-Control":                {"no-store"},
	}
	s := newServer(t, web.Config{}, web.Deps{})
	paths, _, _ := s.AllRoutes()
	for _, path := range append(paths, "/nothing", "/assets/", "/assets/../doc.go", "/launch?t=wrong") {
		if path == "/board/events" {
			continue // does not end; TestBoard reads it
		}
		for _, method := range []string{"GET", "POST", "TRACE"} {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, newRequest(t, s, method, path, nil))
			for name, value := range want {
				if got := w.Header()[name]; !slices.Equal(got, value) {
					t.Errorf("%s %s (%d): %s is %q, want %q", method, path, w.Code, name, got, value)
				}
			}
			if p := w.Header().Get("Permissions-Policy"); !strings.Contains(p, "camera=()") || !strings.Contains(p, "geolocation=()") {
				t.Errorf("%s %s: Permissions-Policy %q", method, path, p)
			}
			if got := w.Header().Get("Server"); got != "" {
				t.Errorf("%s %s: Server %q", method, path, got)
			}
			if got := w.Header().Get("Content-Type"); w.Body.Len() > 0 && got == "" {
				t.Errorf("%s %s: a body without a type", method, path)
			}
		}
	}
}

// TestMethods: each route has one method, and what needs the pass refuses
// without it, before it reads anything.
func TestMethods(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Config{}, web.Deps{})
	paths, method, pass := s.AllRoutes()
	writes := 0
	for _, path := range paths {
		if method[path] != "GET" {
			writes++
		}
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if m == method[path] && path == "/board/events" {
				continue
			}
			w := httptest.NewRecorder()
			r := newRequest(t, s, m, path, nil)
			r.Header.Set("Origin", "http://"+s.Addr())
			r.Header.Set("Clinicgate-Page", "1")
			r.Header.Set("Content-Type", "application/json")
			s.Handler().ServeHTTP(w, r)
			switch {
			case m != method[path]:
				if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != method[path] {
					t.Errorf("%s %s: %d, Allow %q", m, path, w.Code, w.Header().Get("Allow"))
				}
			case pass[path]:
				if w.Code != http.StatusUnauthorized {
					t.Errorf("%s %s without the pass: %d, want 401", m, path, w.Code)
				}
			}
		}
	}
	if writes != 1 || method["/act"] != "POST" {
		t.Errorf("%d routes change something, want /act alone", writes)
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Config{Clinic: "Riverside"}, web.Deps{})
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, newRequest(t, s, "GET", "/", nil))
	body := w.Body.String()
	if w.Code != http.StatusUnauthorized || !strings.Contains(body, "Please go to the desk") || !strings.Contains(body, "Pase a la recepción") {
		t.Errorf("without a session: %d %s", w.Code, body)
	}
	if strings.Contains(body, "<template") || strings.Contains(body, "checkin.js") {
		t.Error("the locked page carries the check-in")
	}
}

func TestLaunch(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newServer(t, web.Config{}, web.Deps{Now: func() time.Time { return now }})
	get := func(path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		r := newRequest(t, s, "GET", path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	mint := func() string {
		path, err := s.NewLaunch(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := mint()
	w := get(path)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Fatalf("launch: %d %s", w.Code, w.Header().Get("Location"))
	}
	first := w.Result().Cookies()[0]
	if !first.HttpOnly || first.SameSite != http.SameSiteStrictMode || first.Path != "/" || first.MaxAge != 0 || !first.Expires.IsZero() || first.Domain != "" {
		t.Errorf("cookie %+v", first)
	}
	if w := get("/", first); w.Code != http.StatusOK {
		t.Errorf("with the cookie: %d", w.Code)
	}
	if w := get(path, first); w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) != 0 {
		t.Errorf("the token a second time: %d", w.Code)
	}
	if w := get("/alive", first); w.Code != http.StatusNoContent {
		t.Errorf("a token used twice ended the session: %d", w.Code)
	}
	second := get(mint()).Result().Cookies()[0]
	if w := get("/alive", first); w.Code != http.StatusUnauthorized {
		t.Errorf("the earlier browser after a new launch: %d, want 401", w.Code)
	}
	if w := get("/alive", second); w.Code != http.StatusNoContent {
		t.Errorf("the new browser: %d", w.Code)
	}
	if w := get("/alive", first, second); w.Code != http.StatusUnauthorized {
		t.Errorf("two cookies of one name: %d, want 401", w.Code)
	}
	for _, v := range []string{"", "x", second.Value + "A", strings.ToLower(second.Value), second.Value[:len(second.Value)-1]} {
		if w := get("/alive", &http.Cookie{Name: second.Name, Value: v}); w.Code != http.StatusUnauthorized {
			t.Errorf("cookie %q: %d", v, w.Code)
		}
	}
	late := mint()
	now = now.Add(60 * time.Second)
	if w := get(late); w.Code != http.StatusUnauthorized {
		t.Errorf("a token after 60 s: %d, want 401", w.Code)
	}
	for _, path := range []string{"/launch", "/launch?t=", "/launch?t=AAAA", "/launch?x=1", "/launch?t=" + strings.Repeat("A", 43)} {
		if w := get(path); w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get("/launch?t=" + strings.Repeat("A", 4000)); w.Code != http.StatusRequestURITooLong {
		t.Errorf("a long token: %d", w.Code)
	}
	// Many unused tokens: the oldest give way, the newest works.
	old := mint()
	for range 20 {
		path = mint()
	}
	if w := get(old); w.Code != http.StatusUnauthorized {
		t.Errorf("the oldest of 21 tokens: %d", w.Code)
	}
	if w := get(path); w.Code != http.StatusSeeOther {
		t.Errorf("the newest of 21 tokens: %d", w.Code)
	}
}

func TestLaunchGuessing(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Config{}, web.Deps{})
	limited := false
	for range 200 {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, newRequest(t, s, "GET", "/launch?t=guess", nil))
		limited = limited || w.Code == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("200 guesses at once are all answered")
	}
}

// TestPassOutlivesARestart: the browser goes on, the session does not.
func TestPassOutlivesARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.pass")
	s := newServer(t, web.Config{}, web.Deps{Pass: web.PassFile(file)})
	c := launched(t, s)
	session := c.act("start", nil).Session
	addr := s.Addr()
	_ = s.Close()
	again := newServer(t, web.Config{Listen: addr}, web.Deps{Pass: web.PassFile(file)})
	c = &client{t: t, s: again, cookie: c.cookie}
	if p := c.look(); p.State != web.Attract || p.Session == session {
		t.Errorf("after a restart: %+v", p)
	}
	stored, err := web.PassFile(file).Load()
	if err != nil || bytes.Contains(stored, []byte(c.cookie.Value)) {
		t.Errorf("the file holds the pass itself (%v)", err)
	}
	if got, err := web.PassFile(filepath.Join(t.TempDir(), "none")).Load(); got != nil || err != nil {
		t.Errorf("no file: %v, %v", got, err)
	}
}

// hostile are strings that break what trusts its input.
var hostile = []string{
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "{{.Build}}", "${7*7}", "%s%n%x",
	"' OR 1=1 --", `"; DROP TABLE queue; --`, "../../../../etc/passwd", "..\\..\\windows\\win.ini", "file:///etc/passwd",
	"http://evil.example/", "//evil.example", "data:text/html,<script>alert(1)</script>", "\x1b@\x1dV\x00", "\x1b[31mred",
	"a\r\nSet-Cookie: x=y", "a\nevent: view\ndata: {}", "a\x00b", "\u202egnp.exe", "\ufeffCHK1:", "\u2028\u2029", "\ud7ff\ue000",
	"CHK1:", "CHK1:" + strings.Repeat("A", 4090), strings.Repeat("9", 7089), strings.Repeat("é", 3000), `{"__proto__":{"a":1}}`,
	"constructor", "__proto__", "toString", "null", "undefined", "NaN", "-1", "1e309", "0x41", "true", "[object Object]",
	"shc:/5676290952432060346029243740", "shlink:/eyJ1cmwi", "@\n\x1e\rANSI 636000", "%B4111111111111111^DOE/JANE^", ";4111111111111111=2512?",
	"\\u003cscript\\u003e", "&lt;script&gt;", "<svg/onload=alert(1)>", "<!--", "]]>", "\xff\xfe\xfd", "𝕏𠜎🩺", "İı", "ﷺ",
	"A" + strings.Repeat("\u0301", 2000), "{", "}", `\`, `"`, "`id`", "$(id)", "|id", "A-017",
}

// TestHostileStrings puts each into every field and scan: refused or looked up
// as it is, never echoed, never logged.
func TestHostileStrings(t *testing.T) {
	t.Parallel()
	if len(hostile) < 50 {
		t.Fatalf("%d strings", len(hostile))
	}
	var logged journal
	desk := newClinic()
	// Each round has a server of its own: the rate limit is not what this test is about.
	fresh := func() *web.Server {
		return newServer(t, web.Config{}, web.Deps{CheckIn: desk,
			Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	}
	for i, evil := range hostile {
		// A canary around it, so that an echo is told from the page's own words.
		planted := fmt.Sprintf("q%dq", i) + evil
		var c *client
		check := func(where string, w *httptest.ResponseRecorder) {
			t.Helper()
			if w.Code >= 500 {
				t.Errorf("%q in %s: %d", evil, where, w.Code)
			}
			if strings.Contains(w.Body.String(), fmt.Sprintf("q%dq", i)) {
				t.Errorf("%q in %s is echoed", evil, where)
			}
			for name, values := range w.Header() {
				if strings.Contains(strings.Join(values, ""), fmt.Sprintf("q%dq", i)) {
					t.Errorf("%q in %s is echoed in %s", evil, where, name)
				}
			}
		}
		for n, field := range append(web.ActionFields(), "unknown") {
			if n%7 == 0 {
				c = launched(t, fresh())
				c.act("start", nil)
			}
			for _, event := range []string{"choose", "code", "decide", "help", "born", "named", "signed"} {
				body := map[string]any{field: planted}
				if field != "event" {
					body["event"] = event
				}
				w := c.post(newRequestID(), c.now.Session, event, body)
				check(field, w)
			}
		}
		s := fresh()
		c = launched(t, s)
		c.act("start", nil)
		c.choose("en")
		check("code", c.post(newRequestID(), c.now.Session, "code", map[string]any{"code": planted}))
		c.act("leave", nil)
		c.act("start", nil)
		c.act("choose", map[string]any{"language": "en"})
		c.act("ready", nil)
		c.act("no-code", nil)
		check("birth", c.post(newRequestID(), c.now.Session, "born", map[string]any{"birth": planted}))
		c.act("born", map[string]any{"birth": "1980-02-29"})
		check("time", c.post(newRequestID(), c.now.Session, "time", map[string]any{"time": planted}))
		check("phone", c.post(newRequestID(), c.now.Session, "phone", map[string]any{"phone": planted}))
		check("names", c.post(newRequestID(), c.now.Session, "named", map[string]any{"family": planted, "given": planted}))
		c.act("leave", nil)
		w := c.post(newRequestID(), c.look().Session, "scan", map[string]any{"code": planted})
		check("scan", w)
		check("choose", c.post(newRequestID(), c.look().Session, "choose", map[string]any{"language": "en"}))
		r := newRequest(t, s, "GET", "/", nil)
		r.URL.Path, r.URL.RawQuery = "/"+planted, "t="+planted
		r.Header.Set("Cookie", "clinicgate="+planted)
		r.Header.Set("User-Agent", planted)
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, r)
		check("path", rec)
	}
	for i := range hostile {
		if strings.Contains(logged.String(), fmt.Sprintf("q%dq", i)) {
			t.Errorf("%q is logged", hostile[i])
		}
	}
	if _, finished, _, tickets := desk.counts(); finished != 0 || tickets != 0 {
		t.Errorf("%d finished, %d numbers", finished, tickets)
	}
}

// TestHostileScans: the same from the device layer.
func TestHostileScans(t *testing.T) {
	t.Parallel()
	var logged journal
	s := start(t, web.Config{}, web.Deps{Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	c := launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	stream.until(t, "view", nil)
	for i, evil := range hostile {
		if err := s.Scan(t.Context(), phi.New(fmt.Sprintf("q%dq", i)+evil), "qr"); err != nil {
			t.Fatal(err)
		}
	}
	w := c.post(newRequestID(), "", "look", nil)
	if strings.Contains(w.Body.String()+logged.String(), "q0q") {
		t.Error("a scan is echoed or logged")
	}
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t, web.Config{}, web.Deps{})
	c := launched(t, s)
	for name, body := range map[string]string{
		"large":       `{"code":"` + strings.Repeat("A", 64<<10) + `"}`,
		"not JSON":    "code=1",
		"empty":       "",
		"two values":  `{"request":"019ab3c4-0000-7000-8000-000000000000","event":"x"} {}`,
		"unknown key": `{"request":"019ab3c4-0000-7000-8000-000000000000","event":"x","admin":true}`,
		"old UUID":    `{"request":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","event":"x"}`,
		"no request":  `{"event":"start"}`,
		"array":       `[]`,
		"deep":        strings.Repeat("[", 12000),
	} {
		r := newRequest(t, s, "POST", "/act", strings.NewReader(body))
		r.AddCookie(c.cookie)
		r.Header = http.Header{"Cookie": r.Header["Cookie"], "Origin": {"http://" + s.Addr()}, "Content-Type": {"application/json"}, "Clinicgate-Page": {"1"}}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		want := http.StatusBadRequest
		if name == "large" {
			want = http.StatusRequestEntityTooLarge
		}
		if w.Code != want {
			t.Errorf("%s: %d, want %d", name, w.Code, want)
		}
	}
}

// TestBoundedListener: one too many is closed at once; a place that becomes free
// is used again.
func TestBoundedListener(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := web.Bounded(inner, 2)
	accepted := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	dial()
	first := <-accepted
	second := <-accepted
	if n, err := dial().Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the third connection: %d, %v, want its end", n, err)
	}
	_ = first.Close()
	_ = first.Close() // gives its place back once
	dial()
	third := <-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("a connection beyond the bound is open")
	}
	_, _ = second.Close(), third.Close()
	_ = l.Close()
}

// TestSlowSockets: a flood of half requests is closed or cut, and the page's
// own connection, opened before, goes on.
func TestSlowSockets(t *testing.T) {
	t.Parallel()
	s := start(t, web.Config{}, web.Deps{})
	c := launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	stream.until(t, "view", nil)
	var slow []net.Conn
	defer func() {
		for _, conn := range slow {
			_ = conn.Close()
		}
	}()
	for range 5 * web.PageConns {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: " + s.Addr() + "\r\nX-Slow: "))
	}
	stream.until(t, "beat", nil)
	// Every one of them ends without an answer: by the bound, or by the deadline.
	for i, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatalf("socket %d is still open, got %q", i, b)
		}
	}
	stream.until(t, "beat", nil)
	resp, err := http.Get("http://" + s.Addr() + "/board")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("after the flood: %d", resp.StatusCode)
	}
}
