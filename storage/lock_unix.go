//go:build unix

package storage

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock of the data directory, which ends with the process.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// unlock takes bbolt's lock off a file that is still mapped: the mapping would
// keep it.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
