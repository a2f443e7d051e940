package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"clinicgate/storage/keyring"

	"github.com/google/uuid"
)

// A restored store takes the place of the present one, which is set aside:
//
//	restore.new/{store.db ...} complete and durable ─▶ restore.json ─▶ each file: present one into set-aside-…/,
//	restored one into its place ─▶ (recorded in the audit log) restore.json goes
//
// Before restore.json is there, nothing has happened; after it, Settle finishes
// whatever was left, however often it is cut short.

const (
	stagingDir = "restore.new"
	swapFile   = "restore.json"
	maxSwap    = 64 << 10
)

// swapped are the names that a restore exchanges. The keyring is exchanged only
// where the present one does not open the backup.
func (s Swap) swapped() []string {
	names := []string{StoreFile, "store.id", "head", "blobs"}
	if s.Keyring {
		names = append(names, "keyring.a", "keyring.b")
	}
	return names
}

// Swap is a restore that was decided.
type Swap struct {
	ID      uuid.UUID `json:"id"`
	Kiosk   string    `json:"kiosk"`
	Made    time.Time `json:"made"` // the backup
	By      string    `json:"by"`   // account that restored it
	Aside   string    `json:"aside"`
	Keyring bool      `json:"keyring"` // the backup's own is used
}

// Staging gives an empty folder beside the store to unpack into.
func Staging(dir string) (string, error) {
	path := filepath.Join(dir, stagingDir)
	if err := errors.Join(os.RemoveAll(path), os.MkdirAll(path, 0o700)); err != nil {
		return "", fmt.Errorf("cannot make room for the restored store: %w", err)
	}
	return path, nil
}

// Decide makes a restore certain, once everything is in the staging folder, and
// carries it out.
func (s Swap) Decide(dir string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := keyring.ReplaceFile(keyring.Dir(dir), swapFile, text); err != nil {
		return fmt.Errorf("cannot restore: %w", err)
	}
	_, err = Settle(dir)
	return err
}

// Settle finishes a restore that was decided, and throws away one that was not. It
// gives the restore that is not on record yet, or nil. The store must be closed.
func Settle(dir string) (*Swap, error) {
	text, err := keyring.Dir(dir).ReadFile(swapFile, maxSwap)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, os.RemoveAll(filepath.Join(dir, stagingDir))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot finish restoring: %w", err)
	}
	var s Swap
	if json.Unmarshal(text, &s) != nil || s.Aside == "" || filepath.Base(s.Aside) != s.Aside {
		return nil, fmt.Errorf("cannot finish restoring: %s is damaged", swapFile)
	}
	staged, aside := filepath.Join(dir, stagingDir), filepath.Join(dir, s.Aside)
	if _, err := os.Stat(staged); errors.Is(err, fs.ErrNotExist) {
		return &s, nil // all of it was moved
	}
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return nil, fmt.Errorf("cannot finish restoring: %w", err)
	}
	for _, name := range s.swapped() {
		if err := exchange(dir, filepath.Join(stagingDir, name), name, filepath.Join(s.Aside, name)); err != nil {
			return nil, fmt.Errorf("cannot finish restoring: %w", err)
		}
	}
	if err := errors.Join(keyring.Dir(aside).SyncDir(), keyring.Dir(dir).SyncDir()); err != nil {
		return nil, fmt.Errorf("cannot finish restoring: %w", err)
	}
	return &s, os.RemoveAll(staged)
}

// exchange moves present to aside and staged to present, all below dir. What an
// earlier call has done shows: staged is gone once both are.
func exchange(dir, staged, present, aside string) error {
	if _, err := os.Lstat(filepath.Join(dir, staged)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, aside)); errors.Is(err, fs.ErrNotExist) {
		if err := keyring.Dir(dir).Rename(present, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return keyring.Dir(dir).Rename(staged, present)
}

// Recorded forgets a restore that the audit log tells of.
func Recorded(dir string) error {
	if err := keyring.Dir(dir).Remove(swapFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return keyring.Dir(dir).SyncDir()
}
