//go:build unix

package gateway

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ownedAs gives what an administrator has made below a folder to the folder's own
// account, which is the service's. Nobody else may give files away.
func ownedAs(dir string) error {
	var own syscall.Stat_t
	if err := syscall.Stat(dir, &own); err != nil || os.Geteuid() != 0 || own.Uid == 0 {
		return err
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(own.Uid), int(own.Gid))
	})
}
