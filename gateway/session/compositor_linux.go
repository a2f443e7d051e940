package session

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	compositorWithin = 20 * time.Second
	sysfs            = "/sys/class/drm"
)

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
	if err := os.WriteFile(ini, []byte(westonINI(s.Board, connected(sysfs))), 0o600); err != nil {
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

// westonINI has no panel, no idle, no keys that leave, and each window's output. The
// page is kept off the board's: Weston puts what has no output of its own onto the
// first, which may be that one.
func westonINI(board string, outputs []string) string {
	text := "[core]\nshell=kiosk-shell.so\nidle-time=0\nrequire-input=false\n[shell]\nlocking=false\n[libinput]\ntouchscreen_calibrator=false\n"
	if board == "" {
		return text
	}
	text += "[output]\nname=" + board + "\napp-ids=" + boardClass + "\n"
	if i := slices.IndexFunc(outputs, func(name string) bool { return name != board }); i >= 0 && slices.Contains(outputs, board) {
		text += "[output]\nname=" + outputs[i] + "\napp-ids=" + pageClass + "\n"
	}
	return text
}

// connected gives the outputs with a display, named as Weston names them: the folder
// "card0-HDMI-A-1" of sysfs is its HDMI-A-1.
func connected(folder string) (outputs []string) {
	found, _ := filepath.Glob(filepath.Join(folder, "card*-*", "status")) // the pattern is right
	for _, path := range found {
		if text, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(text)) == "connected" {
			_, name, _ := strings.Cut(filepath.Base(filepath.Dir(path)), "-")
			outputs = append(outputs, name)
		}
	}
	return outputs
}

// displayThere reports whether an output has a display; where the kernel names none,
// nobody knows, and it counts as there.
func displayThere(name string) bool {
	outputs := connected(sysfs)
	return len(outputs) == 0 || slices.Contains(outputs, name)
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
