//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// view is what the check-in page is told to show.
type view struct {
	Epoch   string `json:"epoch"`
	Rev     uint64 `json:"rev"`
	Session string `json:"session"`
	State   string `json:"state"`
	Form    *struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	} `json:"form"`
	Done *struct {
		Ticket string `json:"ticket"`
	} `json:"done"`
}

// page speaks the check-in page's own protocol, so that it can also say what no
// browser would.
type page struct {
	t      *testing.T
	base   string
	client *http.Client

	mu   sync.Mutex
	view view
}

// openPage exchanges a launch address for the page's cookie and follows it.
func openPage(t *testing.T, launch string) *page {
	t.Helper()
	u, err := url.Parse(strings.TrimSpace(launch))
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, base: u.Scheme + "://" + u.Host, client: &http.Client{Jar: jar}}
	resp := p.get(t.Context(), u.String(), "none", "navigate", "document")
	_ = resp.Body.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			p.follow(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	p.until("attract")
	return p
}

func (p *page) get(ctx context.Context, address, site, mode, dest string) *http.Response {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", site)
	r.Header.Set("Sec-Fetch-Mode", mode)
	r.Header.Set("Sec-Fetch-Dest", dest)
	resp, err := p.client.Do(r)
	if err != nil {
		return &http.Response{Body: http.NoBody}
	}
	return resp
}

func (p *page) follow(ctx context.Context) {
	resp := p.get(ctx, p.base+"/events", "same-origin", "cors", "empty")
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			p.show([]byte(data))
		}
	}
}

func (p *page) show(text []byte) {
	var v view
	if json.Unmarshal(text, &v) == nil && v.State != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		if v.Epoch != p.view.Epoch || v.Rev >= p.view.Rev { // else it was overtaken
			p.view = v
		}
	}
}

func (p *page) now() view {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view
}

func (p *page) until(states ...string) view {
	p.t.Helper()
	var v view
	eventually(p.t, 30*time.Second, fmt.Sprintf("the page is at one of %v", states), func() bool {
		v = p.now()
		for _, s := range states {
			if v.State == s {
				return true
			}
		}
		return false
	})
	return v
}

// press does what a finger does and gives the status.
func (p *page) press(event string, more map[string]any) int {
	p.t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		p.t.Fatal(err)
	}
	body := map[string]any{"request": id.String(), "session": p.now().Session, "event": event}
	for k, v := range more {
		body[k] = v
	}
	text, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.post("/act", text)
}

func (p *page) post(path string, body []byte) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Dest", "empty")
	r.Header.Set("Origin", p.base)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Clinicgate-Page", "1")
	resp, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	p.show(text)
	return resp.StatusCode
}

// finish takes a patient from her code being known to her number, or to the
// sentence that sends her to the desk.
func (p *page) finish() (ticket string) {
	p.t.Helper()
	for range 20 {
		v := p.until("language", "consent", "ready", "done", "already", "refused")
		switch v.State {
		case "language":
			p.press("choose", map[string]any{"language": "en"})
		case "consent":
			sum := sha256.Sum256([]byte(v.Form.Text))
			p.press("decide", map[string]any{"form": v.Form.ID, "shown": hex.EncodeToString(sum[:]), "granted": true})
		case "ready":
			p.press("confirm", nil)
		default:
			if v.Done != nil {
				ticket = v.Done.Ticket
			}
			p.press("leave", nil)
			p.until("attract")
			return ticket
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("the page never ends: %+v", p.now())
	return ""
}

// settle brings the page back to its first screen, whatever it shows.
func (p *page) settle() {
	p.t.Helper()
	for range 20 {
		switch v := p.now(); v.State {
		case "attract":
			return
		case "language":
			p.press("choose", map[string]any{"language": "en"}) // a code that was read is looked up now
			if p.until("identify", "checking", "consent", "ready", "refused", "done", "already").State == "checking" {
				p.until("consent", "ready", "refused", "done", "already")
			}
		default:
			p.press("leave", nil)
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("the page does not come back from %q", p.now().State)
}
