package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// maxLogFile bounds the log file; the one before is kept beside it as ".1".
const maxLogFile = 8 << 20

// logFile is a log file of bounded size. A log that cannot be written is lost
// and nothing else: what must not be lost is in the store.
type logFile struct {
	path string

	mu   sync.Mutex // guards the file and its size
	file *os.File
	size int64
}

func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	if err := l.open(); err != nil {
		return nil, &mistake{err: fmt.Errorf("cannot open log.file: %w", err), hint: "name a file in a folder that the service may write"}
	}
	return l, nil
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return 0, fs.ErrClosed
	}
	if l.size+int64(len(line)) > maxLogFile {
		// The file is closed first: Windows renames no open file. If the rename
		// fails, the log goes on in the file that is too large.
		_ = l.file.Close()
		l.file = nil
		_ = os.Rename(l.path, l.path+".1")
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// Close implements io.Closer.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
