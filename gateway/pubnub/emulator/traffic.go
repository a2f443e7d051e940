package emulator

import (
	"bytes"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is one call as it arrived. Header and Body (inflated) are kept only
// with Options.RecordBodies.
type Request struct {
	At     time.Time
	Method string
	URI    string // escaped path and query
	Header http.Header
	Body   []byte
}

// traffic is a ring of the newest requests.
type traffic struct {
	limit  int
	bodies bool

	mu   sync.Mutex // guards below
	ring []Request
	head int // oldest, once the ring is full
}

func (t *traffic) add(q *request) {
	r := Request{At: time.Now(), Method: q.method, URI: q.uri}
	if t.bodies {
		r.Header, r.Body = q.header.Clone(), bytes.Clone(q.body)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) < t.limit {
		t.ring = append(t.ring, r)
		return
	}
	t.ring[t.head] = r
	t.head = (t.head + 1) % t.limit
}

func (t *traffic) list() []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Concat(t.ring[t.head:], t.ring[:t.head])
}
