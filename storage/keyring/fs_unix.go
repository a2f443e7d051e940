//go:build unix

package keyring

import (
	"errors"
	"os"
)

func rename(from, to string) error { return os.Rename(from, to) }

// isHeld: here nobody who has a file open keeps it from being renamed.
func isHeld(error) bool { return false }

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
