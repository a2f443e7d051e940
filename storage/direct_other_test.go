//go:build !linux

package storage_test

import "os"

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
	return f, f.Sync()
}

func fdatasync(f *os.File) error { return f.Sync() }

func alignedBlock(n int) []byte { return make([]byte, n) }
