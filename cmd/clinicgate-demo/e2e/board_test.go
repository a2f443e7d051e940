//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// board follows what a display gets.
type board struct {
	mu   sync.Mutex
	last picture
	all  strings.Builder // every byte that came
}

type picture struct {
	Called []struct {
		Ticket string `json:"ticket"`
		Room   string `json:"room"`
	} `json:"called"`
	Next []string `json:"next"`
}

func (p picture) room(ticket string) (string, bool) {
	for _, c := range p.Called {
		if c.Ticket == ticket {
			return c.Room, true
		}
	}
	return "", false
}

// watchBoard follows the board's events until the test ends; it comes back
// whenever the gateway does.
func watchBoard(t *testing.T, address string) *board {
	t.Helper()
	b := &board{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			b.follow(ctx, address+"/events")
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return b
}

func (b *board) follow(ctx context.Context, url string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		b.mu.Lock()
		b.all.WriteString(lines.Text() + "\n")
		var p picture
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok && strings.Contains(data, `"called"`) && json.Unmarshal([]byte(data), &p) == nil {
			b.last = p
		}
		b.mu.Unlock()
	}
}

func (b *board) now() picture {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

func (b *board) everything() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// shows waits until the board has a number in a place: "called", "next" or "".
func (b *board) shows(t *testing.T, ticket, place string) {
	t.Helper()
	var p picture
	eventually(t, 20*time.Second, ticket+" is shown as "+place, func() bool {
		p = b.now()
		_, called := p.room(ticket)
		next := slices.Contains(p.Next, ticket)
		return called == (place == "called") && next == (place == "next")
	})
}
