package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// Names in the data directory.
const (
	storeName = "store.db"
	tempName  = "store.db.new"
	sideName  = "head"
)

// Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	o     Options
	dir   dir
	kinds map[string]*Kind

	requests chan *request
	changed  chan struct{}
	closing  chan struct{} // closed by Close
	ended    chan struct{} // closed by the writer
	once     sync.Once

	// mu guards what the last commit published.
	mu      sync.Mutex
	head    head
	streams map[uint32]stream
	byName  map[streamID]uint32
	total   Counts
	file    *file // nil while fenced
}

// Opened says what Open found.
type Opened struct {
	Created bool // there was no store
	Clean   bool // it had been closed properly
}

// Open opens the store in o.Dir and creates it if there is none.
func Open(ctx context.Context, o Options) (*Store, Opened, error) {
	if err := o.fill(); err != nil {
		return nil, Opened{}, err
	}
	s := &Store{
		o: o, dir: dir(o.Dir), kinds: make(map[string]*Kind, len(o.Kinds)),
		requests: make(chan *request, maxGroup), changed: make(chan struct{}, 1),
		closing: make(chan struct{}), ended: make(chan struct{}),
		streams: make(map[uint32]stream), byName: make(map[streamID]uint32),
	}
	for i := range o.Kinds {
		s.kinds[o.Kinds[i].Name] = &o.Kinds[i]
	}
	opened, w, err := s.open(ctx)
	if err != nil {
		return nil, opened, fmt.Errorf("cannot open store: %w", err)
	}
	go w.run()
	return s, opened, nil
}

func (s *Store) open(ctx context.Context) (opened Opened, w *writer, err error) {
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return opened, nil, err
	}
	path := s.path(storeName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := s.create(); err != nil {
			return opened, nil, err
		}
		opened.Created = true
	} else if err != nil {
		return opened, nil, err
	}
	f, err := openFile(path, &s.o)
	if err != nil {
		return opened, nil, err
	}
	w, err = s.load(f)
	if err != nil {
		f.close()
		return opened, nil, err
	}
	opened.Clean = w.head.clean
	if err := w.openSide(); err != nil {
		f.close()
		return opened, nil, err
	}
	// What an earlier process left in the page cache counts only once a commit
	// of this one has reached the disk.
	if err := w.start(); err == nil {
		err = w.seal()
		if err == nil {
			err = w.save()
		}
	}
	if err != nil {
		f.close()
		return opened, nil, err
	}
	s.file = f
	for _, st := range w.streams {
		w.dirty[st.num] = struct{}{}
	}
	w.publish(true)
	return opened, w, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.o.Dir, name) }

// create makes a new store under a temporary name, so that a power cut leaves
// either none or a whole one.
func (s *Store) create() error {
	if err := s.dir.Remove(tempName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := openFile(s.path(tempName), &s.o)
	if err != nil {
		return err
	}
	if err := s.initialise(f); err != nil {
		f.close()
		return err
	}
	if err := f.sync(); err != nil {
		f.close()
		return err
	}
	f.close()
	if err := s.dir.Rename(tempName, storeName); err != nil {
		return err
	}
	return s.dir.SyncDir()
}

func (s *Store) initialise(f *file) error {
	h := head{life: 1, created: s.o.Now().Wall}
	_, _ = rand.Read(h.store[:])
	var opening []byte
	var err error
	h.log, opening, err = auditlog.New(nil, auditlog.Opening{Origin: logOrigin(s.o.Kiosk, h.store, h.life)})
	if err != nil {
		return err
	}
	a, err := s.o.Keys.Active(ClassStore)
	if err != nil {
		return err
	}
	tx, err := f.db.Begin(true)
	if err != nil {
		return err
	}
	for b := range buckets {
		if _, err := tx.CreateBucket([]byte(bucketNames[b])); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	key := logKey(h.life, logOpening, 0)
	err = errors.Join(
		tx.Bucket([]byte(bucketNames[bLogs])).Put(key, seal.Seal(nil, a, opening, place(h.store, bLogs, key))),
		tx.Bucket([]byte(bucketNames[bHead])).Put(headKey, sealHead(nil, &h, a)),
	)
	if err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// load reads the state of the writer from the file.
func (s *Store) load(f *file) (*writer, error) {
	mac, err := newMACs(s.o.Keys)
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, file: f, mac: mac, byID: make(map[streamID]*stream), dirty: make(map[uint32]struct{})}
	tx, err := f.db.Begin(false)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	for b := range buckets {
		if tx.Bucket([]byte(bucketNames[b])) == nil {
			return nil, fmt.Errorf("%w: bucket %s is missing", errHead, bucketNames[b])
		}
	}
	hot := tx.Bucket([]byte(bucketNames[bHead]))
	if w.head, err = openHead(hot.Get(headKey), s.o.Keys); err != nil {
		return nil, err
	}
	cold := tx.Bucket([]byte(bucketNames[bStreams]))
	for num := uint32(1); num <= w.head.streams; num++ {
		st := &stream{num: num}
		key := streamKey(num)
		plain, err := seal.Open(nil, s.o.Keys, cold.Get(key), place(w.head.store, bStreams, key))
		if err != nil {
			return nil, fmt.Errorf("%w: name of stream %d", ErrUnreadable, num)
		}
		if err := st.parseCold(plain); err != nil {
			return nil, err
		}
		key = hotKey(num)
		plain, err = seal.Open(nil, s.o.Keys, hot.Get(key), place(w.head.store, bHead, key))
		if err != nil {
			return nil, fmt.Errorf("%w: place of stream %d", ErrUnreadable, num)
		}
		if err := st.parseHot(plain); err != nil {
			return nil, err
		}
		w.streams = append(w.streams, st)
		w.byID[st.id] = st
	}
	return w, nil
}

func (w *writer) openSide() error {
	k, err := w.s.o.Keys.Secret(purposeHead)
	if err != nil {
		return fmt.Errorf("cannot get key of the head file: %w", err)
	}
	f, err := os.OpenFile(w.s.path(sideName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	w.side = &sideFile{f, auditlog.NewHeadFile(f, k)}
	if _, err := w.side.h.Read(); err != nil && !errors.Is(err, auditlog.ErrNoHead) {
		w.side.close()
		return err
	}
	return nil
}

// Close ends the store. Requests that the writer has not taken get ErrClosed.
func (s *Store) Close(ctx context.Context) error {
	s.once.Do(func() { close(s.closing) })
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot close store: %w", ctx.Err())
	}
}

// Append stores events, all or none, and returns their places once they are on
// disk. An id that is stored already gives the place it has.
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

const (
	logOpening = iota
	logCheckpoint
	logEnd
)
