package session

import (
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
	unitName     = "clinicgate-kiosk.service"
	sysusersName = "clinicgate-kiosk.conf"
	wantedLink   = "/etc/systemd/system/multi-user.target.wants/" + unitName
)

// file is one that an installation writes; a package has the same elsewhere.
type file struct{ path, packaged, text string }

// policyFiles is where Chromium, Chrome and Edge look on Linux.
var policyFiles = [...]string{"/etc/chromium/policies/managed/clinicgate.json", "/etc/opt/chrome/policies/managed/clinicgate.json"}

func files(s Setup) []file {
	unit := strings.Replace(systemd.KioskUnit, "ExecStart="+systemd.Binary+" kiosk-session", "ExecStart="+command(s), 1)
	list := []file{
		{"/etc/sysusers.d/" + sysusersName, "/usr/lib/sysusers.d/" + sysusersName, systemd.KioskSysusers},
		{"/etc/pam.d/clinicgate-kiosk", "/usr/lib/pam.d/clinicgate-kiosk", systemd.KioskPAM},
		{"/etc/systemd/system/" + unitName, "/usr/lib/systemd/system/" + unitName, unit},
	}
	for _, path := range policyFiles {
		list = append(list, file{path, "", PolicyFile(s.Origin)})
	}
	return list
}

func command(s Setup) string {
	line := fmt.Sprintf("%q kiosk-session", s.Binary)
	if s.ConfigPath != "" {
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
	unit := "/etc/systemd/system/" + unitName
	for _, f := range files(s) {
		if f.packaged != "" {
			if _, err := os.Lstat(filepath.Join(s.Root, f.packaged)); err == nil {
				if f.path == unit {
					unit = f.packaged
				}
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
		if err := os.Symlink(unit, at); err == nil {
			did = append(did, "enabled "+unitName)
		} else if !errors.Is(err, fs.ErrExist) {
			return did, err
		}
		return did, nil
	}
	if err := run(ctx, "systemd-sysusers", sysusersName); err != nil {
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

// Renew brings a session that is installed to what this version installs, and does
// nothing where none is.
func Renew(ctx context.Context, s Setup) (did []string, err error) {
	if _, err := os.Lstat(filepath.Join(s.Root, policyFiles[0])); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return Install(ctx, s)
}

// Uninstall ends the session and removes what Install made but the account; what is a
// package's goes with the package. It may be repeated, also where no systemd runs.
func Uninstall(ctx context.Context, s Setup) (did []string, err error) {
	if os.Geteuid() != 0 {
		return nil, denied("remove the kiosk session")
	}
	_, err = os.Lstat("/run/systemd/system")
	managed := err == nil
	if managed {
		out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=LoadState,ActiveState,UnitFileState", unitName).Output()
		if err != nil {
			return nil, fmt.Errorf("cannot ask systemd for %s: %w", unitName, err)
		}
		is := func(property string) bool { return strings.Contains("\n"+string(out), "\n"+property+"\n") }
		// One that a person started, or that waits for its next start, ends too.
		if is("LoadState=loaded") && (is("UnitFileState=enabled") || !is("ActiveState=inactive")) {
			if err := run(ctx, "systemctl", "disable", "--now", unitName); err != nil {
				return nil, err
			}
			did = append(did, "stopped and disabled "+unitName)
		}
	}
	gone := []string{wantedLink}
	for _, f := range files(s) {
		gone = append(gone, f.path)
	}
	for _, path := range gone {
		if err := os.Remove(path); err == nil {
			did = append(did, "removed "+path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return did, err
		}
	}
	if !managed || len(did) == 0 {
		return did, nil
	}
	return did, run(ctx, "systemctl", "daemon-reload")
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return &Error{What: fmt.Sprintf("%s %s: %s", name, strings.Join(args, " "), strings.TrimSpace(string(out))), Next: "this machine needs systemd; elsewhere start `clinicgate kiosk-session` in the kiosk account's own session", Err: err}
	}
	return nil
}
