package web_test

import (
	"encoding/json"
	"strings"
	"testing"

	"clinicgate/kiosk/web"
)

func TestStream(t *testing.T) {
	t.Parallel()
	s := start(t, web.Config{}, web.Deps{})
	c := launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	name, data := stream.next()
	var first picture
	if err := json.Unmarshal([]byte(data), &first); err != nil || name != "view" || first.State != web.Attract {
		t.Fatalf("first event %s %s: %v", name, data, err)
	}
	stream.until(t, "beat", nil)
	c.act("start", nil)
	data = stream.until(t, "view", nil)
	var next picture
	if err := json.Unmarshal([]byte(data), &next); err != nil || next.State != web.Language || next.Rev <= first.Rev || next.Epoch != first.Epoch {
		t.Errorf("after a touch: %s", data)
	}
}

// TestNewLaunchLocksTheOldPage: its stream says so and ends, and it holds no
// picture of what the new browser does.
func TestNewLaunchLocksTheOldPage(t *testing.T) {
	t.Parallel()
	for range 12 { // the stream may be woken and ended in either order
		s := start(t, web.Config{}, web.Deps{})
		old := launched(t, s)
		old.toConsent()
		session := old.now.Session
		stream := openEvents(t, s.Addr(), "/events", old.cookie)
		stream.until(t, "view", nil)
		fresh := launched(t, s)
		fresh.toConsent()
		for {
			name, data := stream.next()
			if name == "locked" {
				break
			}
			if name == "" || name == "view" && !strings.Contains(data, session) {
				t.Fatalf("the old page got %s %s", name, data)
			}
		}
		if name, _ := stream.next(); name != "" {
			t.Errorf("the old stream goes on with %s", name)
		}
		if w := old.post(newRequestID(), fresh.now.Session, "leave", nil); w.Code != 401 {
			t.Errorf("the old browser acts: %d", w.Code)
		}
	}
}

// TestManyPages: a further page takes the oldest one's place.
func TestManyPages(t *testing.T) {
	t.Parallel()
	s := start(t, web.Config{}, web.Deps{})
	c := launched(t, s)
	oldest := openEvents(t, s.Addr(), "/events", c.cookie)
	oldest.until(t, "view", nil)
	var newest *events
	for range web.MaxStreams {
		newest = openEvents(t, s.Addr(), "/events", c.cookie)
		newest.until(t, "view", nil)
	}
	oldest.until(t, "locked", nil)
	newest.until(t, "beat", nil)
}
