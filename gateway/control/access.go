package control

import (
	"context"
	"sync"
	"time"
)

// Access is one use of the channel that has no audit event of its own, or one that was
// refused.
type Access struct {
	By       Caller
	Endpoint string
	Refused  bool
}

// Accesses records who used the channel.
type Accesses interface {
	// Record puts an access into the audit log. Work goes on where that fails: who
	// repairs a kiosk must be able to see what is wrong with it.
	Record(context.Context, Access) error
}

// How often the same access is recorded: a program that asks in a loop must not fill
// the audit log.
const (
	tellReads   = time.Hour
	tellRefused = time.Minute
	maxTold     = 1024
)

// told remembers what was recorded lately.
type told struct {
	mu sync.Mutex
	at map[Access]time.Time // guarded by mu
}

// due reports whether an access is to be recorded, and notes it.
func (t *told) due(a Access, every time.Duration, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, known := t.at[a]; known && now.Sub(last) < every {
		return false
	}
	if len(t.at) >= maxTold || t.at == nil {
		t.at = map[Access]time.Time{} // more is recorded then, not less
	}
	t.at[a] = now
	return true
}

// record puts an access on record, where it is due.
func (s *Server) record(ctx context.Context, a Access, every time.Duration) {
	if every > 0 && !s.told.due(a, every, time.Now()) {
		return
	}
	if err := s.accesses.Record(ctx, a); err != nil {
		s.log.Error("access was not recorded", "endpoint", a.Endpoint, "refused", a.Refused, "err", err)
	}
}
