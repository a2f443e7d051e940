// Package webtest stands for the kiosk's browser where no person looks at it: it
// holds the page's cookie, listens as the page does, and presses its buttons. It is
// imported by tests and by the demo.
package webtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// View is what the check-in page is told to show; the members that a
// patient's finger needs.
type View struct {
	Epoch   string `json:"epoch"`
	Rev     uint64 `json:"rev"`
	Session string `json:"session"`
	State   string `json:"state"`
	Help    string `json:"help"`    // how far a call for help has come
	Present bool   `json:"present"` // somebody stands before the kiosk
	Signing *struct {
		Signers []string `json:"signers"`
	} `json:"signing"`
	Form *struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	} `json:"form"`
	Vitals []struct {
		Kind  string `json:"kind"`
		Value string `json:"value"`
		Unit  string `json:"unit"`
		Again bool   `json:"again"`
	} `json:"vitals"`
	Done *struct {
		Ticket string `json:"ticket"`
		Paper  string `json:"paper"` // how far it is on paper
	} `json:"done"`
	Refusal *struct {
		Sentence string `json:"sentence"`
		Again    bool   `json:"again"`
	} `json:"refusal"`
}

// Browser holds the page until another one is launched.
type Browser struct {
	base   string
	client *http.Client

	mu   sync.Mutex
	view View
	rev  chan struct{} // closed when a newer view came
	gone bool
}

// ErrLocked says that another browser was launched.
var ErrLocked = errors.New("another browser holds the page")

// Open exchanges a launch address for the page's cookie.
func Open(ctx context.Context, launch string) (*Browser, error) {
	u, err := url.Parse(launch)
	if err != nil {
		return nil, errors.New("launch address is malformed")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &Browser{base: u.Scheme + "://" + u.Host, client: &http.Client{Jar: jar}, rev: make(chan struct{})}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, launch, nil)
	if err != nil {
		return nil, err
	}
	resp, err := b.Ask(r, "none", "navigate", "document")
	if err != nil {
		return nil, errors.New("the page does not answer")
	}
	_ = resp.Body.Close()
	return b, nil
}

// Address is the page's origin, without a slash at its end.
func (b *Browser) Address() string { return b.base }

// Ask sends any request, also one that the page would never make, with the page's
// cookie and the headers that a browser sets by itself: Sec-Fetch-Site, -Mode and
// -Dest, and the origin of a post.
func (b *Browser) Ask(r *http.Request, site, mode, dest string) (*http.Response, error) {
	r.Header.Set("Sec-Fetch-Site", site)
	r.Header.Set("Sec-Fetch-Mode", mode)
	r.Header.Set("Sec-Fetch-Dest", dest)
	if site == "same-origin" && r.Method == http.MethodPost {
		r.Header.Set("Origin", b.base)
	}
	return b.client.Do(r)
}

// watch follows the page's events until the page or ctx ends.
func (b *Browser) watch(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/events", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := b.Ask(r, "same-origin", "cors", "empty")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ErrLocked
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var v View
		if json.Unmarshal([]byte(data), &v) == nil && v.Session != "" {
			b.show(v)
		}
	}
	return errors.New("the page's stream ended")
}

// show takes a view. The stream and the answers to buttons overtake each other:
// an older view is let go, as the page does.
func (b *Browser) show(v View) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v.Epoch == b.view.Epoch && v.Rev < b.view.Rev {
		return
	}
	b.view = v
	close(b.rev)
	b.rev = make(chan struct{})
}

// Until waits until the page shows one of the states.
func (b *Browser) Until(ctx context.Context, states ...string) (View, error) {
	for {
		b.mu.Lock()
		v, changed := b.view, b.rev
		b.mu.Unlock()
		for _, s := range states {
			if v.State == s {
				return v, nil
			}
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("the page stays at %q", v.State)
		case <-changed:
		}
	}
}

// Press does what a finger does, and repeats it under the same request id until
// the gateway has answered.
func (b *Browser) Press(ctx context.Context, event string, more map[string]any) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	b.mu.Lock()
	session := b.view.Session
	b.mu.Unlock()
	body := map[string]any{"request": id.String(), "session": session, "event": event}
	for k, v := range more {
		body[k] = v
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+"/act", bytes.NewReader(text))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Clinicgate-Page", "1")
		resp, err := b.Ask(r, "same-origin", "cors", "empty")
		if err == nil {
			var v View
			decoded := json.NewDecoder(resp.Body).Decode(&v)
			_ = resp.Body.Close()
			switch {
			case resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusConflict:
				if decoded == nil {
					b.show(v)
				}
				return nil
			case resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests:
				return fmt.Errorf("the page refused %q with status %d", event, resp.StatusCode)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Refused is the page sending the patient to the desk.
type Refused struct {
	Sentence string // why, as the last part of a message key
}

func (r *Refused) Error() string { return "refused: " + r.Sentence }

// Signer is the name that a scripted patient types as a signature.
const Signer = "Quilla Fictional"

// CheckIn is one patient's visit to the kiosk: scan puts the code under the
// scanner, grant decides on each consent form. It gives the number, empty where a
// person must speak with the patient first, and leaves the page as it found it.
func (b *Browser) CheckIn(ctx context.Context, scan func() error, grant func(formID string) bool) (ticket string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := b.Until(ctx, "attract"); err != nil {
		return "", err
	}
	if err := scan(); err != nil {
		return "", err
	}
	for {
		v, err := b.Until(ctx, "language", "needs", "signer", "consent", "sign-drawn", "sign-typed", "confirm", "measure", "devices", "done", "already", "refused")
		if err != nil {
			return "", err
		}
		switch v.State {
		case "language":
			err = b.Press(ctx, "choose", map[string]any{"language": "en"})
		case "needs":
			err = b.Press(ctx, "ready", nil)
		case "consent":
			sum := sha256.Sum256([]byte(v.Form.Text))
			err = b.Press(ctx, "decide", map[string]any{"form": v.Form.ID, "shown": hex.EncodeToString(sum[:]), "granted": grant(v.Form.ID)})
		case "sign-drawn":
			err = b.Press(ctx, "signed", map[string]any{"drawing": [][]int{{100, 300, 300, 100, 500, 300}, {200, 200, 400, 200}}})
		case "sign-typed":
			err = b.Press(ctx, "signed", map[string]any{"name": Signer})
		case "signer":
			err = b.Press(ctx, "sign", map[string]any{"signer": v.Signing.Signers[0]}) // the patient, or of a child a parent
		case "confirm":
			err = b.Press(ctx, "confirm", nil)
		case "measure":
			err = b.Press(ctx, "measured", nil)
		case "devices":
			err = b.Press(ctx, "tried", map[string]any{"ready": true})
		default:
			if v.Done != nil {
				ticket = v.Done.Ticket
			}
			if v.Refusal != nil {
				err = &Refused{v.Refusal.Sentence}
			}
			return ticket, errors.Join(err, b.Press(ctx, "leave", nil))
		}
		if err != nil {
			return "", err
		}
	}
}

// Follow watches the page until the page ends or another browser takes it.
func (b *Browser) Follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := b.watch(ctx)
		if errors.Is(err, ErrLocked) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
}

// Ended reports whether another browser has taken the page.
func (b *Browser) Ended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gone
}
