//go:build unix

package gateway

import (
	"errors"
	"syscall"
)

// sameDisk reports whether two paths are on one file system.
func sameDisk(a, b string) bool {
	var x, y syscall.Stat_t
	return syscall.Stat(a, &x) == nil && syscall.Stat(b, &y) == nil && x.Dev == y.Dev
}

// isFull reports whether an error is that of a disk, or an account's share of one,
// without room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
