package control

import (
	"context"
	"time"
)

// LogLevel is how much is logged: "debug", "info", "warn" or "error".
type LogLevel struct {
	Level     string `json:"level"`
	Component string `json:"component,omitempty"` // empty: all parts that have no level of their own
	Seconds   int64  `json:"seconds,omitempty"`   // until it goes back by itself; 0: the next start
}

// LogLevels is the level for all, and then those that were set beside it.
type LogLevels struct {
	Levels []LogLevel `json:"levels"`
}

// LogTail asks for lines of the log that are in memory, whether they were written
// or not.
type LogTail struct {
	After     uint64 `json:"after"`               // LogLines.Next of the answer before; 0: from the oldest
	Component string `json:"component,omitempty"` // empty: any
	Level     string `json:"level,omitempty"`     // at least; empty: debug
	Lines     int    `json:"lines"`               // the newest so many, 1 to 500
	Wait      bool   `json:"wait,omitempty"`      // for a line, for some seconds, where there is none
}

// LogLines is what is new, oldest first.
type LogLines struct {
	Next  uint64    `json:"next"`
	Lines []LogLine `json:"lines"`
}

// LogLine is one line.
type LogLine struct {
	Time      time.Time  `json:"time"`
	Level     string     `json:"level"`
	Component string     `json:"component"`
	Message   string     `json:"message"`
	Fields    []LogField `json:"fields,omitempty"`
}

// LogField is a named value of a line.
type LogField struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// SetLogLevel changes how much is logged.
func (c *Client) SetLogLevel(ctx context.Context, l LogLevel) (LogLevel, error) {
	return call[LogLevel](ctx, c, "log/level", l)
}

// LogLevels asks how much is logged.
func (c *Client) LogLevels(ctx context.Context) (LogLevels, error) {
	return call[LogLevels](ctx, c, "log/levels", nil)
}

// LogTail asks for lines of the log.
func (c *Client) LogTail(ctx context.Context, in LogTail) (LogLines, error) {
	return call[LogLines](ctx, c, "log/tail", in)
}
