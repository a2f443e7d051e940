package service

import (
	"fmt"
	"log/slog"

	"golang.org/x/sys/windows/svc/eventlog"
)

// The ids of what is written to the Event Log. The source is registered with
// EventCreate.exe, whose message table shows ids 1 to 1000 as their text.
const (
	eventInfo    = 1
	eventWarning = 2
	eventError   = 3
)

type eventLog struct{ to *eventlog.Log }

// OpenSystemLog opens the Event Log under the service's source, which Install made.
func OpenSystemLog() (SystemLog, error) {
	l, err := eventlog.Open(Name)
	if err != nil {
		return nil, fmt.Errorf("cannot open the Event Log: %w", err)
	}
	return eventLog{l}, nil
}

// Log writes one entry, of at most the 31,839 characters that an entry holds.
func (l eventLog) Log(level slog.Level, line string) error {
	line = line[:min(len(line), 31_000)]
	switch {
	case level >= slog.LevelError:
		return l.to.Error(eventError, line)
	case level >= slog.LevelWarn:
		return l.to.Warning(eventWarning, line)
	}
	return l.to.Info(eventInfo, line)
}

// Close gives the log back.
func (l eventLog) Close() error { return l.to.Close() }
