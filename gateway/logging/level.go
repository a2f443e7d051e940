package logging

import (
	"log/slog"
	"maps"
	"slices"
	"time"
)

// override is a level that somebody set while the service runs.
type override struct {
	level slog.Level
	until time.Time   // zero: as long as the process
	back  *time.Timer // nil without until
}

// Level is how much of a component is written.
type Level struct {
	Component string // empty: of all that have none of their own
	Level     slog.Level
	Until     time.Time // when it ends; zero: with the process
}

// SetLevel changes how much of a component is written; of all that have no level
// of their own for "". After d it is as before by itself; with d = 0 it stays until
// the process ends.
func (l *Log) SetLevel(component string, level slog.Level, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.dropLevel(component)
	set := override{level: level}
	if d > 0 {
		set.until = time.Now().Add(d)
		set.back = time.AfterFunc(d, func() { l.endLevel(component, set.until) })
	}
	l.levels[component] = set
}

// dropLevel forgets a level. The caller holds mu.
func (l *Log) dropLevel(component string) {
	if t := l.levels[component].back; t != nil {
		t.Stop()
	}
	delete(l.levels, component)
}

// endLevel ends a level whose time is up, unless another was set since.
func (l *Log) endLevel(component string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.levels[component].until.Equal(until) {
		l.dropLevel(component)
	}
}

// levelOf gives the level in force. The caller holds mu.
func (l *Log) levelOf(component string) slog.Level {
	if o, ok := l.levels[component]; ok {
		return o.level
	}
	if o, ok := l.levels[""]; ok {
		return o.level
	}
	return l.base
}

// Levels gives the level for all, then what was set beside it.
func (l *Log) Levels() []Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []Level{{Level: l.levelOf("")}}
	for _, component := range slices.Sorted(maps.Keys(l.levels)) {
		o := l.levels[component]
		if component == "" {
			list[0].Until = o.until
			continue
		}
		list = append(list, Level{component, o.level, o.until})
	}
	return list
}

// Components gives the parts that there are, sorted: those that have a logger, or have
// logged something.
func (l *Log) Components() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.seen))
}
