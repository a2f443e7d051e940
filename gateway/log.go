package gateway

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/logging"
)

type logBackend struct{ *Gateway }

const (
	tailLines = 500              // in one answer
	tailWait  = 20 * time.Second // for the next line
	maxLevel  = 24 * time.Hour   // of a level that goes back by itself
)

func (g logBackend) kept() (*logging.Log, error) {
	if g.o.Log == nil {
		return nil, &control.Error{Code: control.Unavailable, Message: "this process keeps no log"}
	}
	return g.o.Log, nil
}

// Levels gives how much is logged.
func (g logBackend) Levels(context.Context, control.Caller) (control.LogLevels, error) {
	out := control.LogLevels{Levels: []control.LogLevel{}}
	log, err := g.kept()
	if err != nil {
		return out, err
	}
	for _, l := range log.Levels() {
		level := control.LogLevel{Level: strings.ToLower(l.Level.String()), Component: l.Component}
		if !l.Until.IsZero() {
			level.Seconds = max(1, int64(time.Until(l.Until).Round(time.Second)/time.Second))
		}
		out.Levels = append(out.Levels, level)
	}
	return out, nil
}

// SetLevel changes how much is logged, until its time is over or the process ends.
func (g logBackend) SetLevel(_ context.Context, by control.Caller, in control.LogLevel) (control.LogLevel, error) {
	log, err := g.kept()
	if err != nil {
		return in, err
	}
	var level slog.Level
	if level.UnmarshalText([]byte(in.Level)) != nil || !slices.Contains([]string{"debug", "info", "warn", "error"}, in.Level) {
		return in, &control.Error{Code: control.Invalid, Message: "log level is none of debug, info, warn, error"}
	}
	if in.Seconds < 0 || in.Seconds > int64(maxLevel/time.Second) {
		return in, &control.Error{Code: control.Invalid, Message: "a level goes back within 24 hours"}
	}
	if err := g.knows(log, in.Component); err != nil {
		return in, err
	}
	log.SetLevel(in.Component, level, time.Duration(in.Seconds)*time.Second)
	g.log.Info("log level changed", "level", in.Level, "of", in.Component, "for", time.Duration(in.Seconds)*time.Second, "by", by.Actor.String())
	return in, nil
}

func (g logBackend) knows(log *logging.Log, component string) error {
	if known := log.Components(); component != "" && !slices.Contains(known, component) {
		return &control.Error{Code: control.Invalid, Message: "there is no part of that name", Next: "parts are: " + strings.Join(known, ", ")}
	}
	return nil
}

// Tail gives lines from memory. When there is none it waits a while for one.
func (g logBackend) Tail(ctx context.Context, _ control.Caller, in control.LogTail) (control.LogLines, error) {
	out := control.LogLines{Next: in.After, Lines: []control.LogLine{}}
	log, err := g.kept()
	if err != nil {
		return out, err
	}
	if err := g.knows(log, in.Component); err != nil {
		return out, err
	}
	if in.Lines < 1 || in.Lines > tailLines {
		return out, &control.Error{Code: control.Invalid, Message: "lines is 1 to 500"}
	}
	q := logging.Query{After: in.After, Component: in.Component, Limit: in.Lines, Level: slog.LevelDebug}
	if in.Level != "" && q.Level.UnmarshalText([]byte(in.Level)) != nil {
		return out, &control.Error{Code: control.Invalid, Message: "log level is none of debug, info, warn, error"}
	}
	patience := time.NewTimer(tailWait)
	defer patience.Stop()
	for {
		list, next, news := log.Tail(q)
		out.Next = next
		if len(list) > 0 || !in.Wait {
			for _, e := range list {
				out.Lines = append(out.Lines, lineOf(e))
			}
			return out, nil
		}
		select {
		case <-news:
		case <-patience.C:
			return out, nil
		case <-ctx.Done():
			return out, ctx.Err()
		case <-g.running.Done():
			return out, nil
		}
	}
}

func lineOf(e logging.Entry) control.LogLine {
	l := control.LogLine{Time: e.Time, Level: strings.ToLower(e.Level.String()), Component: e.Component, Message: e.Message}
	for _, f := range e.Fields {
		l.Fields = append(l.Fields, control.LogField{Key: f.Key, Value: f.Value})
	}
	return l
}
