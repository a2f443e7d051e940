package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"clinicgate/kiosk/web"

	"github.com/google/uuid"
)

// picture is what the page gets, as far as tests look at it.
type picture struct {
	Epoch, Session, Language, Notice, Help string
	Rev                                    uint64
	State                                  web.State
	StepsLeft                              int
	Needs                                  []string
	CodeRead, Licence                      bool
	Display                                struct{ Large, Contrast, Low bool }
	IdleMs                                 int64
	Visit                                  *struct{ Name, Department, Provider, At, Zone string }
	Form                                   *struct {
		ID, Title, Text string
		Number, Of      int
	}
	Done *struct {
		Ticket, Where     string
		Room              string
		WaitLow, WaitHigh int
		StaffFlag         bool
		Provisional       bool
		Paper             web.TicketState
	}
	Standing *struct {
		Sentence            string
		MayLeave, MayReturn bool
	}
	Refusal *struct {
		Sentence string
		Again    bool
		Number   bool
		Where    string
	}
	Signing *struct {
		Signers []web.Signer
		Age     int
	}
	Vitals []vital
	Party  *struct {
		People     []struct{ Name, Ticket, Where string }
		Next, More bool
		Paper      web.TicketState
	}
}

type vital struct {
	Kind, Value, Unit string
	Again             bool
}

// client is a browser without a screen: it launches, keeps the cookie, and acts.
// It calls the handler directly, so it also works on virtual time.
type client struct {
	t      testing.TB
	s      *web.Server
	cookie *http.Cookie
	now    picture
}

func newRequest(t testing.TB, s *web.Server, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, "http://"+s.Addr()+path, body)
	r.Host = s.Addr()
	return r
}

func launched(t testing.TB, s *web.Server) *client {
	t.Helper()
	path, err := s.NewLaunch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, s: s}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, newRequest(t, s, "GET", path, nil))
	if w.Code != http.StatusSeeOther || len(w.Result().Cookies()) != 1 {
		t.Fatalf("launch: status %d, cookies %v", w.Code, w.Result().Cookies())
	}
	c.cookie = w.Result().Cookies()[0]
	return c
}

// post sends one act as the page does.
func (c *client) post(request uuid.UUID, session, event string, fields map[string]any) *httptest.ResponseRecorder {
	c.t.Helper()
	body := map[string]any{"request": request, "session": session, "event": event}
	for k, v := range fields {
		body[k] = v
	}
	b, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	r := newRequest(c.t, c.s, "POST", "/act", bytes.NewReader(b))
	r.AddCookie(c.cookie)
	r.Header.Set("Origin", "http://"+c.s.Addr())
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Clinicgate-Page", "1")
	w := httptest.NewRecorder()
	c.s.Handler().ServeHTTP(w, r)
	return w
}

func newRequestID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func (c *client) take(w *httptest.ResponseRecorder) picture {
	c.t.Helper()
	c.now = picture{}
	if err := json.Unmarshal(w.Body.Bytes(), &c.now); err != nil {
		c.t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
	}
	return c.now
}

// look asks for the picture without touching anything.
func (c *client) look() picture {
	c.t.Helper()
	return c.take(c.post(newRequestID(), "", "look", nil))
}

// act does something and wants it to happen.
func (c *client) act(event string, fields map[string]any) picture {
	c.t.Helper()
	if c.now.Session == "" {
		c.look()
	}
	w := c.post(newRequestID(), c.now.Session, event, fields)
	if w.Code != http.StatusOK {
		c.t.Fatalf("%s in %s: status %d, want 200", event, c.now.State, w.Code)
	}
	return c.take(w)
}

// refused checks that an act does not happen.
func (c *client) refused(event string, fields map[string]any) {
	c.t.Helper()
	if w := c.post(newRequestID(), c.now.Session, event, fields); w.Code != http.StatusConflict {
		c.t.Errorf("%s in %s: status %d, want 409", event, c.now.State, w.Code)
	}
	c.look()
}

// want checks the state that is shown.
func (c *client) want(state web.State) picture {
	c.t.Helper()
	if c.now.State != state {
		c.t.Fatalf("state is %q, want %q", c.now.State, state)
	}
	return c.now
}

// confirmed says that the visit is right; the first form follows.
func (c *client) confirmed() picture {
	c.t.Helper()
	c.want(web.Confirming)
	c.act("confirm", nil)
	return c.want(web.Consent)
}

// answer decides on the form that is shown, as the page does: by what it shows.
func (c *client) answer(granted bool) picture {
	c.t.Helper()
	f := c.now.Form
	if f == nil {
		c.t.Fatalf("no form in state %s", c.now.State)
	}
	sum := sha256.Sum256([]byte(f.Text))
	return c.act("decide", map[string]any{"form": f.ID, "shown": hex.EncodeToString(sum[:]), "granted": granted})
}

// choose takes a language, and needs no help.
func (c *client) choose(tag string) picture {
	c.t.Helper()
	c.act("choose", map[string]any{"language": tag})
	c.want(web.Needing)
	return c.act("ready", nil)
}

// toConsent goes through the first three screens.
func (c *client) toConsent() {
	c.t.Helper()
	c.act("start", nil)
	c.choose("en")
	c.act("code", map[string]any{"code": goodTyped})
	c.confirmed()
}

// events opens the page's stream over a real connection.
type events struct {
	body io.ReadCloser
	scan *bufio.Scanner
}

func openEvents(t testing.TB, addr, path string, cookie *http.Cookie) *events {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET %s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &events{body: resp.Body, scan: bufio.NewScanner(resp.Body)}
}

// next returns the next event, or "" at the stream's end.
func (e *events) next() (name, data string) {
	for e.scan.Scan() {
		line := e.scan.Text()
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			name = v
		} else if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		} else if line == "" && name != "" {
			return name, data
		}
	}
	return "", ""
}

// until skips to an event of a name that satisfies ok.
func (e *events) until(t testing.TB, want string, ok func(data string) bool) string {
	t.Helper()
	for {
		name, data := e.next()
		if name == "" {
			t.Fatalf("stream ended before %q", want)
		}
		if name == want && (ok == nil || ok(data)) {
			return data
		}
	}
}
