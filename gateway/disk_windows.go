package gateway

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// sameDisk reports whether two paths are on one volume, by their drive letters.
func sameDisk(a, b string) bool {
	return strings.EqualFold(filepath.VolumeName(a), filepath.VolumeName(b))
}

// isFull reports whether an error is that of a disk without room.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
