package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"clinicgate/packaging/systemd"
)

const (
	unitName   = "clinicgate-kiosk.service"
	wantedLink = "/etc/systemd/system/multi-user.target.wants/" + unitName
)

// file is one that an installation writes; a package has the same elsewhere.
type file struct{ path, packaged, text string }

// policyFiles is where Chromium, Chrome and Edge look on Linux.
var policyFiles = [...]string{"/etc/chromium/policies/managed/clinicgate.json", "/etc/opt/chrome/policies/managed/clinicgate.json"}

func files(s Setup) []file {
	unit := strings.Replace(systemd.KioskUnit, "ExecStart="+systemd.Binary+" kiosk-session", "ExecStart="+command(s), 1)
	list := []file{
		{"/etc/sysusers.d/clinicgate-kiosk.conf", "/usr/lib/sysusers.d/clinicgate-kiosk.conf", systemd.KioskSysusers},
		{"/etc/pam.d/clinicgate-kiosk", "", systemd.KioskPAM},
		{"/etc/systemd/system/" + unitName, "/usr/lib/systemd/system/" + unitName, unit},
	}
	for _, path := range policyFiles {
		list = append(list, file{path, "", PolicyFile(s.Origin)})
	}
	return list
}

func command(s Setup) string {
	line := fmt.Sprintf("%q kiosk-session", s.Binary)
	if s.ConfigPath != "" && s.ConfigPath != "/etc/clinicgate/config.toml" {
		line += fmt.Sprintf(" --config %q", s.ConfigPath)
	}
	return strings.ReplaceAll(line, "%", "%%")
}

// Install makes the account, its PAM session, the unit and the browser's policies, and
// lets the unit begin with the machine. It may be repeated, returns what it did, and
// starts nothing.
func Install(ctx context.Context, s Setup) (did []string, err error) {
	if s.Root == "" && os.Geteuid() != 0 {
		return nil, denied("install the kiosk session")
	}
	for _, f := range files(s) {
		if f.packaged != "" {
			if _, err := os.Lstat(filepath.Join(s.Root, f.packaged)); err == nil {
				continue
			}
		}
		changed, err := write(filepath.Join(s.Root, f.path), f.text)
		if err != nil {
			return did, err
		}
		if changed {
			did = append(did, "wrote "+f.path)
		}
	}
	if s.Root != "" {
		at := filepath.Join(s.Root, wantedLink)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return did, err
		}
		if err := os.Symlink("/etc/systemd/system/"+unitName, at); err == nil {
			did = append(did, "enabled "+unitName)
		} else if !errors.Is(err, fs.ErrExist) {
			return did, err
		}
		return did, nil
	}
	if err := run(ctx, "systemd-sysusers"); err != nil {
		return did, err
	}
	if err := run(ctx, "systemctl", "daemon-reload"); err != nil {
		return did, err
	}
	if exec.CommandContext(ctx, "systemctl", "is-enabled", "--quiet", unitName).Run() == nil {
		return did, nil
	}
	if err := run(ctx, "systemctl", "enable", unitName); err != nil {
		return did, err
	}
	return append(did, "enabled "+unitName), nil
}

// Uninstall ends the session and removes what Install made; what is a package's goes
// with the package.
func Uninstall(ctx context.Context, s Setup) (did []string, err error) {
	if os.Geteuid() != 0 {
		return nil, denied("remove the kiosk session")
	}
	if exec.CommandContext(ctx, "systemctl", "is-enabled", "--quiet", unitName).Run() == nil {
		if err := run(ctx, "systemctl", "disable", "--now", unitName); err != nil {
			return nil, err
		}
		did = append(did, "stopped and disabled "+unitName)
	}
	_, err = os.Lstat("/usr/lib/systemd/system/" + unitName)
	byPackage := err == nil
	for _, f := range files(s) {
		if byPackage && f.path == "/etc/pam.d/clinicgate-kiosk" {
			continue
		}
		if err := os.Remove(f.path); err == nil {
			did = append(did, "removed "+f.path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return did, err
		}
	}
	return did, run(ctx, "systemctl", "daemon-reload")
}

// write puts a text into a file, whole or not at all, and reports whether it changed.
func write(path, text string) (changed bool, err error) {
	if was, err := os.ReadFile(path); err == nil && bytes.Equal(was, []byte(text)) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".clinicgate-*")
	if err != nil {
		return false, err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what counts is that path is as it was
	}
	return err == nil, err
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return &Error{What: fmt.Sprintf("%s %s: %s", name, strings.Join(args, " "), strings.TrimSpace(string(out))), Next: "this machine needs systemd; elsewhere start `clinicgate kiosk-session` in the kiosk account's own session", Err: err}
	}
	return nil
}
