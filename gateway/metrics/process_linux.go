package metrics

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Process is what the system says about this process. A value that it does not
// tell is below 0.
type Process struct {
	Resident int64 // bytes of memory
	Written  int64 // bytes that this process made the system write to disks (proc_pid_io(5), write_bytes)
	Files    int64 // open
}

// This tells how this process is.
func This() Process {
	p := Process{-1, -1, -1}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			if pages, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				p.Resident = pages * int64(os.Getpagesize())
			}
		}
	}
	if text, err := os.ReadFile("/proc/self/io"); err == nil {
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if n, ok := strings.CutPrefix(lines.Text(), "write_bytes: "); ok {
				if v, err := strconv.ParseInt(n, 10, 64); err == nil {
					p.Written = v
				}
			}
		}
	}
	if d, err := os.Open("/proc/self/fd"); err == nil {
		if names, err := d.Readdirnames(0); err == nil {
			p.Files = int64(len(names)) - 1 // the one that reads them
		}
		_ = d.Close()
	}
	return p
}

// Free tells how many bytes of a folder's disk this account may still fill.
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
