package logging

import (
	"fmt"
	"log/slog"
	"time"
)

// Of lines with the same words, so many pass in a while; the others are counted,
// and the count is a line when the while is over.
const (
	repeatLines = 20
	repeatSpan  = time.Minute
	maxKinds    = 512
)

// kind is what makes two lines the same: all but the fields.
type kind struct {
	level              slog.Level
	component, message string
}

type repeat struct {
	since  time.Time
	passed int
	held   int
	last   Entry
}

// repeats counts lines that come again.
type repeats struct {
	kinds map[kind]*repeat
	swept time.Time
}

// take reports whether a line passes, and gives the counts that are due.
func (r *repeats) take(e Entry) (pass bool, counted []Entry) {
	if e.Time.Sub(r.swept) >= repeatSpan || e.Time.Before(r.swept) || len(r.kinds) >= maxKinds {
		counted = r.sweep(e.Time)
	}
	k := kind{e.Level, e.Component, e.Message}
	c := r.kinds[k]
	if c != nil && (e.Time.Sub(c.since) >= repeatSpan || e.Time.Before(c.since)) {
		counted = append(counted, c.count()...)
		c = nil
	}
	if c == nil {
		c = &repeat{since: e.Time}
		r.kinds[k] = c
	}
	if c.passed < repeatLines {
		c.passed++
		return true, counted
	}
	c.held++
	c.last = e
	return false, counted
}

// sweep ends what is over; all, where there is too much.
func (r *repeats) sweep(now time.Time) (counted []Entry) {
	r.swept = now
	all := len(r.kinds) >= maxKinds
	for k, c := range r.kinds {
		if all || now.Sub(c.since) >= repeatSpan || now.Before(c.since) {
			counted = append(counted, c.count()...)
			delete(r.kinds, k)
		}
	}
	return counted
}

// flush ends everything.
func (r *repeats) flush() (counted []Entry) {
	for k, c := range r.kinds {
		counted = append(counted, c.count()...)
		delete(r.kinds, k)
	}
	return counted
}

// count is the line that stands for those that were held back: the last of them.
func (c *repeat) count() []Entry {
	if c.held == 0 {
		return nil
	}
	e := c.last
	e.Fields = append(e.Fields[:len(e.Fields):len(e.Fields)], Field{"repeated", fmt.Sprint(c.held)})
	return []Entry{e}
}
