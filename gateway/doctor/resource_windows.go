package doctor

import (
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Resident is not told.
func Resident() (used, limit uint64, ok bool) { return 0, 0, false }

// OpenFiles: Windows has no limit that a service reaches.
func OpenFiles() (open, limit uint64, ok bool) { return 0, 0, false }

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

// Kills: Windows refuses memory rather than to kill for it.
func Kills() (n uint64, known bool) { return 0, false }

// Processor gives the processor time that this process has used.
func Processor() (used time.Duration, known bool) {
	var created, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &ended, &kernel, &user) != nil {
		return 0, false
	}
	const tick = 100 * time.Nanosecond // of a duration; Nanoseconds() counts from 1970
	ticks := func(f windows.Filetime) time.Duration {
		return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * tick
	}
	return ticks(kernel) + ticks(user), true
}

// ProcessorWaits is not told.
func ProcessorWaits() (percent float64, known bool) { return 0, false }

// ThrottlingOf is not told.
func ThrottlingOf(string) Throttling { return Throttling{} }
