package doctor

import (
	"golang.org/x/sys/windows/registry"
)

func residentMemory() (used, limit uint64, ok bool) { return 0, 0, false }

// openFiles: Windows has no limit that a service reaches.
func openFiles() (open, limit uint64, ok bool) { return 0, 0, false }

// PendingRestart looks for the key that Windows Update leaves.
func PendingRestart() (pending, known bool) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired`, registry.QUERY_VALUE)
	if err != nil {
		return false, true
	}
	return true, k.Close() == nil
}

// MaySleep: a power plan is asked for by powercfg only.
func MaySleep() (may, known bool) { return false, false }
