package session

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A profile goes to no disk, whatever the environment says.
func TestMemory(t *testing.T) {
	disk := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	if uint32(st.Type) == unix.TMPFS_MAGIC {
		t.Skip("the temporary folder of this machine is in memory itself")
	}
	t.Setenv("RUNTIME_DIRECTORY", filepath.Join(disk, "unit"))
	t.Setenv("XDG_RUNTIME_DIR", disk)
	dir, err := memory()
	var refused *Error
	switch {
	case errors.As(err, &refused): // this machine has no other place
	case err != nil || strings.HasPrefix(dir, disk):
		t.Errorf("profiles go to %q, %v", dir, err)
	default:
		_ = os.Remove(dir) // where it was empty, it was made here
	}
}
