package storage

import "time"

// Status is what the store says about itself.
type Status struct {
	Counts
	Life         uint32 // the store's inc
	Commits      uint64
	Fenced       bool
	AuditSize    uint64
	CheckpointAt time.Time
}

// Status gives the state of the last commit.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Counts: s.total, Life: s.head.life, Commits: s.head.commit, Fenced: s.file == nil,
		AuditSize: s.head.log.Size(), CheckpointAt: s.head.checkpointAt,
	}
}
