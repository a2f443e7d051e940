package service

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Boot names this boot of the machine.
func Boot() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown" // then exits count across boots, which only sends people to the desk sooner
	}
	return strings.TrimSpace(string(text))
}

// Uptime is the time since the machine's boot, suspension included.
func Uptime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// StateDir is where exits are counted: the service's own folder in memory, which the
// unit keeps over restarts and which a full or read-only disk does not close; else
// the data folder.
func StateDir(data string) string {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); dir != "" && !strings.Contains(dir, ":") {
		return dir
	}
	return data
}

// stateDir is the StateDir of the service, for another process. systemd deletes it when
// it stops the service, but not where that happens between an exit and the next start.
func stateDir() string { return "/run/clinicgate" }
