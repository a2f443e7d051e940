package service

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// NoDumps lets neither this process nor one that it starts leave its memory in a dump:
// keys are in it, and what patients said. The limit holds for files; a program that the
// kernel hands dumps to may pass it over (Ubuntu's does), and gets one without any memory.
func NoDumps() error {
	limited := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	err := os.WriteFile("/proc/self/coredump_filter", []byte("0"), 0)
	if errors.Is(err, fs.ErrNotExist) { // a kernel without dumps, or no /proc
		err = nil
	}
	return errors.Join(limited, err)
}
