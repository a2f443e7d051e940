//go:build !linux && !windows

package doctor

func residentMemory() (used, limit uint64, ok bool) { return 0, 0, false }
func openFiles() (open, limit uint64, ok bool)      { return 0, 0, false }

// PendingRestart is not told here.
func PendingRestart() (pending, known bool) { return false, false }

// MaySleep is not told here.
func MaySleep() (may, known bool) { return false, false }
