package storage

import "time"

// Status is what the store says about itself.
type Status struct {
	Counts
	Life         uint32 // the store's inc
	Commits      uint64
	Fenced       bool
	Fences       int // times the store was fenced since Open
	Mark         Mark
	Used         int64 // bytes in use, blobs included
	Length       int64 // bytes of the file
	Budget       int64
	Damaged      int64     // records that the last reading of everything could not open
	AuditSize    uint64    // records of the running audit log
	CheckpointAt time.Time // of the newest checkpoint
	Created      time.Time
	Salvages     uint32 // of the file, in all its lives
	Lost         uint64 // records that salvages could not read
}

// Status gives the state of the last commit.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Counts: s.total, Life: s.head.life, Commits: s.head.commit, Fenced: s.file == nil, Fences: s.fences,
		Mark: s.mark(), Used: s.used + s.blobBytes.Load(), Length: s.length, Budget: s.o.Budget, Damaged: s.scrubBad.Load(),
		AuditSize: s.head.log.Size(), CheckpointAt: s.head.checkpointAt,
		Created: s.head.created, Salvages: s.head.salvages, Lost: s.head.lost,
	}
}
