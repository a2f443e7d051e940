package config

import "log/slog"

// Log says how much is logged and where.
type Log struct {
	Level Level  `toml:"level"`
	File  string `toml:"file"`
	Size  Size   `toml:"size"`
	Keep  int    `toml:"keep"`
}

// Level is how much is logged.
type Level string

// The values of log.level, from most to least.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Slog returns the level for log/slog; info for a value that does not exist.
func (l Level) Slog() slog.Level {
	switch l {
	case LevelDebug:
		return slog.LevelDebug
	case LevelWarn:
		return slog.LevelWarn
	case LevelError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// Valid reports whether l is one of the levels.
func (l Level) Valid() bool {
	return l == LevelDebug || l == LevelInfo || l == LevelWarn || l == LevelError
}

func (l Log) validate(_ *Config, r *report) {
	if !l.Level.Valid() {
		r.bad("log.level", string(l.Level), oneOf(LevelDebug, LevelInfo, LevelWarn, LevelError), "")
	}
	if l.Size.Bytes < 64<<10 || l.Size.Bytes > 1<<30 {
		r.bad("log.size", l.Size.String(), "64KiB to 1GiB", "")
	}
	if l.Keep < 0 || l.Keep > 100 {
		r.bad("log.keep", itoa(l.Keep), "0 to 100", "")
	}
}
