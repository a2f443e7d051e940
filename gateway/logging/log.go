package logging

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Options say where the log goes. The zero Options log to nowhere but memory.
type Options struct {
	Level slog.Level
	// File, where set, is the log file; it is renamed to File.1 and so on before it
	// is larger than Size, and Keep of those are kept.
	File string
	Size int64
	Keep int
	// Stderr is where lines go when the system has no log of its own and there is no
	// File, or the File does not take them. May be nil.
	Stderr io.Writer
	// System is whether journald or the Event Log is used where this process was
	// started by the service manager.
	System bool
}

const (
	queued    = 1024 // lines that wait for the writer
	closeTime = 2 * time.Second
)

// Log is the log of one process. Make it with Open; Close it once. Its methods may
// be called from several goroutines.
type Log struct {
	out     chan Entry
	written chan struct{} // closed when the writer has ended
	writer  writer

	mu      sync.Mutex // guards all below
	closed  bool
	base    slog.Level
	levels  map[string]override
	seen    map[string]bool // components
	ring    ring
	repeats repeats
	lost    int // lines that the writer had no time for
	dumped  time.Time
}

// Open begins a log. It does not fail: what cannot be opened is tried again with
// the lines that follow.
func Open(o Options) *Log {
	l := &Log{out: make(chan Entry, queued), written: make(chan struct{}), base: o.Level,
		levels: map[string]override{}, seen: map[string]bool{unnamed: true}, repeats: repeats{kinds: map[kind]*repeat{}}}
	l.writer = newWriter(o)
	go func() {
		defer close(l.written)
		for e := range l.out {
			l.writer.write(e)
		}
	}()
	return l
}

// Logger gives the logger of the process. A part names itself with
// With("component", "...").
func (l *Log) Logger() *slog.Logger { return slog.New(handler{log: l}) }

// Trouble says why lines are not written, or nil.
func (l *Log) Trouble() error { return l.writer.trouble() }

// Close writes what waits, for two seconds at most.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	for _, e := range l.repeats.flush() {
		l.keep(e)
	}
	l.closed = true
	close(l.out)
	for component := range l.levels {
		l.dropLevel(component)
	}
	l.mu.Unlock()
	select {
	case <-l.written:
		return l.writer.close()
	case <-time.After(closeTime):
		return fmt.Errorf("the log was not written to its end in %s", closeTime)
	}
}

// take is every line's way.
func (l *Log) take(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.note(e.Component)
	pass, counted := l.repeats.take(e)
	for _, c := range counted {
		l.keep(c)
	}
	if pass {
		l.keep(e)
	}
}

// note remembers that there is such a part. The caller holds mu.
func (l *Log) note(component string) {
	if len(l.seen) < maxComponents {
		l.seen[component] = true
	}
}

// keep puts a line into the ring and, where it is urgent enough, to the writer.
func (l *Log) keep(e Entry) {
	e.Seq = l.ring.next()
	if e.Level < l.levelOf(e.Component) {
		l.ring.add(e, false)
		return
	}
	if e.Level >= slog.LevelError && e.Time.Sub(l.dumped) >= dumpEvery {
		l.dumped = e.Time
		for _, before := range l.ring.unwritten(e.Time.Add(-dumpSpan), dumpLines) {
			before.Fields = append(before.Fields[:len(before.Fields):len(before.Fields)], Field{"earlier", "true"})
			l.send(before)
		}
	}
	l.ring.add(e, true)
	l.send(e)
}

func (l *Log) send(e Entry) {
	if l.lost > 0 && len(l.out) < cap(l.out) {
		l.out <- Entry{Time: e.Time, Level: slog.LevelWarn, Component: unnamed, Message: "the log did not keep up", Fields: []Field{{"lost", fmt.Sprint(l.lost)}}}
		l.lost = 0
	}
	select {
	case l.out <- e:
	default:
		l.lost++
	}
}
