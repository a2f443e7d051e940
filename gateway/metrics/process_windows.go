package metrics

import (
	"os"

	"golang.org/x/sys/windows"
)

// Process is what the system says about this process. A value that it does not
// tell is below 0.
type Process struct {
	Resident int64 // bytes of memory
	Written  int64 // bytes that this process made the system write to disks: Windows does not part them from what goes elsewhere
	Files    int64 // open
}

// This tells how this process is.
func This() Process { return Process{-1, -1, -1} }

// Free tells how many bytes of a folder's disk this account may still fill.
func Free(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &total, &all); err != nil {
		return 0, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err}
	}
	return int64(free), nil
}
