package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLogFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.log")
	line := append(bytes.Repeat([]byte("x"), 1<<20-1), '\n')
	for range 2 { // also over a restart
		l, err := openLog(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 15 {
			if _, err := l.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write(line); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 {
		t.Errorf("%d files, want the log and the one before", len(files))
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Size() > maxLogFile || info.Size() == 0 {
			t.Errorf("%s has %d bytes (%v), want at most %d", f.Name(), info.Size(), err, maxLogFile)
		}
	}
	if _, err := openLog(filepath.Join(path, "below-a-file")); err == nil {
		t.Error("a log file below a file was opened")
	}
}
