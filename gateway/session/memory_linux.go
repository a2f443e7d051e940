package session

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"clinicgate/gateway/service"
)

// maxMemoryPath leaves room for the name of the browser's own socket, of which a
// sockaddr_un holds 107 bytes.
const maxMemoryPath = 107 - len("/page/tmp/org.chromium.Chromium.XXXXXX/SingletonSocket")

// memory gives the folder in memory that profiles go to: the unit's runtime
// directory, the session's, or /dev/shm. A folder on a disk is refused.
func memory() (string, error) {
	var where []string
	if dir := os.Getenv("RUNTIME_DIRECTORY"); dir != "" {
		where = append(where, strings.Split(dir, ":")[0])
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		where = append(where, filepath.Join(dir, "clinicgate-kiosk"))
	}
	if u, err := user.Current(); err == nil {
		where = append(where, "/dev/shm/clinicgate-kiosk-"+u.Uid)
	}
	for _, dir := range where {
		if len(dir) > maxMemoryPath {
			continue
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			continue
		}
		var st unix.Statfs_t
		var own unix.Stat_t
		if unix.Statfs(dir, &st) != nil || unix.Lstat(dir, &own) != nil || int(own.Uid) != os.Getuid() || own.Mode&unix.S_IFMT != unix.S_IFDIR || own.Mode&0o077 != 0 {
			continue
		}
		if kind := uint32(st.Type); kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC { // signed, and of another size, on 32 bits
			return dir, nil
		}
	}
	return "", &Error{What: "no folder in memory that belongs to this account: a browser's profile must not go to the disk", Next: "log this account in through PAM, so that it has an XDG_RUNTIME_DIR, or use the unit clinicgate-kiosk.service"}
}

// lockSession keeps a second session of this account out, which would wipe the
// first one's profiles.
func lockSession(dir string) (func(), error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(errBusy, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// environment is what the browser finds: every folder it could write to is in home.
func environment(home string) []string {
	env := []string{"HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"), "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_STATE_HOME=" + home,
		"GSETTINGS_BACKEND=memory"} // else GTK keeps a file in the runtime directory
	for _, name := range []string{"PATH", "LANG", "TZ", "XDG_RUNTIME_DIR", "XDG_SESSION_ID", "XDG_SEAT", "WAYLAND_DISPLAY", "DISPLAY", "XAUTHORITY", "PULSE_SERVER", "PIPEWIRE_RUNTIME_DIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func browsers() []string {
	return []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable", "microsoft-edge"}
}

// sealMemory lets neither this process nor one that it starts leave a dump, and no other
// process of the kiosk's account look into this one.
func sealMemory() error {
	if err := service.NoDumps(); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
