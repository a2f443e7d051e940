package logging

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
)

// sink takes lines, one after the other.
type sink interface {
	write(Entry) error
	close() error
}

// writer knows which line goes where.
type writer struct {
	system sink // nil where the system has no log of its own
	file   sink // nil where none is configured
	stderr sink // nil where there is none
	failed *atomic.Pointer[error]
}

func newWriter(o Options) writer {
	w := writer{failed: &atomic.Pointer[error]{}}
	if o.System {
		w.system = systemLog()
	}
	if o.File != "" {
		w.file = &file{path: o.File, limit: o.Size, keep: o.Keep}
	}
	if o.Stderr != nil {
		w.stderr = &stream{to: o.Stderr, marked: o.System && ToJournald()}
	}
	return w
}

// write writes a line once where it belongs, and where that fails to what is left.
func (w writer) write(e Entry) {
	var errs []error
	taken := false
	if w.file != nil {
		err := w.file.write(e)
		errs = append(errs, err)
		taken = err == nil
	}
	if w.system != nil && (!taken || e.Level >= slog.LevelWarn) {
		err := w.system.write(e)
		errs = append(errs, err)
		taken = taken || err == nil
	}
	if !taken && w.stderr != nil {
		errs = append(errs, w.stderr.write(e))
	}
	if err := errors.Join(errs...); err != nil {
		w.failed.Store(&err)
	} else {
		w.failed.Store(nil)
	}
}

func (w writer) trouble() error {
	if p := w.failed.Load(); p != nil {
		return *p
	}
	return nil
}

func (w writer) close() error {
	var errs []error
	for _, s := range []sink{w.file, w.system} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// stream is standard error. Marked lines begin with the priority in the form that
// systemd reads from a service's output (sd-daemon(3)).
type stream struct {
	to     io.Writer
	marked bool
}

func (s *stream) write(e Entry) error {
	line := e.String() + "\n"
	if s.marked {
		var b strings.Builder
		e.rest(&b)
		line = fmt.Sprintf("<%d>%s\n", priority(e.Level), b.String())
	}
	_, err := io.WriteString(s.to, line)
	return err
}

func (s *stream) close() error { return nil }

// priority gives syslog's number of a level.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
