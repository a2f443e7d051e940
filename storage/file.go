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
)

// file is one opening of the bbolt file. After a commit error it is closed for
// good and another takes its place.
type file struct {
	db   *bolt.DB
	f    *os.File
	stop context.CancelFunc
	ctx  context.Context // ends when readers must

	mu      sync.Mutex
	readers sync.WaitGroup
	closed  bool
}

const pageSize = 4096

func openFile(path string, o *Options) (*file, error) {
	f := new(file)
	opt := &bolt.Options{
		Timeout:        lockTimeout,
		FreelistType:   bolt.FreelistMapType,
		NoFreelistSync: true,
		PageSize:       pageSize,
		NoSync:         o.NoSync,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			f.f, err = os.OpenFile(name, flag, mode)
			return f.f, err
		},
	}
	// With room to grow in the mapping, a commit never waits for readers.
	// Windows would make the file itself that large.
	if runtime.GOOS != "windows" {
		if bits.UintSize == 64 {
			opt.InitialMmapSize = int(o.Budget) * 2
		} else {
			opt.InitialMmapSize = int(o.Budget)
		}
	}
	db, err := bolt.Open(path, 0o600, opt)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, hint("stop the other clinicgate process, or ask it through the control API", "%w", ErrLocked)
	case err != nil:
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	f.db = db
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f, nil
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

// close ends readers and closes the file. A reader that does not end in time
// keeps the mapping, not the file nor its lock.
func (f *file) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop()
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
		_ = f.f.Close()
	}
}

func (f *file) sync() error {
	if f.db.NoSync {
		return nil
	}
	return f.db.Sync()
}
