package session

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const compositorWithin = 20 * time.Second

// Compositors are those that a session can start by itself.
var Compositors = [...]string{"weston"}

// compose runs the compositor, and the browsers in it, until one of them cannot go
// on or ctx ends.
func (s *session) compose(ctx context.Context) error {
	program, err := exec.LookPath(s.Compositor)
	if err != nil {
		return &Error{What: "there is no " + s.Compositor + " on this machine", Next: "install it (apt-get install weston)", Err: err}
	}
	const name = "clinicgate-kiosk"
	runtime := filepath.Join(s.dir, "display")
	if err := removeAll(runtime); err != nil {
		return err
	}
	if err := os.Mkdir(runtime, 0o700); err != nil {
		return err
	}
	defer func() { _ = removeAll(runtime) }() // the next start removes what is left
	ini := filepath.Join(runtime, "weston.ini")
	if err := os.WriteFile(ini, []byte(westonINI(s.Board)), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(program, append([]string{"--config=" + ini, "--socket=" + name, "--shell=kiosk-shell.so", "--idle-time=0"}, s.Words...)...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime)
	said := &logLines{log: s.Logger}
	cmd.Stdout, cmd.Stderr = said, said
	ended := make(chan struct{})
	tree, err := startTree(cmd, ended)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", s.Compositor, err)
	}
	defer func() {
		tree.kill()
		<-ended
	}()
	bounded, cancel := context.WithTimeout(ctx, compositorWithin)
	err = waitFile(bounded, filepath.Join(runtime, name), ended)
	cancel()
	if err != nil {
		return fmt.Errorf("%s does not come up: %w", s.Compositor, err)
	}
	inside, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-ended:
			stop()
		case <-inside.Done():
		}
	}()
	// Sound is found in the session's own runtime directory, so that stays.
	env := []string{"WAYLAND_DISPLAY=" + filepath.Join(runtime, name)}
	if err := s.show(inside, env, []string{"--ozone-platform=wayland"}); err != nil {
		return err
	}
	return fmt.Errorf("%s ended", s.Compositor)
}

// westonINI has no panel, no idle, no keys that leave, and the board's output.
func westonINI(board string) string {
	text := "[core]\nshell=kiosk-shell.so\nidle-time=0\nrequire-input=false\n[shell]\nlocking=false\n[libinput]\ntouchscreen_calibrator=false\n"
	if board != "" {
		text += "[output]\nname=" + board + "\napp-ids=" + boardClass + "\n"
	}
	return text
}

// logLines logs what a program says, line by line and bounded.
type logLines struct{ log *slog.Logger }

func (l *logLines) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			l.log.Debug("compositor", "said", line[:min(len(line), 300)])
		}
	}
	return len(text), nil
}
