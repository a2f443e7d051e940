package gateway_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/logging"
	"clinicgate/kiosk"
)

// screen is the kiosk's browser at the technician's page.
type screen struct {
	*clinic
	cookies []*http.Cookie
}

func (s *screen) ask(method, path, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.at.Page+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == "POST" {
		for name, v := range map[string]string{"Content-Type": "application/json", "Clinicgate-Page": "1", "Origin": "http://" + s.at.Page, "Sec-Fetch-Site": "same-origin"} {
			r.Header.Set(name, v)
		}
	}
	for _, c := range s.cookies {
		r.AddCookie(c)
	}
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Body.Close()
	s.cookies = append(s.cookies, w.Cookies()...)
	if w.Header.Get("Content-Type") == "text/event-stream" {
		lines := bufio.NewScanner(w.Body)
		lines.Buffer(nil, 1<<20)
		var all string
		for all = ""; lines.Scan() && lines.Text() != ""; {
			all += lines.Text() + "\n"
		}
		return w.StatusCode, all
	}
	data, err := io.ReadAll(w.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return w.StatusCode, string(data)
}

// TestDiagnosticsKnowNobody: with patients on the roster, checked in and called, what
// the technician's page is told is the kiosk's, and nothing of it is theirs.
func TestDiagnosticsKnowNobody(t *testing.T) {
	c := newClinic(t)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.kept = logging.Open(logging.Options{Level: slog.LevelDebug, Stderr: &c.log})
	t.Cleanup(func() { _ = c.kept.Close() })
	c.start()
	code := c.admit("canary-7")
	ticket := c.typed(c.browser(), code)
	c.eventually("the patient's session is over", func() bool {
		list, err := c.control.QueueList(t.Context())
		return err == nil && len(list.Entries) == 1
	})

	launch, err := c.control.Launch(t.Context(), control.Launch{})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{clinic: c}
	s.ask("GET", strings.TrimPrefix(launch.URL, "http://"+c.at.Page), "")
	opened, err := c.control.DiagOpen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := s.ask("POST", "/diag/code", `{"code":"12341234"}`); status != 403 {
		t.Errorf("a wrong code gave %d", status)
	}
	if st, err := c.control.DiagStatus(t.Context()); err != nil || !st.Code || st.Wrong != 1 || st.Open {
		t.Errorf("status %+v, %v", st, err)
	}
	if status, body := s.ask("POST", "/diag/code", `{"code":"`+strings.ReplaceAll(opened.Code, " ", "")+`"}`); status != 200 {
		t.Fatalf("the code gave %d %s", status, body)
	}
	var all strings.Builder
	for _, q := range []struct{ method, path, body, holds string }{
		{"GET", "/diag", "", "diag.js"},
		{"GET", "/diag/events", "", `"samples":[{`},
		{"POST", "/diag/act", `{"act":"log","level":"debug"}`, "gateway runs"},
		{"POST", "/diag/act", `{"act":"log","level":"info","component":"page"}`, "browser launched"},
		{"POST", "/diag/act", `{"act":"level","level":"debug"}`, "{}"},
		{"POST", "/diag/act", `{"act":"try","device":"` + "nothing" + `"}`, "no device of that id"},
		{"POST", "/diag/check", `{}`, `"id":"disk-free"`},
	} {
		status, body := s.ask(q.method, q.path, q.body)
		if !strings.Contains(body, q.holds) {
			t.Errorf("%s %s gave %d without %q: %.400s", q.path, q.body, status, q.holds, body)
		}
		all.WriteString(body)
	}
	for _, canary := range []string{"Fictional", "Ada", "1950-02-03", "MRN-", "canary-7", code, ticket} {
		if canary == "" || strings.Contains(all.String(), canary) {
			t.Errorf("the technician's page has %q", canary)
		}
	}
	if closed, err := c.control.DiagClose(t.Context()); err != nil || !closed.Open {
		t.Errorf("close: %+v, %v", closed, err)
	}
	if status, _ := s.ask("GET", "/diag/alive", ""); status != 401 {
		t.Errorf("after the close the page gets %d", status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, kind := range []kiosk.AuditType{kiosk.DiagOpened, kiosk.DiagRefused, kiosk.DiagClosed} {
		c.eventually(string(kind)+" is on record", func() bool {
			l, err := c.control.AuditList(ctx, control.AuditQuery{Limit: 10, Type: string(kind)})
			return err == nil && len(l.Events) == 1
		})
	}
}
