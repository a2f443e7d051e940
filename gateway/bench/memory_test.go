//go:build bench

package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is what a process has in memory, in MiB.
type memory struct {
	RSS       float64 // all of it, pages of mapped files too
	Anonymous float64 // its own
}

// memoryOf reads it from the kernel; pid 0 is this process. It fails where there
// is no /proc.
func memoryOf(pid int) (m memory, err error) {
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	text, err := os.ReadFile("/proc/" + who + "/status")
	if err != nil {
		return m, fmt.Errorf("memory of a process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			m.RSS = kb / 1024
		case "RssAnon":
			m.Anonymous = kb / 1024
		}
	}
	return m, nil
}
