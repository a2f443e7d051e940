package logging

import (
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// Source is the Event Log source that `clinicgate service install` registers.
const Source = "clinicgate"

// The event ids by level, for filters and alerts.
const (
	eventInfo = 1 + iota
	eventWarning
	eventError
)

// ToJournald is false: no Windows program reads priorities from standard error.
func ToJournald() bool { return false }

// systemLog gives the Event Log where this is a service, else nil.
func systemLog() sink {
	if service, err := svc.IsWindowsService(); err != nil || !service {
		return nil
	}
	return &events{}
}

// events is the Event Log. It is used by one goroutine.
type events struct{ log *eventlog.Log }

func (l *events) write(e Entry) error {
	if l.log == nil {
		opened, err := eventlog.Open(Source)
		if err != nil {
			return fmt.Errorf("cannot open the Event Log: %w", err)
		}
		l.log = opened
	}
	var b strings.Builder
	e.rest(&b)
	switch {
	case e.Level >= slog.LevelError:
		return l.log.Error(eventError, b.String())
	case e.Level >= slog.LevelWarn:
		return l.log.Warning(eventWarning, b.String())
	}
	return l.log.Info(eventInfo, b.String())
}

func (l *events) close() error {
	if l.log == nil {
		return nil
	}
	return l.log.Close()
}
