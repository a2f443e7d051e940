//go:build e2e

package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/web/webtest"
)

// page is a kiosk's page without a screen, which can also say what no browser
// would.
type page struct {
	*webtest.Browser
	t *testing.T
}

// openPage exchanges a launch address for the page and follows it.
func openPage(t *testing.T, launch string) *page {
	t.Helper()
	b, err := webtest.Open(t.Context(), strings.TrimSpace(launch))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.Follow(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	p := &page{b, t}
	p.until("attract")
	return p
}

func (p *page) until(states ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	v, err := p.Until(ctx, states...)
	if err != nil {
		p.t.Fatalf("%v, want one of %v", err, states)
	}
	return v.State
}

// press does what a finger does. That the page may refuse it is the caller's wish.
func (p *page) press(event string, more map[string]any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	_ = p.Press(ctx, event, more)
	if ctx.Err() != nil {
		p.t.Fatalf("no answer to %.20q", event)
	}
}

// ask sends bytes that no page would send. Nothing strange may be posted; a link
// of another site may lead here, without our cookie.
func (p *page) ask(method, path, body, site, mode, dest string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.Address()+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Clinicgate-Page", "1")
	resp, err := p.Ask(r, site, mode, dest)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if method == http.MethodPost && resp.StatusCode < 400 {
		p.t.Errorf("a strange post was taken with status %d", resp.StatusCode)
	}
}

// settle brings the page back to its first screen, whatever it shows.
func (p *page) settle() {
	p.t.Helper()
	all := []string{"attract", "language", "needs", "identify", "checking", "confirm", "signer", "consent", "devices", "together", "refused", "done", "already"}
	for range 20 {
		switch p.until(all...) {
		case "attract":
			return
		case "language":
			p.press("choose", map[string]any{"language": "en"})
		case "needs":
			p.press("ready", nil) // a code that was read is looked up now
			if p.until("identify", "checking", "confirm", "refused", "done", "already") == "checking" {
				p.until("confirm", "refused", "done", "already")
			}
		default:
			p.press("leave", nil)
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatal("the page does not come back")
}
