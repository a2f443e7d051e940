package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// Error is a refusal with a next step.
type Error struct {
	What string
	Next string
	Err  error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.What + ": " + e.Err.Error()
	}
	return e.What
}

// Hint is the next step.
func (e *Error) Hint() string { return e.Next }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

var errBusy error = &Error{What: "another kiosk session of this account runs", Next: "end it first; `systemctl status clinicgate-kiosk` shows it"}

// Options say how the page is shown.
type Options struct {
	Service    Service
	Origin     string   // of the page: "http://127.0.0.1:8470"
	Browser    string   // program; empty: the first that is there
	Compositor string   // "weston"; empty: the display server that this process finds
	Words      []string // more words for the compositor's command line
	Board      string   // where the board is shown: an output of the compositor, "X,Y" without one; empty: nowhere
	Logger     *slog.Logger
}

const (
	firstPause = 250 * time.Millisecond // before a browser is started again
	longPause  = 10 * time.Second
	steady     = time.Minute // a browser that lived so long starts anew without a pause
)

var position = regexp.MustCompile(`^-?[0-9]{1,5},-?[0-9]{1,5}$`)

// Run shows the page until ctx ends. It returns an error where no start can help:
// no browser, no folder in memory, a session that runs already.
func Run(ctx context.Context, o Options) error {
	program, err := findBrowser(o.Browser)
	if err != nil {
		return err
	}
	if o.Compositor == "" && o.Board != "" && !position.MatchString(o.Board) {
		return &Error{What: fmt.Sprintf("the board cannot be shown at %q", o.Board), Next: "without a compositor of its own, kiosk_session.board is the place of the second display, such as \"1920,0\""}
	}
	if err := sealMemory(); err != nil {
		return fmt.Errorf("cannot turn dumps off: %w", err)
	}
	dir, err := memory()
	if err != nil {
		return err
	}
	unlock, err := lockSession(dir)
	if err != nil {
		return err
	}
	defer unlock()
	s := &session{Options: o, program: program, dir: dir}
	if o.Compositor == "" {
		return s.show(ctx, nil, nil)
	}
	return s.again(ctx, "compositor", func(ctx context.Context) error { return s.compose(ctx) })
}

type session struct {
	Options
	program string
	dir     string
}

// show shows page and board until ctx ends.
func (s *session) show(ctx context.Context, env, more []string) error {
	var all sync.WaitGroup
	page, board := loadWithin, loadWithin
	if s.Board != "" {
		p := pane{first: waitAddress(false), origin: s.Origin, class: boardClass, env: env, more: more}
		if s.Compositor == "" {
			p.at = s.Board
		}
		all.Go(func() {
			_ = s.again(ctx, "board", func(ctx context.Context) error { return s.board(ctx, p, &board) }) // ends with ctx alone
		})
	}
	err := s.again(ctx, "page", func(ctx context.Context) error {
		return s.page(ctx, pane{first: waitAddress(false), origin: s.Origin, class: pageClass, env: env, more: more}, &page)
	})
	all.Wait()
	return err
}

// again does work again and again until ctx ends, with a pause that doubles while
// it ends soon.
func (s *session) again(ctx context.Context, what string, work func(context.Context) error) error {
	pause := firstPause
	for {
		begun := time.Now()
		err := work(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(begun) >= steady || errors.Is(err, errLived) {
			pause = firstPause
		}
		s.Logger.Warn(what+" is started again", "err", err, "pause", pause.String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// errLived marks the end of a browser in which the page lived: it can be brought
// back at once.
var errLived = errors.New("after the page had lived")

// adapt sets what the next browser is given: more after one that brought nothing to
// life in time. A machine under load may be that slow, and a browser that is ended and
// started again makes it slower.
func adapt(given *time.Duration, lived bool) {
	*given = min(2**given, maxLoad)
	if lived {
		*given = loadWithin
	}
}

// page is one browser's life with the check-in page.
func (s *session) page(ctx context.Context, p pane, given *time.Duration) error {
	k := &keeper{service: s.Service, log: s.Logger, given: *given}
	defer func() { adapt(given, k.ever) }()
	w, err := openWindow(ctx, s.program, filepath.Join(s.dir, "page"), p, *given, s.Logger)
	if err != nil {
		return err
	}
	defer w.Close()
	k.window = w
	err = k.keep(ctx)
	if err != nil && k.ever {
		err = errors.Join(err, errLived)
	}
	return err
}

// board is one browser's life with the board, which needs no pass and keeps itself
// up to date; what is left is to begin again when the browser shows an error.
func (s *session) board(ctx context.Context, p pane, given *time.Duration) error {
	there := func() bool { return s.Compositor == "" || displayThere(s.Board) }
	if !there() {
		s.Logger.Warn("the board waits for its display", "display", s.Board)
	}
	for !there() { // on the page's display it would be in the way
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(boardEvery):
		}
	}
	w, err := openWindow(ctx, s.program, filepath.Join(s.dir, "board"), p, *given, s.Logger)
	adapt(given, err == nil)
	if err != nil {
		return err
	}
	defer w.Close()
	return keepBoard(ctx, s.Service, w, p.origin+"/board", there)
}

// keepBoard opens the board anew each time that the service comes back, since a
// browser that found nobody shows an error for good, until its display is gone.
func keepBoard(ctx context.Context, service Service, w shower, address string, there func() bool) error {
	tick := time.NewTicker(boardEvery)
	defer tick.Stop()
	down := true
	for {
		if !there() {
			return errors.New("the board's display is gone")
		}
		bounded, cancel := context.WithTimeout(ctx, askWithin)
		_, err := service.Seen(bounded)
		cancel()
		if err == nil && down && ctx.Err() == nil {
			if err := w.Show(ctx, address); err != nil {
				return err
			}
		}
		down = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-w.Ended():
			return errEnded
		case <-w.Broken():
			return errors.New("the board crashed")
		case <-tick.C:
		}
	}
}

const (
	boardEvery = 2 * time.Second
	pageClass  = "clinicgate-page"
	boardClass = "clinicgate-board"
)

// waitFile waits until a file is there.
func waitFile(ctx context.Context, path string, gone <-chan struct{}) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Lstat(path); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-gone:
			return errors.New("it ended at its start")
		case <-tick.C:
		}
	}
}
