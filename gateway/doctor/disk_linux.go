package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// volumeOf asks the kernel about the file system of a folder.
func volumeOf(dir string) (Volume, error) {
	v := Volume{Worn: -1}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return v, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	var info unix.Stat_t
	if err := unix.Stat(dir, &info); err != nil {
		return v, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	size := uint64(st.Bsize)
	v.Free, v.Total = uint64(st.Bavail)*size, uint64(st.Blocks)*size
	v.Inodes, v.InUse = uint64(st.Files), uint64(st.Files)-uint64(st.Ffree)
	number := fmt.Sprintf("%d:%d", unix.Major(uint64(info.Dev)), unix.Minor(uint64(info.Dev)))
	kind, options := mounted(number)
	v.Kind = kind
	// ext4 that has found an error takes no writing; since Linux 6.12 it is not shown as ro, since 6.15 as this.
	v.ReadOnly = st.Flags&unix.ST_RDONLY != 0 || slices.Contains(options, "emergency_ro")
	v.Network, v.Memory = networkKind(v.Kind), v.Kind == "tmpfs" || v.Kind == "ramfs"
	v.Device, v.Worn, v.Errors = blockDevice(number, v.Kind)
	return v, nil
}

// mounted finds the kind and the options of the file system on a device
// (proc_pid_mountinfo(5)).
func mounted(number string) (kind string, options []string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", nil
	}
	for line := range strings.Lines(string(text)) {
		before, after, ok := strings.Cut(line, " - ")
		if f := strings.Fields(before); ok && len(f) > 2 && f[2] == number {
			if f = strings.Fields(after); len(f) > 2 {
				return f[0], strings.Split(f[2], ",")
			}
		}
	}
	return "", nil
}

// blockDevice asks sysfs about the disk behind a device number: its name, how worn
// an eMMC chip says it is (life_time, JESD84-B51 EXT_CSD 268 and 269: tenths of the
// life, 1 to 11), and what ext4 counted of errors.
func blockDevice(number, kind string) (name string, worn int, errors uint64) {
	worn = -1
	at, err := filepath.EvalSymlinks("/sys/dev/block/" + number)
	if err != nil {
		return "", worn, 0
	}
	name = filepath.Base(at)
	if kind == "ext4" {
		errors, _ = strconv.ParseUint(line("/sys/fs/ext4/"+name+"/errors_count"), 10, 64)
	}
	for range 3 { // the partition, the disk
		for _, tenth := range strings.Fields(line(filepath.Join(at, "device", "life_time"))) {
			if n, err := strconv.ParseInt(tenth, 0, 16); err == nil && n > 0 {
				worn = max(worn, int(n-1)*10)
			}
		}
		at = filepath.Dir(at)
	}
	return name, worn, errors
}

// line is the text of a small file of the system, or "".
func line(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Written gives the bytes that this process sent to its disks.
func Written() (int64, bool) {
	for field := range strings.Lines(line("/proc/self/io")) {
		if n, ok := strings.CutPrefix(field, "write_bytes: "); ok {
			bytes, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			return bytes, err == nil
		}
	}
	return 0, false
}

// networkKind knows the file systems of a network by a part of their name.
func networkKind(kind string) bool {
	for _, k := range []string{"nfs", "cifs", "smb", "9p", "sshfs", "afs", "ceph", "gluster"} {
		if strings.Contains(kind, k) {
			return true
		}
	}
	return false
}
