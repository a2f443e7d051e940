package session

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// newProfile makes an empty folder that only this account can open; what a session
// that was killed left there goes first.
func newProfile(folder string) (string, error) {
	if err := removeAll(folder); err != nil {
		return "", &Error{What: "cannot wipe the browser's profile", Next: "delete " + folder, Err: err}
	}
	for _, dir := range []string{folder, filepath.Join(folder, "profile"), filepath.Join(folder, "tmp")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", fmt.Errorf("cannot make the browser's profile: %w", err)
		}
	}
	return folder, nil
}

// removeAll removes a folder into which a browser that ends may still write.
func removeAll(folder string) (err error) {
	for range 20 {
		if err = os.RemoveAll(folder); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
