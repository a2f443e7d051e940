package storage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"clinicgate/storage/keyring"
)

// Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	o     Options
	dir   keyring.FS // o.Dir
	aside keyring.FS // the damaged files
	blobs keyring.FS
	kinds map[string]*Kind
	lock  *os.File

	requests chan *request
	control  chan func(w *writer)
	changed  chan struct{}
	suspect  chan error    // a reader met damage
	pressed  chan struct{} // the telemetry mark was reached
	ended    chan struct{}
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc

	// fenced is set while the file is being checked. It is read without mu, so
	// that requests are refused at once.
	fenced atomic.Bool

	// mu guards what the last commit published.
	mu      sync.Mutex
	file    *file // nil while fenced
	head    head
	streams map[uint32]stream
	byName  map[streamID]uint32
	total   Counts
	used    int64 // bytes of pages in use
	length  int64 // of the file
	fences  int
	// relieving is set from the telemetry mark down to dropTo.
	relieving bool
	followers map[chan struct{}]struct{}

	blobBytes atomic.Int64

	compacting sync.Mutex // held by the one compaction
	putting    sync.Mutex // held while a blob is written

	// Of the scrub, which Run alone does:
	scrubbed   []byte // where the next round begins; nil at the start of a turn
	scrubFound int64  // unreadable records met in this turn
	scrubBad   atomic.Int64
}

// Open opens the store in o.Dir and creates it if there is none. It checks the
// file first; a damaged one is set aside and what can be read of it goes into a
// new one. What was found is in Opened.
//
// The keys get the classes that are missing. ErrLocked, ErrWrongKey and ErrNewer
// leave everything as it was.
func Open(ctx context.Context, o Options) (*Store, Opened, error) {
	if err := o.fill(); err != nil {
		return nil, Opened{}, err
	}
	s := &Store{
		o: o, dir: o.dirs(o.Dir), kinds: make(map[string]*Kind, len(o.Kinds)),
		requests: make(chan *request, maxGroup), control: make(chan func(*writer)), changed: make(chan struct{}, 1), suspect: make(chan error, 1),
		pressed: make(chan struct{}, 1),
		ended:   make(chan struct{}),
		streams: make(map[uint32]stream), byName: make(map[streamID]uint32),
		followers: make(map[chan struct{}]struct{}),
	}
	s.aside, s.blobs = o.dirs(s.path(quarantineName)), o.dirs(s.path(blobDir))
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for i := range o.Kinds {
		s.kinds[o.Kinds[i].Name] = &o.Kinds[i]
	}
	opened, w, err := s.open(ctx)
	if err != nil {
		s.cancel()
		if s.lock != nil {
			_ = s.lock.Close()
		}
		return nil, opened, fmt.Errorf("cannot open store: %w", err)
	}
	go w.run()
	return s, opened, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.o.Dir, filepath.FromSlash(name)) }

// Close ends the store: it writes what makes the next start quick and lets go of
// the file. Requests that the writer has not taken get ErrClosed.
func (s *Store) Close(ctx context.Context) error {
	s.cancel()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot close store: %w", ctx.Err())
	}
}

// Append stores events, all or none, and returns their places once they are on
// disk. An id that is stored already gives the place it has. The events belong to
// the store from the call on: where ctx ends first, it may still be reading them.
func (s *Store) Append(ctx context.Context, events ...Event) ([]Receipt, error) {
	if len(events) == 0 {
		return nil, nil
	}
	r := &request{events: events}
	if err := s.do(ctx, r); err != nil {
		return nil, fmt.Errorf("cannot append: %w", err)
	}
	return r.receipts, nil
}

// Update runs fn inside the writer's transaction. It returns fn's error, which
// takes back only fn's own changes, or nil once the changes are on disk. fn must
// be quick and touch nothing but tx. A panic of fn is passed on to the caller.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	return s.do(ctx, &request{fn: fn})
}

// Changed receives a value when the outbox has something new. Several changes
// may give one value.
func (s *Store) Changed() <-chan struct{} { return s.changed }

// Follow is Changed for one more who wants to know, until stop is called.
func (s *Store) Follow() (news <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followers[c] = struct{}{}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.followers, c)
	}
}
