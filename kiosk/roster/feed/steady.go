package feed

import (
	"io/fs"
	"time"
)

// Quiet is how long a file must stay as it is before it is read. A list of which
// no end can be seen (Open) is believed after OpenQuiet, one that is Cut never: it
// has to change.
const (
	Quiet     = 5 * time.Second
	OpenQuiet = 30 * time.Second
)

const maxWatched = 1000

// Steady tells when the files of a watched folder have stopped growing. The zero
// Steady is ready. It is not safe for concurrent use.
type Steady struct{ seen map[string]look }

type look struct {
	size     int64
	modified time.Time
	since    time.Time // when it was first seen so
}

// Look takes note of a file and gives how long it has had this size and time of
// change, as seen here: the clock of a file server may be wrong. now must not
// go back.
func (s *Steady) Look(name string, info fs.FileInfo, now time.Time) time.Duration {
	if s.seen == nil || len(s.seen) >= maxWatched && s.seen[name].since.IsZero() {
		s.seen = map[string]look{} // too many names: all begin again
	}
	old, known := s.seen[name]
	if !known || old.size != info.Size() || !old.modified.Equal(info.ModTime()) {
		old = look{info.Size(), info.ModTime(), now}
		s.seen[name] = old
	}
	return now.Sub(old.since)
}

// Forget drops a file that is gone.
func (s *Steady) Forget(name string) { delete(s.seen, name) }

// Needs gives how long a file that ends so must have stayed as it is; ok is false
// for one that is half-written, however long it stays.
func (e Ending) Needs() (quiet time.Duration, ok bool) {
	switch e {
	case Ended:
		return Quiet, true
	case Open:
		return OpenQuiet, true
	}
	return 0, false
}
