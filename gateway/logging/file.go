package logging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"
)

const (
	reopenEvery = 5 * time.Second // a file that does not open is tried again
	lookEvery   = time.Second     // whether the name still stands for the open file
)

// file is a log file of bounded size, with those before it beside it as ".1" and
// so on. It is used by one goroutine.
type file struct {
	path   string
	limit  int64
	keep   int
	opened *os.File
	info   fs.FileInfo
	size   int64
	looked time.Time
	failed time.Time
	why    error
}

func (l *file) write(e Entry) error {
	line := e.String() + "\n"
	now := time.Now()
	if l.opened != nil && now.Sub(l.looked) >= lookEvery {
		l.looked = now
		// Somebody's rotation may have renamed or removed it.
		if info, err := os.Stat(l.path); err != nil || !os.SameFile(info, l.info) {
			l.shut()
		}
	}
	if l.opened != nil && l.size+int64(len(line)) > l.limit {
		l.rotate()
	}
	if l.opened == nil {
		if !l.failed.IsZero() && now.Sub(l.failed) < reopenEvery {
			return l.why
		}
		if err := l.open(); err != nil {
			l.failed, l.why = now, err
			return err
		}
		l.failed, l.looked = time.Time{}, now
	}
	n, err := l.opened.WriteString(line)
	l.size += int64(n)
	if err != nil {
		l.shut()
		l.failed, l.why = now, err
	}
	return err
}

func (l *file) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("cannot open log.file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.opened, l.info, l.size = f, info, info.Size()
	return nil
}

// rotate renames the file. It is closed first: Windows renames no open file. Where
// the rename fails, as while another program holds the file there, the log goes on
// in it, tries again with the next line, and begins it anew at twice its size. The
// older ones make room only once it is out of the way: a try that fails costs none.
func (l *file) rotate() {
	l.shut()
	if l.keep > 0 && os.Rename(l.path, l.name(0)) == nil {
		for i := l.keep; i > 0; i-- {
			_ = os.Rename(l.name(i-1), l.name(i))
		}
		return
	}
	if info, err := os.Stat(l.path); err == nil && (l.keep == 0 || info.Size() > 2*l.limit) {
		_ = os.Truncate(l.path, 0)
	}
}

func (l *file) name(i int) string { return l.path + "." + strconv.Itoa(i) }

func (l *file) shut() {
	if l.opened != nil {
		_ = l.opened.Close()
		l.opened = nil
	}
}

func (l *file) close() error {
	if l.opened == nil {
		return nil
	}
	err := l.opened.Close()
	l.opened = nil
	return err
}

// Files gives the paths of a log file and those before it, oldest first, that are
// there.
func Files(path string, keep int) (list []string) {
	l := file{path: path}
	for i := keep; i > 0; i-- {
		if _, err := os.Stat(l.name(i)); err == nil {
			list = append(list, l.name(i))
		}
	}
	if _, err := os.Stat(path); err == nil {
		list = append(list, path)
	}
	return list
}
