package logging

import (
	"log/slog"
	"time"
)

const (
	ringLines = 4000
	ringBytes = 1 << 20

	// What an error takes along: the lines that were not written, of a while before
	// it, and not more often than this. So flash is worn by what somebody will read.
	dumpLines = 200
	dumpSpan  = 2 * time.Minute
	dumpEvery = time.Minute
)

// ring holds the newest lines in memory, written or not.
type ring struct {
	lines []kept // oldest first
	bytes int
	seq   uint64
	news  chan struct{} // closed with the next line; nil while nobody waits
}

type kept struct {
	Entry
	written bool
	bytes   int
}

func (r *ring) next() uint64 {
	r.seq++
	return r.seq
}

func (r *ring) add(e Entry, written bool) {
	k := kept{e, written, len(e.Component) + len(e.Message) + 64}
	for _, f := range e.Fields {
		k.bytes += len(f.Key) + len(f.Value) + 32
	}
	r.lines, r.bytes = append(r.lines, k), r.bytes+k.bytes
	gone := 0
	for gone < len(r.lines)-1 && (r.bytes > ringBytes || len(r.lines)-gone > ringLines) {
		r.bytes -= r.lines[gone].bytes
		r.lines[gone] = kept{}
		gone++
	}
	r.lines = r.lines[gone:]
	if r.news != nil {
		close(r.news)
		r.news = nil
	}
}

// unwritten gives the newest lines since a time that only the ring has, and notes
// that they are written now.
func (r *ring) unwritten(since time.Time, limit int) (list []Entry) {
	from := len(r.lines)
	for n := 0; from > 0 && n < limit && !r.lines[from-1].Time.Before(since); from-- {
		if !r.lines[from-1].written {
			n++
		}
	}
	for i := from; i < len(r.lines); i++ {
		if !r.lines[i].written {
			r.lines[i].written = true
			list = append(list, r.lines[i].Entry)
		}
	}
	return list
}

// Query says which lines of the ring are wanted.
type Query struct {
	After     uint64 // lines with a higher Seq
	Component string // empty: any
	Level     slog.Level
	Limit     int // the newest so many
}

// Tail gives lines from memory, oldest first, the Seq to go on from, and a channel
// that is closed when there is more.
func (l *Log) Tail(q Query) (list []Entry, next uint64, news <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.ring.lines) - 1; i >= 0 && len(list) < q.Limit; i-- {
		e := l.ring.lines[i].Entry
		if e.Seq <= q.After {
			break
		}
		if e.Level >= q.Level && (q.Component == "" || q.Component == e.Component) {
			list = append(list, e)
		}
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	if l.ring.news == nil {
		l.ring.news = make(chan struct{})
	}
	return list, l.ring.seq, l.ring.news
}
