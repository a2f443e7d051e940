package storage

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"clinicgate/storage/internal/planted"
)

// file is one opening of the bbolt file. After a commit error it is closed for
// good and another takes its place.
type file struct {
	db   *bolt.DB
	f    *os.File // bbolt's own descriptor
	pre  *os.File // for zeros past the end
	size int64    // of the file; only the writer makes it grow
	stop context.CancelFunc
	ctx  context.Context // ends when readers must

	mu      sync.Mutex
	readers sync.WaitGroup
	closed  bool
	next    chan struct{} // closed when another file has taken over
}

const (
	pageSize = 4096

	// A commit into blocks that were written before costs one flush of the
	// disk per sync; one that makes the file grow costs two, the second for the
	// journal of the file system. So the file is kept longer than it is used,
	// by at least preAhead, in steps of at most preStep (the first one apart).
	preFirst = 4 << 20
	preAhead = 1 << 20
	preStep  = 2 << 20 // patients wait while it is written
)

func openFile(path string, o *Options) (*file, error) {
	f := &file{next: make(chan struct{})}
	opt := &bolt.Options{
		Timeout:        lockTimeout,
		FreelistType:   bolt.FreelistMapType,
		NoFreelistSync: true,
		PageSize:       pageSize,
		NoSync:         o.NoSync || planted.NoSync,
		NoGrowSync:     o.NoSync,
		MaxSize:        maxFile(o.Budget),
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			f.f, err = os.OpenFile(name, flag, mode)
			return f.f, err
		},
	}
	// With room to grow in the mapping, a commit never waits for readers.
	// Windows would make the file itself that large.
	if runtime.GOOS != "windows" {
		opt.InitialMmapSize = opt.MaxSize
	}
	db, err := bolt.Open(path, 0o600, opt)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, hint("stop the other clinicgate process, or ask it through the control API", "%w", ErrLocked)
	case err != nil:
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	db.AllocSize = 0 // growing in steps is our own affair
	f.db = db
	f.ctx, f.stop = context.WithCancel(context.Background())
	info, err := f.f.Stat()
	if err == nil {
		f.size = info.Size()
		f.pre, err = os.OpenFile(path, os.O_WRONLY, 0)
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return f, nil
}

// maxFile is where bbolt itself stops: beyond the budget, which is kept by
// refusing events, since a commit that bbolt refuses costs a fence.
func maxFile(budget int64) int {
	const most = 1 << 30 // what a 32-bit process can hope to map
	limit := budget + budget/4
	if runtime.GOOS == "windows" {
		limit = 2 * budget // the mapping is rounded up, and the file with it
	}
	if bits.UintSize == 32 {
		limit = min(limit, most)
	}
	return int(limit)
}

// extend writes zeros past the end of the file, if what is in use comes near it,
// so that the file is at least so long, but not past the limit. Only the writer
// may call it, between transactions: nobody else makes the file grow.
func (f *file) extend(used, limit int64) error {
	want := used + preAhead
	if want <= f.size || f.db.NoSync {
		return nil
	}
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	f.size = info.Size() // bbolt may have made it grow
	if want <= f.size {
		return nil
	}
	want = min(f.size+min(max(f.size/4, preAhead), preStep), limit)
	if f.size < preFirst {
		want = min(preFirst, limit)
	}
	if want <= f.size {
		return nil
	}
	for f.size < want {
		n, err := f.pre.WriteAt(zeros[:min(int64(len(zeros)), want-f.size)], f.size)
		f.size += int64(n)
		if err != nil {
			return err
		}
	}
	return f.pre.Sync()
}

var zeros [256 << 10]byte

// settle makes sure of the newest meta page before a commit uses the pages again
// that it has freed. What a process that was killed had not synced yet, or a sync
// that failed, may be in the page cache only, and the kernel may call it clean:
// so it is written again. Without it, a power cut could leave the meta page
// before it over a tree that is half overwritten.
func (f *file) settle() error {
	if f.db.NoSync || planted.NoSettle || planted.TrustPageCache {
		return nil
	}
	metas := newImage(f.f, f.size).metas()
	if len(metas) == 0 {
		return errPage
	}
	b := make([]byte, pageSize)
	at := int64(metas[0].page) * pageSize
	if _, err := f.f.ReadAt(b, at); err != nil {
		return err
	}
	if _, err := f.pre.WriteAt(b, at); err != nil {
		return err
	}
	return f.pre.Sync()
}

// enter lets a reader in. It must call the function returned.
func (f *file) enter() (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrFenced
	}
	f.readers.Add(1)
	return f.readers.Done, nil
}

// retire lets nobody in any more and gives those inside a moment to end.
func (f *file) retire() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		f.readers.Wait()
		close(gone)
	}()
	late := time.NewTimer(closeTimeout)
	defer late.Stop()
	select {
	case <-gone:
	case <-late.C:
	}
}

// release lets go of whoever waits for the next file.
func (f *file) release() {
	select {
	case <-f.next:
	default:
		close(f.next)
	}
}

// used is how far bbolt has ever used the file.
func (f *file) used() int64 {
	tx, err := f.db.Begin(false)
	if err != nil {
		return f.size
	}
	defer tx.Rollback()
	return tx.Size()
}

// close ends readers and closes the file. A reader that does not end in time
// keeps the mapping, not the file nor its lock.
func (f *file) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop()
	_ = f.pre.Close()
	gone := make(chan struct{})
	go func() {
		f.readers.Wait()
		_ = f.db.Close()
		close(gone)
	}()
	late := time.NewTimer(closeTimeout)
	defer late.Stop()
	select {
	case <-gone:
	case <-late.C:
		_ = unlock(f.f)
		_ = f.f.Close()
	}
}

func (f *file) sync() error {
	if f.db.NoSync {
		return nil
	}
	return f.f.Sync()
}
