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
	disk := onDisk(t)
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

// onDisk gives an empty folder that is not in memory.
func onDisk(t *testing.T) string {
	t.Helper()
	for _, parent := range []string{os.TempDir(), "/var/tmp", "."} {
		dir, err := os.MkdirTemp(parent, "clinicgate")
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		if uint32(st.Type) != unix.TMPFS_MAGIC {
			return dir
		}
	}
	t.Fatal("no folder of this machine lies on a disk: set TMPDIR to one that does")
	return ""
}
