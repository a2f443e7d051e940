//go:build !windows

package doctor

import (
	"fmt"
	"os"
	"syscall"
)

// reachable says by which mode others get at a file, or "".
func reachable(f Guarded) (string, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return "", err
	}
	if more := info.Mode().Perm() &^ f.Mode &^ 0o700; more != 0 {
		return fmt.Sprintf("mode %04o", info.Mode().Perm()), nil
	}
	return "", nil
}

// Tighten takes away what f should not allow.
func Tighten(f Loose) error {
	info, err := os.Stat(f.Path)
	if err != nil {
		return err
	}
	return os.Chmod(f.Path, info.Mode().Perm()&(f.Mode|0o700))
}

// giveBack makes a file belong to whom its folder belongs to: an administrator wrote
// it for the service.
func giveBack(file, folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		return os.Chown(file, int(st.Uid), int(st.Gid))
	}
	return nil
}
