package storage_test

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// openDirect opens a file of the size, written through once, past the page cache
// where the file system can.
func openDirect(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return nil, err
		}
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	direct, err := os.OpenFile(path, os.O_RDWR|syscall.O_DIRECT, 0)
	if errors.Is(err, syscall.EINVAL) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	return direct, f.Close()
}

func fdatasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// alignedBlock is memory that direct writes may come from.
func alignedBlock(n int) []byte {
	b := make([]byte, n+4096)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & 4095)
	return b[off : off+n : off+n]
}
