package service

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clinicgate/packaging/systemd"
)

const (
	keeperUnit = KeeperName + ".service"
	keeperFile = "/etc/systemd/system/" + keeperUnit
)

// Packaged reports whether a package of the system's brought the program.
func Packaged(program string) bool { return program == systemd.Binary && fromPackage() }

// MayUpgrade gives the service, and refuses where this account, or this machine, cannot.
func MayUpgrade(ctx context.Context) (State, error) {
	if err := mayChange("upgrade the service"); err != nil {
		return State{}, err
	}
	s, err := Query(ctx)
	if err == nil && !s.Installed {
		err = notInstalled()
	}
	return s, err
}

// InstallKeeper makes the keeper a service, of a program with its command line, and
// starts it.
func InstallKeeper(ctx context.Context, program string, args ...string) error {
	if _, err := MayUpgrade(ctx); err != nil {
		return err
	}
	line := word(program)
	for _, a := range args {
		line += " " + word(a)
	}
	if _, err := replace(keeperFile, strings.Replace(systemd.KeeperUnit, "ExecStart="+systemd.Binary, "ExecStart="+line, 1)); err != nil {
		return err
	}
	if err := run(ctx, "systemctl", "daemon-reload"); err != nil {
		return err
	}
	// At the next boot it goes on by itself.
	if err := run(ctx, "systemctl", "enable", keeperUnit); err != nil {
		return err
	}
	return run(ctx, "systemctl", "restart", keeperUnit)
}

// StopKeeper ends the keeper, which may be done at any moment.
func StopKeeper(ctx context.Context) error {
	if err := mayChange("stop an upgrade"); err != nil || !there("", keeperFile) {
		return err
	}
	return run(ctx, "systemctl", "stop", keeperUnit)
}

// ResumeKeeper lets a keeper that was stopped go on.
func ResumeKeeper(ctx context.Context) error { return run(ctx, "systemctl", "start", keeperUnit) }

// RemoveKeeper takes the keeper's service away; a keeper that runs may do so itself.
func RemoveKeeper(ctx context.Context) error {
	for _, path := range []string{"/etc/systemd/system/multi-user.target.wants/" + keeperUnit, keeperFile} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	d, err := os.Open(filepath.Dir(keeperFile))
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return err
	}
	return run(ctx, "systemctl", "daemon-reload")
}

// halt asks the service to stop, and then no longer asks.
func halt(ctx context.Context, grace time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, grace)
	err := run(bounded, "systemctl", "stop", unitName)
	late := bounded.Err() != nil
	cancel()
	if err == nil || !late {
		return err
	}
	// What is left of the process is not waited for. A kill that fails, as between two
	// processes of one that ends again and again, must not keep the stop from being
	// asked for: without it the manager goes on starting it.
	killed := run(ctx, "systemctl", "kill", "--signal=KILL", unitName)
	if err := run(ctx, "systemctl", "stop", unitName); err != nil {
		return errors.Join(killed, err)
	}
	return nil
}

func launch(ctx context.Context) error {
	return run(ctx, "systemctl", "start", "--no-block", unitName)
}
