package web_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/kiosk/web"
)

// What the kiosk session goes by: an open page that is silent is no page, and a sign
// of life counts only from the browser that holds the pass.
func TestSeen(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	var later atomic.Int64
	s := start(t, web.Config{}, web.Deps{Now: func() time.Time { return begun.Add(time.Duration(later.Load())) }})
	if got := s.Seen(); got != (web.Seen{}) {
		t.Errorf("before any browser: %+v", got)
	}
	path, err := s.NewLaunch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		r := newRequest(t, s, "GET", path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	pass := get(path).Result().Cookies()[0]
	if got, want := s.Seen(), (web.Seen{Launch: web.LaunchID(path)}); got != want {
		t.Errorf("launched, no page open: %+v, want %+v", got, want)
	}
	openEvents(t, s.Addr(), "/events", pass).until(t, "view", nil)
	if !s.Seen().Alive {
		t.Error("an open page is not alive")
	}
	later.Store(int64(13 * time.Second))
	if w := get("/alive"); w.Code != http.StatusUnauthorized || s.Seen().Alive {
		t.Errorf("after silence, and another browser's sign of life (%d): alive", w.Code)
	}
	if w := get("/alive", pass); w.Code != http.StatusNoContent || !s.Seen().Alive {
		t.Errorf("after a sign of life (%d): not alive", w.Code)
	}
	get(path)
	if got := s.Seen(); got.Refused != web.LaunchID(path) || got.Launch != web.LaunchID(path) {
		t.Errorf("after the token was used again: %+v", got)
	}
	if get("/alive", pass); !s.Seen().Alive {
		t.Error("a token used again ends the page")
	}
}
