package keyring_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"clinicgate/storage/keyring"
)

// A program that has the file open for half a second, without letting others delete
// it, delays a replacement and does not fail it.
func TestReplaceHeldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keyring.a")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(500*time.Millisecond, func() { _ = windows.CloseHandle(h) })
	if err := keyring.ReplaceFile(keyring.Dir(dir), "keyring.a", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
}
