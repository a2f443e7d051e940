//go:build !windows

package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
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

// rightsOf gives what an account may do with a file, by the file's owner, group and
// mode: three bits as in a mode.
func rightsOf(account string) (func(path string) (fs.FileMode, error), error) {
	u, err := user.Lookup(account)
	if err != nil {
		return nil, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	return func(path string) (fs.FileMode, error) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		mode := info.Mode().Perm()
		st, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case !ok:
			return 0o7, nil
		case strconv.Itoa(int(st.Uid)) == u.Uid:
			return mode >> 6, nil
		case slices.Contains(groups, strconv.Itoa(int(st.Gid))):
			return mode >> 3 & 0o7, nil
		}
		return mode & 0o7, nil
	}, nil
}
