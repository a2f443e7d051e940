package desk_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/desk"
	"clinicgate/storage"
)

// The table of Host, Origin and Sec-Fetch values, from a browser that is paired
// and logged in: what a rebinding, a foreign page, a frame, a form and a plain
// program may do.
func TestRequests(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c, session := k.in("ana", anaPIN)
	host := k.host()
	_, port, _ := net.SplitHostPort(host)
	nav := func(pairs ...string) http.Header {
		h := http.Header{"Sec-Fetch-Site": {"none"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	h := func(pairs ...string) http.Header {
		out := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			out.Set(pairs[i], pairs[i+1])
		}
		return out
	}
	for _, tt := range []struct {
		name, method, path, host string
		header                   http.Header
		want                     int
	}{
		{"own page", "GET", "/", host, nav(), 200},
		{"own page by its other name", "GET", "/", "127.0.0.1:" + port, nav(), 200},
		{"rebound name", "GET", "/", "evil.example:" + port, nav(), 421},
		{"an address that is not listed", "GET", "/", "127.0.0.2:" + port, nav(), 421},
		{"localhost is not listed", "GET", "/", "localhost:" + port, nav(), 421},
		{"no port", "GET", "/", "desk.clinic.example", nav(), 421},
		{"other port", "GET", "/", "desk.clinic.example:1", nav(), 421},
		{"trailing dot", "GET", "/", "desk.clinic.example.:" + port, nav(), 421},
		{"upper case", "GET", "/", "DESK.clinic.example:" + port, nav(), 421},
		{"subdomain", "GET", "/", "x.desk.clinic.example:" + port, nav(), 421},
		{"suffix", "GET", "/", host + ".evil.example", nav(), 421},
		{"mapped address", "GET", "/", "[::ffff:127.0.0.1]:" + port, nav(), 421},
		{"empty Host", "GET", "/", "", nav(), 421},
		{"rebound act, own Origin", "POST", "/act", "evil.example:" + port, k.own("Origin", "https://evil.example:"+port), 421},
		{"rebound login", "POST", "/login", "evil.example:" + port, k.own("Origin", "https://evil.example:"+port), 421},
		{"rebound pairing", "POST", "/pair", "evil.example:" + port, k.own("Origin", "https://evil.example:"+port), 421},
		{"rebound stream", "GET", "/events", "evil.example:" + port, nil, 421},

		{"foreign frame", "GET", "/", host, nav("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe"), 403},
		{"own frame", "GET", "/", host, nav("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "iframe"), 403},
		{"page as a script", "GET", "/", host, h("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"), 403},
		{"prefetch", "GET", "/", host, nav("Sec-Purpose", "prefetch"), 403},
		{"stream, foreign page", "GET", "/events", host, h("Sec-Fetch-Site", "cross-site"), 403},
		{"stream, sibling port", "GET", "/events", host, h("Sec-Fetch-Site", "same-site"), 403},
		{"stream, address bar", "GET", "/events", host, h("Sec-Fetch-Site", "none"), 403},
		{"stream, foreign Origin", "GET", "/events", host, h("Origin", "https://evil.example"), 403},
		{"alive, own page", "GET", "/alive", host, h("Sec-Fetch-Site", "same-origin"), 204},
		{"alive, foreign page", "GET", "/alive", host, h("Sec-Fetch-Site", "cross-site"), 403},
		{"script, foreign page", "GET", "/assets/desk.js", host, h("Sec-Fetch-Site", "cross-site"), 403},
		{"words, own page", "GET", "/words/es.json", host, h("Sec-Fetch-Site", "same-origin"), 200},

		{"act, own page", "POST", "/act", host, k.own(), 200},
		{"act, older browser", "POST", "/act", host, k.own("Sec-Fetch-Site", ""), 200},
		{"act, foreign page", "POST", "/act", host, k.own("Sec-Fetch-Site", "cross-site"), 403},
		{"act, sibling port", "POST", "/act", host, k.own("Sec-Fetch-Site", "same-site"), 403},
		{"act, by navigation", "POST", "/act", host, k.own("Sec-Fetch-Site", "none"), 403},
		{"act, foreign Origin", "POST", "/act", host, k.own("Origin", "https://evil.example"), 403},
		{"act, null Origin", "POST", "/act", host, k.own("Origin", "null"), 403},
		{"act, no Origin", "POST", "/act", host, k.own("Origin", ""), 403},
		{"act, plain Origin", "POST", "/act", host, k.own("Origin", "http://"+host), 403},
		{"act, Origin of another name of ours", "POST", "/act", host, k.own("Origin", "https://127.0.0.1:"+port), 403},
		{"act, without our header", "POST", "/act", host, k.own("Clinicgate-Page", ""), 403},
		{"act, form", "POST", "/act", host, k.own("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"act, text", "POST", "/act", host, k.own("Content-Type", "text/plain"), 415},
		{"act by GET", "GET", "/act", host, h("Sec-Fetch-Site", "same-origin"), 405},
		{"login by GET", "GET", "/login", host, h("Sec-Fetch-Site", "same-origin"), 405},
		{"pairing by GET", "GET", "/pair", host, h("Sec-Fetch-Site", "same-origin"), 405},
		{"preflight", "OPTIONS", "/act", host, h("Origin", "https://evil.example", "Access-Control-Request-Method", "POST"), 405},
		{"login, foreign page", "POST", "/login", host, k.own("Sec-Fetch-Site", "cross-site"), 403},
		{"pairing, foreign page", "POST", "/pair", host, k.own("Sec-Fetch-Site", "cross-site"), 403},
		{"no such page", "GET", "/list", host, nav(), 404},
		{"up the tree", "GET", "/assets/../desk.go", host, nav(), 404},
		{"long query", "GET", "/?" + strings.Repeat("a", 300), host, nav(), 414},
	} {
		request, _ := uuid.NewV7()
		w := k.ask(tt.method, tt.path, tt.host, tt.header, fmt.Sprintf(`{"request":%q,"session":%q,"event":"stay"}`, request, session), c)
		if w.Code != tt.want {
			t.Errorf("%s: %s %s gave %d, want %d", tt.name, tt.method, tt.path, w.Code, tt.want)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: allows origin %q", tt.name, got)
		}
		if strings.Contains(w.Body.String(), patient) {
			t.Errorf("%s: shows a name", tt.name)
		}
	}
}

// Every answer has the strict headers, and no page has code or style in it.
func TestHeadersAndPages(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c := k.pair()
	var cookies = [][]*http.Cookie{nil, {c}}
	for _, r := range k.Routes() {
		if r.Path == "/events" {
			continue // does not end
		}
		for _, with := range cookies {
			w := k.ask(r.Method, r.Path, k.host(), nil, "", with...)
			csp := w.Header().Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "trusted-types 'none'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: policy %q has no %s", r.Path, csp, want)
				}
			}
			if strings.Contains(csp, "unsafe") || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: headers %v", r.Path, w.Header())
			}
			if r.Path != "/" {
				continue
			}
			for _, inline := range []string{"<script>", " style=", "<style", "javascript:", " onclick", "http://", "https://"} {
				if strings.Contains(w.Body.String(), inline) {
					t.Errorf("the page holds %q", inline)
				}
			}
		}
	}
	if w := k.ask("GET", "/", k.host(), nil, ""); !strings.Contains(w.Body.String(), strings.ReplaceAll(k.Fingerprint()[:47], ":", " ")) {
		t.Errorf("the pairing page does not show the fingerprint %s:\n%s", k.Fingerprint(), w.Body)
	}
}

// A browser without a key, or with one that is none, gets the page that asks
// for a code and nothing else.
func TestWithoutTheCookie(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c, session := k.in("ana", anaPIN)
	for name, cookies := range map[string][]*http.Cookie{
		"none": nil, "empty": {{Name: desk.CookieName}}, "wrong": {{Name: desk.CookieName, Value: strings.Repeat("A", 43)}},
		"cut": {{Name: desk.CookieName, Value: c.Value[1:]}}, "other name": {{Name: "clinicgate-desk", Value: c.Value}},
		"two": {c, {Name: desk.CookieName, Value: "x"}}, "of the session": {{Name: desk.CookieName, Value: session}},
	} {
		for path, want := range map[string]int{"/alive": 401, "/events": 401, "/": 401} {
			if w := k.ask("GET", path, k.host(), nil, "", cookies...); w.Code != want || strings.Contains(w.Body.String(), "desk.js") {
				t.Errorf("%s cookie: GET %s gave %d", name, path, w.Code)
			}
		}
		for _, path := range []string{"/login", "/act"} {
			if w := k.post(path, `{}`, cookies...); w.Code != 401 {
				t.Errorf("%s cookie: POST %s gave %d", name, path, w.Code)
			}
		}
	}
}

// A pairing code works once, within ten minutes, and not after a later one was
// given; nor after too many tries.
func TestPairingCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		pair := func(code string) int {
			time.Sleep(2 * time.Second) // below the rate
			w := k.post("/pair", fmt.Sprintf(`{"code":%q}`, code))
			if w.Code != http.StatusOK && (len(w.Result().Cookies()) != 0 || w.Body.String() != `{"refused":"pairing"}`) {
				t.Errorf("refused pairing: %d %s", w.Code, w.Body)
			}
			return w.Code
		}
		give := func() string {
			t.Helper()
			code, expires, err := k.Pair(admin, "x")
			if err != nil || time.Until(expires) != 10*time.Minute || len(code) != 9 {
				t.Fatalf("code %q until %v: %v", code, expires, err)
			}
			return code
		}
		if got := pair("ABCD-EFGH"); got != 403 {
			t.Errorf("a code while none is out: %d", got)
		}
		first := give()
		second := give()
		if got := pair(first); got != 403 {
			t.Errorf("a code after a later one: %d", got)
		}
		if got := pair(" " + strings.ToLower(strings.ReplaceAll(second, "-", " ")) + " "); got != 200 {
			t.Errorf("a good code, written otherwise: %d", got)
		}
		if got := pair(second); got != 403 {
			t.Errorf("a code a second time: %d", got)
		}
		late := give()
		time.Sleep(10 * time.Minute)
		if got := pair(late); got != 403 {
			t.Errorf("a code after ten minutes: %d", got)
		}
		guessed := give()
		for range desk.PairTries {
			pair("ABCD-EFGH")
		}
		if got := pair(guessed); got != 403 {
			t.Errorf("a code after %d guesses: %d", desk.PairTries, got)
		}
		if n := len(k.Browsers()); n != 1 {
			t.Errorf("%d browsers are paired, want 1", n)
		}
		// A flood is bounded in time and in what it writes.
		give()
		refused := 0
		for range 200 {
			if w := k.post("/pair", `{"code":"ABCD-EFGH"}`); w.Code == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused < 150 {
			t.Errorf("of 200 tries at once only %d were not looked at", refused)
		}
		if n := k.audited("DESK_PAIRING_REFUSED system:desk pair refused"); n < 5 || n > 40 {
			t.Errorf("%d audit events of refused pairings", n)
		}
	})
}

// After five wrong PINs a person waits at that browser, longer each time; who
// does not exist waits the same; the right PIN after the wait ends it.
func TestPINGuessing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		c := k.pair()
		k.pin("ana", anaPIN)
		try := func(staff, pin string) (int, string) {
			time.Sleep(time.Second) // below the rate
			w := k.login(staff, pin, c)
			return w.Code, w.Body.String()
		}
		for _, staff := range []string{"ana", "ben", "nobody"} { // with a PIN, without one, unknown
			for n := range desk.FreeTries {
				if code, text := try(staff, "918273"); code != http.StatusForbidden || text != `{"refused":"login"}` {
					t.Errorf("%s, try %d: %d %s", staff, n+1, code, text)
				}
			}
			if code, text := try(staff, anaPIN); code != http.StatusTooManyRequests || text != `{"refused":"wait","seconds":29}` {
				t.Errorf("%s, try six, with ana's PIN: %d %s", staff, code, text)
			}
			time.Sleep(time.Hour)
		}
		// The waits grow: 30 s after the fifth, then twice as long each time, to an hour.
		// At another browser, since this one has to wait by now whoever is tried.
		k.pin("ana", anaPIN)
		c = k.pair()
		for range desk.FreeTries {
			time.Sleep(time.Hour)
			try("ana", "918273")
		}
		for _, want := range []time.Duration{30, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
			time.Sleep(want*time.Second - 2*time.Second)
			if code, _ := try("ana", "918273"); code != http.StatusTooManyRequests {
				t.Errorf("a second before %v s are over: %d", int(want), code)
			}
			time.Sleep(time.Second)
			if code, text := try("ana", "918273"); code != http.StatusForbidden {
				t.Errorf("after %v s: %d %s", int(want), code, text)
			}
		}
		time.Sleep(time.Hour)
		if code, text := try("ana", anaPIN); code != http.StatusOK {
			t.Errorf("the right PIN after the wait: %d %s", code, text)
		}
		if n := k.audited("STAFF_LOGIN_REFUSED staff:ana login refused"); n != 2*desk.FreeTries+9 {
			t.Errorf("%d refused logins of ana are audited, want %d", n, 2*desk.FreeTries+9)
		}
		if n := k.audited("STAFF_LOGIN_REFUSED system:desk login refused"); n != desk.FreeTries {
			t.Errorf("%d refused logins of nobody are audited, want %d", n, desk.FreeTries)
		}
		if strings.Contains(strings.Join(k.audits(), " "), "nobody") {
			t.Error("what was typed in place of a staff id is in the audit log")
		}
	})
}

// One browser cannot try a PIN on everybody, nor many browsers PINs on one
// person; and what is remembered of it has a bound.
func TestGuessesAcrossPeopleAndBrowsers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	spray := desk.NewGuess()
	for n := range desk.FreeAlone {
		if w := spray.Wait(fmt.Sprint("p", n), "b-1", now); w > 0 {
			t.Fatalf("person %d at a browser waits %v", n, w)
		}
		spray.Wrong(fmt.Sprint("p", n), "b-1", now)
	}
	if spray.Wait("another", "b-1", now) <= 0 {
		t.Error("a browser that tried fifteen people need not wait")
	}
	spray.Right("p1", "b-1") // somebody's own PIN does not wash the browser clean for good
	spray.Wrong("p2", "b-1", now)
	if spray.Wait("another", "b-1", now) <= 0 {
		t.Error("one right PIN forgot what was tried on others")
	}
	many := desk.NewGuess()
	for n := range desk.FreeAlone {
		many.Wrong("ana", fmt.Sprint("b-", n), now)
	}
	if many.Wait("ana", "b-new", now) <= 0 {
		t.Error("a person who was tried at fifteen browsers need not wait at another")
	}
	if many.Wait("ben", "b-new", now) > 0 {
		t.Error("somebody else has to wait at another browser")
	}
	flood := desk.NewGuess()
	for n := range desk.MaxTallies + 300 {
		flood.Wrong(fmt.Sprint("p", n), "b-1", now.Add(time.Duration(n)*time.Millisecond))
	}
	if flood.Len() > desk.MaxTallies+3 {
		t.Errorf("%d tallies are kept", flood.Len())
	}
	if flood.Wait("x", "b-1", now) <= 0 {
		t.Error("a flood of names washed the browser's own tries out")
	}
}

// Whoever does not exist costs the same work as who does: one PIN's, which the memory
// that it takes shows on any machine.
func TestUnknownStaffCostsTheSame(t *testing.T) {
	k := newKit(t, nil)
	c := k.pair()
	k.pin("ana", anaPIN)
	least := map[string]uint64{}
	var before, after runtime.MemStats
	for range 2 {
		for _, staff := range []string{"ana", "ben", "nobody"} { // ben has no PIN
			runtime.ReadMemStats(&before)
			if w := k.login(staff, "918273", c); w.Code != http.StatusForbidden {
				t.Fatalf("%s: %d", staff, w.Code)
			}
			runtime.ReadMemStats(&after)
			took := after.TotalAlloc - before.TotalAlloc
			if least[staff] == 0 || took < least[staff] {
				least[staff] = took
			}
			time.Sleep(500 * time.Millisecond) // below the rate
		}
	}
	for _, staff := range []string{"ben", "nobody"} {
		if a, b := least["ana"], least[staff]; a < 19<<20 || b < a*4/5 || b > a*5/4 {
			t.Errorf("%s takes %d bytes, ana %d", staff, b, a)
		}
	}
}

// hostile are texts that have broken pages, shells, databases and logs.
var hostile = []string{
	"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "javascript:alert(1)", "'\"><b>", "</script><script>",
	"{{.Build}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "%3Cscript%3E", "&lt;script&gt;", "\\u003cscript\\u003e", "' OR '1'='1", "'; DROP TABLE staff;--",
	"admin'--", "1; cat /etc/passwd", "$(id)", "`id`", "| id", "&& id", "../../../etc/passwd", "..\\..\\windows", "/etc/passwd\x00.png", "\x00", "\x1b[2J",
	"\r\nSet-Cookie: a=b", "\nHTTP/1.1 200 OK", "%0d%0aX: y", "\u202eevil", "\u2028", "\ufeff", "\u0000", "ＡＮＡ", "аna", "ana\u200b", "ana ana",
	"A-001", "a-001\n", "{\"a\":1}", "[]", "null", "true", "-1", "1e999", "NaN", "💥", "ﷺ", "ß", strings.Repeat("A", 3000), strings.Repeat("ü", 1000), "%s%n%x", "CON", "__proto__",
	"file:///etc/passwd", "data:text/html,<script>", "<iframe src=//evil.example>", "=cmd|'/c calc'!A1", "@SUM(1)", "{{constructor}}",
}

// Every hostile text in every field is refused, is never repeated in the
// answer, and leaves nothing in the clinic, the log or the store.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	if len(hostile) < 50 {
		t.Fatalf("%d texts", len(hostile))
	}
	now := time.Now()
	k := newKit(t, func(k *kit) { k.now = func() time.Time { return now } })
	c, session := k.in("ana", anaPIN)
	k.CheapGuesses()
	id := entryID.String()
	fields := map[string][]map[string]any{ // what the event needs; each is replaced in turn
		"/act": {
			{"request": "", "session": session, "event": "call", "entry": id, "room": "101", "happenedAt": "09:40"},
			{"request": "", "session": session, "event": "status", "entry": id, "status": "waiting", "happenedAt": "09:40"},
			{"request": "", "session": session, "event": "remove", "entry": id, "removal": "rescheduled", "happenedAt": "09:40"},
			{"request": "", "session": session, "event": "priority", "entry": id, "priority": "urgent"},
			{"request": "", "session": session, "event": "transfer", "entry": id, "department": "cardiology"},
			{"request": "", "session": session, "event": "provider", "provider": "dr-a", "availability": "away", "room": "101"},
			{"request": "", "session": session, "event": "acknowledge", "help": helpID},
			{"request": "", "session": session, "event": "admit", "appointment": "apt-1", "happenedAt": "09:40"},
			{"request": "", "session": session, "event": "match", "entry": id, "appointment": "apt-1"},
			{"request": "", "session": session, "event": "walk-in", "department": "cardiology", "reason": "medicine", "family": "Canary", "given": "Wanda", "born": "1980-02-29"},
		},
		"/login": {{"staff": "ben", "pin": "918273"}},
		"/pair":  {{"code": "ABCD-EFGH"}},
	}
	k.room.refuse = &desk.Refusal{Reason: "room", Err: errors.New("the clinic does not know it")} // rooms are the clinic's to check
	before := k.room.done()
	asked := 0
	for path, bodies := range fields {
		for _, body := range bodies {
			for field := range body {
				for _, text := range append(hostile, "new member") {
					sent := map[string]any{}
					for f, v := range body {
						sent[f] = v
					}
					if _, has := sent["request"]; has {
						sent["request"], _ = uuid.NewV7()
					}
					sent[field] = text
					if text == "new member" {
						sent["extra<script>"] = text
					}
					raw, _ := json.Marshal(sent)
					w := k.post(path, string(raw), c)
					asked++
					if w.Code == http.StatusOK {
						t.Errorf("%s with %s = %q was done", path, field, text)
					}
					if len(text) > 4 && strings.Contains(w.Body.String(), text) || strings.Contains(w.Body.String(), "<") {
						t.Errorf("%s with %s = %q answers %q", path, field, text, w.Body)
					}
					if w.Code == http.StatusTooManyRequests {
						k.Restore() // the limits of rate and guesses are other tests' matter
					}
				}
			}
		}
	}
	if asked < 1000 {
		t.Errorf("only %d requests were made", asked)
	}
	if n := k.room.done(); n != before {
		t.Errorf("%d acts reached the clinic", n-before)
	}
	everything := k.log.String() + strings.Join(k.audits(), "\n")
	for _, text := range hostile {
		if len(text) > 4 && (strings.Contains(everything, text) || k.onDisk(text)) {
			t.Errorf("%q is in the log, the audit or the store", text)
		}
	}
}

// Bodies are bounded, and there is one of them.
func TestBodies(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c, session := k.in("ana", anaPIN)
	request, _ := uuid.NewV7()
	good := fmt.Sprintf(`{"request":%q,"session":%q,"event":"stay"}`, request, session)
	for body, want := range map[string]int{
		good: 200, good + good: 400, good + "x": 400, "": 400, "[]": 400, "{": 400, `{"event":7}`: 400, "null": 400,
		strings.Replace(good, "stay", "explode", 1): 400, strings.Replace(good, "}", `,"room":"101"}`, 1): 400,
		strings.Replace(good, request.String(), uuid.NewString(), 1):          400, // not of the form that grows with time
		`{"session":"` + strings.Repeat("a", 5000) + `"}`:                     413,
		strings.Replace(good, "}", strings.Repeat(" ", 1000)+"}", 1):          200,
		strings.Replace(good, `"stay"`, `"call","entry":"A-001"`, 1):          400, // the page names entries by id
		strings.Replace(good, `"stay"`, `"status","entry":"`+helpID+`"`, 1):   400, // no status
		strings.Replace(good, `"stay"`, `"provider","provider":"dr a"`, 1):    400,
		strings.Replace(good, `"stay"`, `"acknowledge","help":"`+"x"+`"`, 1):  400,
		strings.Replace(good, `"stay"`, `"undo","entry":"`+helpID+`x"`, 1):    400,
		strings.Replace(good, session, uuid.NewString(), 1):                   409,
		strings.Replace(good, `"stay"`, `"stay","event":"call"`, 1):           400, // the later member counts, and it needs an entry
		strings.Replace(good, `"stay"`, `"logoff","entry":"`+helpID+`"`, 1):   400,
		strings.Replace(good, `"stay"`, `"print","department":"general"`, 1):  400,
		strings.Replace(good, `"stay"`, `"transfer","entry":"`+helpID+`"`, 1): 400,
	} {
		if w := k.post("/act", body, c); w.Code != want {
			t.Errorf("%.80s gave %d, want %d", body, w.Code, want)
		}
	}
}

// A browser has so many open pages; another one ends the oldest.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c := k.pair()
	var all []*events
	for range desk.MaxStreams + 1 {
		e := k.listen(c)
		defer e.stop()
		e.next(t)
		all = append(all, e)
	}
	select {
	case <-all[0].locked:
	case <-time.After(5 * time.Second):
		t.Error("the oldest page goes on")
	}
}

func parsePEM(t *testing.T, k *kit) *x509.Certificate {
	t.Helper()
	text, own := k.Certificate()
	block, rest := pem.Decode(text)
	if block == nil || len(rest) > 0 || !own {
		t.Fatalf("certificate %q", text)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// The own authority outlives restarts, its certificates are renewed before
// they end, and it is trusted for the desk's hosts alone.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	k := newKit(t, func(k *kit) { k.now = func() time.Time { return now } })
	first, fingerprint := k.CertificateUntil(context.Background()), k.Fingerprint()
	ca := parsePEM(t, k)
	if !ca.PermittedDNSDomainsCritical || !slices.Equal(ca.PermittedDNSDomains, []string{"desk.clinic.example"}) || len(ca.PermittedIPRanges) != 1 ||
		ca.PermittedIPRanges[0].String() != "127.0.0.1/32" || !ca.MaxPathLenZero || ca.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("the authority may speak for %v %v", ca.PermittedDNSDomains, ca.PermittedIPRanges)
	}
	now = now.Add(59 * 24 * time.Hour)
	if until := k.CertificateUntil(context.Background()); !until.Equal(first) {
		t.Error("a certificate that is not due was renewed")
	}
	now = now.Add(2 * 24 * time.Hour)
	renewed := k.CertificateUntil(context.Background())
	if !renewed.After(first) || k.Fingerprint() != fingerprint {
		t.Errorf("a due certificate ends %v, before %v; the authority changed: %v", renewed, first, k.Fingerprint() != fingerprint)
	}
	k.reopen()
	if k.Fingerprint() != fingerprint || !k.CertificateUntil(context.Background()).Equal(renewed) {
		t.Error("a restart made another authority or certificate")
	}
	k.cfg.Hosts = append(k.cfg.Hosts, "10.0.0.21")
	k.reopen()
	if k.Fingerprint() == fingerprint {
		t.Error("another host did not make another authority")
	}
	for _, secret := range []string{"PRIVATE KEY", string(ca.Raw[:64])} {
		if k.onDisk(secret) {
			t.Error("a key or certificate lies in the clear")
		}
	}
}

// A kiosk that believes in 1970 at its first start has a certificate that
// browsers take today.
func TestCertificateOfAMachineWithoutAClock(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	k := newKit(t, func(k *kit) { k.now = func() time.Time { return now } })
	fingerprint := k.Fingerprint()
	now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // the true time becomes known
	if until := k.CertificateUntil(context.Background()); until.Before(now.Add(60 * 24 * time.Hour)) {
		t.Errorf("the certificate ends %v", until)
	}
	if k.Fingerprint() != fingerprint {
		t.Error("the authority was made anew")
	}
}

// What the authority signs for another name is not taken, whoever holds its key.
func TestHandshake(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	trust := x509.NewCertPool()
	trust.AddCert(parsePEM(t, k))
	for name, good := range map[string]bool{"desk.clinic.example": true, "127.0.0.1": true, "bank.example": false, "127.0.0.2": false} {
		conn, err := tls.Dial("tcp", k.Addr(), &tls.Config{RootCAs: trust, ServerName: name})
		if (err == nil) != good {
			t.Errorf("a browser that asks for %s: %v", name, err)
		}
		if err == nil {
			if v := conn.ConnectionState().Version; v != tls.VersionTLS13 {
				t.Errorf("TLS version %x", v)
			}
			_ = conn.Close()
		}
	}
}

// Rows that cannot be used, and a store that takes no more, cost a pairing or a
// certificate; the kiosk runs all the same.
func TestDamagedRowsAndAFullStore(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c := k.pair()
	err := k.store.Update(t.Context(), func(tx *storage.Tx) error {
		return errors.Join(tx.Put("desk-browser", []byte("b-broken"), []byte("{")), tx.Put("desk-tls", []byte("leaf"), []byte("[]")),
			tx.Put("desk-tls", []byte("authority"), []byte(`{"cert":"AAAA"}`)))
	})
	if err != nil {
		t.Fatal(err)
	}
	k.reopen()
	if got := k.see(c); got.raw == "" || len(k.Browsers()) != 1 {
		t.Errorf("after damage the desk shows %q to %d browsers", got.raw, len(k.Browsers()))
	}
	if !strings.Contains(k.log.String(), "made anew") || !strings.Contains(k.log.String(), "left out") {
		t.Errorf("the log does not tell of the damage: %s", k.log.String())
	}
	cfg := k.cfg
	cfg.Hosts = []string{"other.example"} // needs a new authority
	s, err := desk.New(t.Context(), cfg, desk.Deps{Clinic: k.room, Store: fullStore{k.store}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("on a full store: %v", err)
	}
	_ = s.Close()
}

// fullStore takes nothing.
type fullStore struct{ *storage.Store }

func (fullStore) Update(context.Context, func(*storage.Tx) error) error { return storage.ErrFull }

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	deps := desk.Deps{Clinic: k.room, Store: k.store, Logger: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*desk.Config){
		"no hosts":              func(c *desk.Config) { c.Hosts = nil },
		"the same person twice": func(c *desk.Config) { c.Staff = append(c.Staff, desk.Staff{ID: "ANA"}) },
		"a person without id":   func(c *desk.Config) { c.Staff = append(c.Staff, desk.Staff{}) },
		"a used port":           func(c *desk.Config) { c.Listen = k.Addr() },
		"no such certificate":   func(c *desk.Config) { c.Certificate, c.Key = "none.pem", "none.key" },
	} {
		cfg := k.cfg
		cfg.Staff = slices.Clone(cfg.Staff)
		change(&cfg)
		if s, err := desk.New(t.Context(), cfg, deps); err == nil {
			_ = s.Close()
			t.Errorf("%s: taken", name)
		}
	}
	if _, _, err := k.Pair(kiosk.Actor{}, "two\nlines"); err != desk.ErrBrowserName {
		t.Errorf("a name of two lines: %v", err)
	}
}
