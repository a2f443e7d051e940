package keyring

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// rename is write-through: Windows has no way to sync a directory, so the
// rename itself waits until the disk has it.
func rename(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	err = windows.MoveFileEx(f, t, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// isHeld reports what Windows answers while another program has the file open or
// mapped. ERROR_ACCESS_DENIED is among it, and the answer to a missing right too,
// which then comes some seconds later.
func isHeld(err error) bool {
	for _, code := range []syscall.Errno{windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_ACCESS_DENIED, windows.ERROR_USER_MAPPED_FILE, windows.ERROR_DELETE_PENDING} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

func syncDir(string) error { return nil }
