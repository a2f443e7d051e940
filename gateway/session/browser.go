package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const endWithin = 3 * time.Second

// findBrowser gives the browser's program: the wanted one, or the first that is there.
func findBrowser(wanted string) (string, error) {
	names := browsers()
	if wanted != "" {
		names = []string{wanted}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	if wanted != "" {
		return "", &Error{What: fmt.Sprintf("there is no browser %q", wanted), Next: "correct kiosk_session.browser in the config, or leave it empty"}
	}
	return "", &Error{What: "there is no Chromium, Chrome or Edge on this machine", Next: "install one (apt-get install chromium), or name it: kiosk_session.browser"}
}

// window is a browser with one window, which nothing but the kiosk session can
// reach: its profile is in memory, and what it is to show comes through a pipe.
type window struct {
	tree   *tree // the browser's processes
	tools  *devtools
	pipes  []*os.File
	home   string
	log    *slog.Logger
	said   said
	given  time.Duration // for an answer
	ended  chan struct{} // closed when the browser's first process ended
	broken chan struct{} // a value: what it shows crashed

	mu    sync.Mutex // guards what follows
	shown string     // the target that is to be seen
	begun bool       // shown is set; from then on others are closed
}

// openWindow starts a browser that shows an address. The folder is made, and is gone
// when the window is closed. The browser is given three times given to start, and
// given for each answer.
func openWindow(ctx context.Context, program, folder string, p pane, given time.Duration, log *slog.Logger) (*window, error) {
	home, err := newProfile(folder)
	if err != nil {
		return nil, err
	}
	w := &window{home: home, log: log, given: given, ended: make(chan struct{}), broken: make(chan struct{}, 1)}
	if err := w.start(program, p); err != nil {
		_ = os.RemoveAll(home)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*given)
	defer cancel()
	if err := w.begin(ctx); err != nil {
		w.Close()
		return nil, fmt.Errorf("cannot start the browser: %w%s", err, w.said.last())
	}
	w.said.stop()
	return w, nil
}

func (w *window) start(program string, p pane) error {
	toBrowser, write, err := os.Pipe()
	if err != nil {
		return err
	}
	read, fromBrowser, err := os.Pipe()
	if err != nil {
		return errors.Join(err, toBrowser.Close(), write.Close())
	}
	w.pipes = []*os.File{write, read}
	cmd := exec.Command(program)
	cmd.Dir = w.home
	cmd.Env = append(environment(w.home), p.env...)
	cmd.Args = append(cmd.Args, arguments(w.home, p)...)
	cmd.Stderr = &w.said
	pass(cmd, toBrowser, fromBrowser)
	cmd.Args = append(cmd.Args, p.first)
	w.tree, err = startTree(cmd, w.ended)
	err = errors.Join(err, toBrowser.Close(), fromBrowser.Close())
	if err != nil {
		return errors.Join(err, write.Close(), read.Close())
	}
	w.tools = newDevtools(write, read, w.heard)
	return nil
}

// begin waits for the browser's first window and hears of windows from then on.
func (w *window) begin(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-w.ended:
			cancel(errPipe)
		case <-ctx.Done():
		}
	}()
	for {
		var list struct {
			Targets []target `json:"targetInfos"`
		}
		if err := w.tools.ask(ctx, "Target.getTargets", struct{}{}, &list); err != nil {
			return err
		}
		for _, t := range list.Targets {
			if t.Type == "page" {
				w.mu.Lock()
				w.shown, w.begun = t.ID, true
				w.mu.Unlock()
				return w.tools.ask(ctx, "Target.setDiscoverTargets", map[string]any{"discover": true, "filter": []map[string]string{{"type": "page"}, {"type": "other"}}}, nil)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// heard is told of targets. One that nobody asked for is closed: a patient has no
// business in a second window, nor in developer tools.
func (w *window) heard(e event) {
	w.mu.Lock()
	own, begun := e.Target.ID == w.shown, w.begun
	w.mu.Unlock()
	switch {
	case own && (e.Method == "Target.targetCrashed" || e.Method == "Target.targetDestroyed"):
		select {
		case w.broken <- struct{}{}:
		default:
		}
	case !own && begun && e.Method == "Target.targetCreated":
		_, _ = w.tools.send("Target.closeTarget", map[string]string{"targetId": e.Target.ID}, make(chan answer, 1)) // a browser that is gone is noticed elsewhere
	}
}

// Show opens an address in a window of its own and closes every other. The
// address goes through the pipe: nobody sees it in the list of processes.
func (w *window) Show(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, w.given)
	defer cancel()
	w.mu.Lock()
	w.shown, w.begun = "", false
	w.mu.Unlock()
	var made struct {
		ID string `json:"targetId"`
	}
	err := w.tools.ask(ctx, "Target.createTarget", map[string]any{"url": address, "newWindow": false}, &made)
	w.mu.Lock()
	w.shown, w.begun = made.ID, true
	w.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-w.broken: // of the window before
	default:
	}
	return w.sweep(ctx, made.ID)
}

// sweep closes every window but one.
func (w *window) sweep(ctx context.Context, keep string) error {
	var list struct {
		Targets []target `json:"targetInfos"`
	}
	if err := w.tools.ask(ctx, "Target.getTargets", struct{}{}, &list); err != nil {
		return err
	}
	for _, t := range list.Targets[:min(len(list.Targets), maxTargets)] {
		if t.Type != "page" || t.ID == keep {
			continue
		}
		if err := w.tools.ask(ctx, "Target.closeTarget", map[string]string{"targetId": t.ID}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Ended is closed when the browser ended.
func (w *window) Ended() <-chan struct{} { return w.ended }

// Broken has a value when what the window shows crashed or was closed.
func (w *window) Broken() <-chan struct{} { return w.broken }

// Close ends the browser at once, and its profile with it.
func (w *window) Close() {
	w.tree.kill()
	select {
	case <-w.ended:
	case <-time.After(endWithin):
		w.log.Warn("the browser does not end")
	}
	for _, p := range w.pipes {
		_ = p.Close() // whoever reads or writes it ends
	}
	if err := removeAll(w.home); err != nil {
		w.log.Warn("the browser's profile is not gone", "err", err)
	}
}
