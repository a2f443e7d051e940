package service

import "log/slog"

// SystemLog is the operating system's own log where standard error does not lead
// there: the Event Log. Lines hold nothing about a person.
type SystemLog interface {
	Log(level slog.Level, line string) error
	Close() error
}
