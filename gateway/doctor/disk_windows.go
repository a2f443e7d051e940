package doctor

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// volumeOf asks Windows about the volume of a folder.
func volumeOf(dir string) (Volume, error) {
	v := Volume{Worn: -1}
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return v, err
	}
	var total, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &v.Free, &total, &all); err != nil {
		return v, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err}
	}
	v.Total = total
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err != nil {
		return v, err
	}
	kind := make([]uint16, 64)
	var flags uint32
	if windows.GetVolumeInformation(root, nil, 0, nil, nil, &flags, &kind[0], uint32(len(kind))) == nil {
		v.Kind = strings.ToLower(windows.UTF16ToString(kind))
		v.ReadOnly = flags&windows.FILE_READ_ONLY_VOLUME != 0
	}
	switch windows.GetDriveType(root) {
	case windows.DRIVE_REMOTE:
		v.Network = true
	case windows.DRIVE_RAMDISK:
		v.Memory = true
	}
	return v, nil
}

// Written: Windows counts network and disk together.
func Written() (int64, bool) { return 0, false }
