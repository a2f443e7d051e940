package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"clinicgate/storage/internal/planted"
)

// FS is one directory, as far as durable side files need it. Names are plain
// file names. It is small so that a test can fail each operation and cut the
// power after it; the store's other side files share it.
type FS interface {
	// ReadFile returns the whole file. A file that is not there is
	// fs.ErrNotExist; one of more than limit bytes is an error.
	ReadFile(name string, limit int64) ([]byte, error)
	// Create opens a file for writing, empty and readable by its owner only. A
	// file of that name is emptied.
	Create(name string) (File, error)
	// Rename puts a file in the place of another, if there is one, at once.
	Rename(from, to string) error
	// Remove deletes a file. One that is not there is fs.ErrNotExist.
	Remove(name string) error
	// SyncDir makes creations, renames and removals durable.
	SyncDir() error
}

// File is a file being written.
type File interface {
	io.Writer
	// Sync makes the content durable.
	Sync() error
	Close() error
}

// Dir is the FS of a directory of the operating system.
type Dir string

// ReadFile implements FS.
func (d Dir) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, nil
}

// Create implements FS.
func (d Dir) Create(name string) (File, error) {
	return os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// Rename implements FS.
func (d Dir) Rename(from, to string) error {
	return whileHeld(func() error { return rename(d.path(from), d.path(to)) }, isHeld, time.Sleep)
}

// Remove implements FS.
func (d Dir) Remove(name string) error {
	return whileHeld(func() error { return os.Remove(d.path(name)) }, isHeld, time.Sleep)
}

// SyncDir implements FS.
func (d Dir) SyncDir() error { return syncDir(string(d)) }

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// ReplaceFile gives a file a new content, durable on return. If the process
// stops on any line, the file has its old content or the new one, whole; beside
// it a leftover name+".new" may stay, which the next replacement empties.
func ReplaceFile(fsys FS, name string, content []byte) error {
	temp := name + ".new"
	if planted.KeyInPlace {
		return writeFile(fsys, name, content)
	}
	if err := writeFile(fsys, temp, content); err != nil {
		return errors.Join(err, removeIfThere(fsys, temp))
	}
	if err := fsys.Rename(temp, name); err != nil {
		return errors.Join(err, removeIfThere(fsys, temp))
	}
	return fsys.SyncDir()
}

func writeFile(fsys FS, name string, content []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && !planted.KeyNotDurable {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func removeIfThere(fsys FS, name string) error {
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
