package doctor

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// residentMemory gives the process's resident bytes and the most that it may have:
// its control group's limit, or what the machine has.
func residentMemory() (used, limit uint64, ok bool) {
	f := strings.Fields(line("/proc/self/statm"))
	if len(f) < 2 {
		return 0, 0, false
	}
	pages, err := strconv.ParseUint(f[1], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0, 0, false
	}
	limit = uint64(info.Totalram) * uint64(info.Unit)
	if _, group, ok := strings.Cut(line("/proc/self/cgroup"), "0::"); ok {
		if most, err := strconv.ParseUint(line("/sys/fs/cgroup"+strings.TrimSpace(group)+"/memory.max"), 10, 64); err == nil {
			limit = min(limit, most)
		}
	}
	return pages * uint64(os.Getpagesize()), limit, true
}

func openFiles() (open, limit uint64, ok bool) {
	list, err := os.ReadDir("/proc/self/fd")
	var l unix.Rlimit
	if err != nil || unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, 0, false
	}
	return uint64(len(list)), l.Cur, true
}

// PendingRestart reports whether the distribution waits for a restart, and where it
// says so.
func PendingRestart() (pending, known bool) {
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return false, false
	}
	_, err := os.Stat("/run/reboot-required")
	return err == nil, true
}

// MaySleep reports whether the machine goes to sleep by itself, as logind's settings
// say (logind.conf(5)); known is false without it.
func MaySleep() (may, known bool) {
	text, err := os.ReadFile("/etc/systemd/logind.conf")
	if err != nil {
		return false, false
	}
	for l := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(l), "="); ok && key == "IdleAction" && value != "ignore" && value != "lock" && value != "" {
			may = true
		}
	}
	return may, true
}
