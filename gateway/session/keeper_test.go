package session

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/control"
)

// scene is a service and a browser at once: launches are opened by Show.
type scene struct {
	mu      sync.Mutex
	down    bool
	dead    bool // the page never lives
	n       byte
	seen    control.PageSeen
	shown   []string
	ended   chan struct{}
	broken  chan struct{}
	refuses int // so many of the next tokens are used by somebody else before
}

func newScene() *scene {
	return &scene{ended: make(chan struct{}), broken: make(chan struct{}, 1)}
}

func (s *scene) Launch(context.Context) (control.Launched, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return control.Launched{}, control.ErrUnreachable
	}
	s.n++
	id := string('a' + s.n - 1)
	return control.Launched{URL: "http://127.0.0.1:8470/launch?t=" + id, ID: id}, nil
}

func (s *scene) Seen(context.Context) (control.PageSeen, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return control.PageSeen{}, control.ErrUnreachable
	}
	return s.seen, nil
}

func (s *scene) Show(_ context.Context, address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, address)
	_, id, launched := strings.Cut(address, "?t=")
	switch {
	case !launched:
	case s.refuses > 0:
		s.refuses--
		s.seen = control.PageSeen{Refused: id, Launch: "thief"}
	default:
		s.seen.Launch, s.seen.Alive = id, !s.dead
	}
	return nil
}

func (s *scene) Ended() <-chan struct{}  { return s.ended }
func (s *scene) Broken() <-chan struct{} { return s.broken }

func (s *scene) change(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *scene) opened() (tokens string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.shown {
		if _, id, ok := strings.Cut(a, "?t="); ok {
			tokens += id
		} else {
			tokens += "."
		}
	}
	return tokens
}

func TestKeeper(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(*scene)
		want string // addresses shown: tokens, and "." for the page that waits
		err  error
	}{
		{"opens the page once", func(s *scene) { time.Sleep(time.Hour) }, "a", nil},
		{"sends people to the desk while the service is away", func(s *scene) {
			s.change(func() { s.down = true })
			time.Sleep(time.Minute)
			s.change(func() { s.down = false })
			time.Sleep(time.Second)
		}, ".a", nil},
		{"leaves a page alone that comes back by itself", func(s *scene) {
			time.Sleep(time.Second)
			s.change(func() { s.down, s.seen = true, control.PageSeen{} })
			time.Sleep(time.Minute)
			s.change(func() { s.down = false })
			time.Sleep(2 * time.Second)
			s.change(func() { s.seen.Alive = true })
			time.Sleep(time.Minute)
		}, "a", nil},
		{"launches again where the pass was lost", func(s *scene) {
			time.Sleep(time.Second)
			s.change(func() { s.down, s.seen = true, control.PageSeen{} })
			time.Sleep(time.Second)
			s.change(func() { s.down = false })
			time.Sleep(6 * time.Second)
		}, "ab", nil},
		{"brings a crashed page back", func(s *scene) {
			time.Sleep(time.Second)
			s.broken <- struct{}{}
			time.Sleep(time.Second)
		}, "ab", nil},
		{"replaces a token that somebody used", func(s *scene) { time.Sleep(2 * time.Second) }, "ab", nil},
		{"takes the page back from another browser", func(s *scene) {
			time.Sleep(time.Second)
			s.change(func() { s.seen = control.PageSeen{Launch: "thief", Alive: true} })
			time.Sleep(time.Second)
		}, "ab", nil},
		{"brings a page back that hangs", func(s *scene) {
			time.Sleep(time.Second)
			s.change(func() { s.seen.Alive = false })
			time.Sleep(5 * time.Second)
		}, "ab", nil},
		{"gives a browser up that shows nothing", func(s *scene) { time.Sleep(time.Minute) }, "abcd", errNoPage},
		{"notices the browser's end", func(s *scene) {
			time.Sleep(time.Second)
			close(s.ended)
			time.Sleep(time.Second)
		}, "a", errEnded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene()
				switch {
				case strings.HasPrefix(c.name, "replaces"):
					s.refuses = 1
				case strings.HasPrefix(c.name, "sends"):
					s.down = true
				case c.err == errNoPage:
					s.dead = true
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() {
					done <- (&keeper{service: s, window: s, log: slog.New(slog.DiscardHandler), given: loadWithin}).keep(ctx)
				}()
				synctest.Wait()
				c.play(s)
				cancel()
				if err := <-done; !errors.Is(err, c.err) {
					t.Errorf("it ended with %v, want %v", err, c.err)
				}
				if got := s.opened(); got != c.want {
					t.Errorf("opened %q, want %q", got, c.want)
				}
			})
		})
	}
}

// The board is opened anew when the service comes back, and not more often; without its
// display it ends.
func TestKeepBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		var gone atomic.Bool // its display
		go func() {
			done <- keepBoard(ctx, s, s, "http://127.0.0.1:8470/board", func() bool { return !gone.Load() })
		}()
		time.Sleep(time.Hour)
		s.change(func() { s.down = true })
		time.Sleep(time.Minute)
		s.change(func() { s.down = false })
		time.Sleep(time.Minute)
		if s.opened() != ".." {
			t.Errorf("opened %q", s.opened())
		}
		select {
		case err := <-done:
			t.Errorf("it ended: %v", err)
		default:
		}
		gone.Store(true)
		time.Sleep(time.Minute)
		select {
		case err := <-done:
			if err == nil {
				t.Error("it ended in order where its display is gone")
			}
		default:
			t.Error("it stays where its display is gone")
		}
		cancel()
	})
}

// A browser that is too slow for the first bound gets there with a later one.
func TestAdapt(t *testing.T) {
	given := loadWithin
	for _, want := range []time.Duration{20 * time.Second, 40 * time.Second, maxLoad, maxLoad} {
		if adapt(&given, false); given != want {
			t.Errorf("given %v, want %v", given, want)
		}
	}
	if adapt(&given, true); given != loadWithin {
		t.Errorf("after a page that lived: given %v", given)
	}
}
