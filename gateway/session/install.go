package session

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Setup is what an installation is made from.
type Setup struct {
	Binary     string // the program's file, absolute
	ConfigPath string // the config file, absolute; empty: the usual one
	Origin     string // of the page
	Account    string // Windows: whose shell the session is
	Root       string // Linux: installs into the file system below this folder, for an image: nothing is started
}

// denied is a refusal for want of rights.
func denied(doing string) error {
	next := "run it as root: sudo clinicgate kiosk-session ..."
	if runtime.GOOS == "windows" {
		next = "run it as administrator"
	}
	return &Error{What: "this account may not " + doing, Next: next, Err: fs.ErrPermission}
}

// write puts a text into a file, whole or not at all, and reports whether it changed.
func write(path, text string) (changed bool, err error) {
	if was, err := os.ReadFile(path); err == nil && bytes.Equal(was, []byte(text)) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".clinicgate-*")
	if err != nil {
		return false, err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what counts is that path is as it was
	}
	return err == nil, err
}
