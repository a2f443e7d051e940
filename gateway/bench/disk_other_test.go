//go:build bench && !linux

package bench

import (
	"os"
	"testing"
)

func openDirect(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	for zeros, at := make([]byte, 1<<20), int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return nil, err
		}
	}
	return f, f.Sync()
}

func datasync(f *os.File) error { return f.Sync() }

func alignedBlocks(n int) []byte { return make([]byte, n) }

func deviceFolder(t *testing.T) (dir, device string) {
	t.Helper()
	t.Fatal("bytes to the device are counted on Linux only: choose other parts with BENCH")
	return "", ""
}

type counters struct{ bytes, flushes int64 }

func deviceCounters(string, string) (counters, error) { return counters{}, nil }
