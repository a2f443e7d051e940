package doctor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Resident gives the process's resident bytes and the most that it may have:
// its control group's limit, or what the machine has.
func Resident() (used, limit uint64, ok bool) {
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

// OpenFiles counts the process's files and connections, and gives the most that it may have.
func OpenFiles() (open, limit uint64, ok bool) {
	list, err := os.ReadDir("/proc/self/fd")
	var l unix.Rlimit
	if err != nil || unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, 0, false
	}
	return uint64(len(list)), l.Cur, true
}

// Kills counts the processes that the system killed for lack of memory since its boot;
// known is false where it does not count (Linux before 4.13).
func Kills() (n uint64, known bool) {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0, false
	}
	for l := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(l), "oom_kill "); ok {
			n, err = strconv.ParseUint(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Processor gives the processor time that this process has used.
func Processor() (used time.Duration, known bool) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}

// ProcessorWaits gives the share of the last five minutes, in percent, in which something
// of the service waited for a processor (cgroup v2, cpu.pressure); known is false where it has no
// control group of its own.
func ProcessorWaits() (percent float64, known bool) {
	_, group, ok := strings.Cut(line("/proc/self/cgroup"), "0::")
	if !ok || !strings.HasSuffix(group, ".service") {
		return 0, false
	}
	return waited(line("/sys/fs/cgroup" + group + "/cpu.pressure"))
}

// waited reads the first line of a pressure file: some avg10=0.00 avg60=0.00 avg300=0.00 total=0
func waited(some string) (percent float64, known bool) {
	_, rest, _ := strings.Cut(some, "avg300=")
	value, _, _ := strings.Cut(rest, " ")
	percent, err := strconv.ParseFloat(value, 64)
	return percent, err == nil
}

// ThrottlingOf reads what the kernel says below root, which is "/" but for tests:
// counters of Intel's processors, and the Raspberry Pi's alarm.
func ThrottlingOf(root string) (t Throttling) {
	counters, _ := filepath.Glob(filepath.Join(root, "sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"))
	for _, path := range counters {
		if n, err := strconv.ParseUint(line(path), 10, 64); err == nil {
			t.Known = true
			t.Heat += n
		}
	}
	alarms, _ := filepath.Glob(filepath.Join(root, "sys/class/hwmon/hwmon*/in0_lcrit_alarm"))
	for _, path := range alarms {
		if line(filepath.Join(filepath.Dir(path), "name")) == "rpi_volt" {
			t.Known = true
			t.LowVoltage = t.LowVoltage || line(path) == "1"
		}
	}
	return t
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
