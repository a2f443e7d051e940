package storage

import "time"

// Status is what the store says about itself.
type Status struct {
	Counts
	Life         uint32 // the store's inc
	Commits      uint64
	Fenced       bool
	Fences       int // times the store was fenced since Open
	AuditSize    uint64
	CheckpointAt time.Time
}

// Status gives the state of the last commit.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Counts: s.total, Life: s.head.life, Commits: s.head.commit, Fenced: s.file == nil, Fences: s.fences,
		AuditSize: s.head.log.Size(), CheckpointAt: s.head.checkpointAt,
	}
}
