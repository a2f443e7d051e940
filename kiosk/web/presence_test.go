package web_test

import (
	"strings"
	"testing"

	"clinicgate/kiosk/web"
)

// Whoever comes is answered at once, and that is all: no session begins.
func TestPresenceReachesThePage(t *testing.T) {
	t.Parallel()
	s := start(t, web.Config{}, web.Deps{})
	c := launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	if first := stream.until(t, "view", nil); strings.Contains(first, `"present"`) {
		t.Errorf("somebody is there before anybody came: %s", first)
	}
	s.Present(true)
	if data := stream.until(t, "view", nil); !strings.Contains(data, `"present":true`) || !strings.Contains(data, `"state":"attract"`) {
		t.Errorf("after somebody came: %s", data)
	}
	s.Present(true) // a sensor may repeat itself
	s.Present(false)
	if data := stream.until(t, "view", nil); strings.Contains(data, `"present"`) {
		t.Errorf("after everybody left: %s", data)
	}
}
