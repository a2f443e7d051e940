package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	ks "github.com/kardianos/service"

	"clinicgate/gateway/config"
	"clinicgate/packaging/polkit"
	"clinicgate/packaging/systemd"
	"clinicgate/packaging/udev"
)

const (
	unitName   = Name + ".service"
	unitFile   = "/etc/systemd/system/" + unitName
	dropinDir  = "/etc/systemd/system/" + unitName + ".d"
	wantedLink = "/etc/systemd/system/multi-user.target.wants/" + unitName
	account    = "clinicgate"

	whyHint = "`journalctl -u clinicgate -n 50` says why"
	asRoot  = "run it as root: sudo clinicgate service ..."
)

// packaged are the places where a package has its unit.
var packaged = []string{"/usr/lib/systemd/system/" + unitName, "/lib/systemd/system/" + unitName}

// file is one that an installation writes, and where a package has the same.
type file struct {
	path, packaged, text string
}

func files(s Setup) []file {
	unit := strings.Replace(systemd.Unit, "ExecStart="+systemd.Binary+" run --service", "ExecStart="+command(s), 1)
	return []file{
		{"/etc/sysusers.d/clinicgate.conf", "/usr/lib/sysusers.d/clinicgate.conf", systemd.Sysusers},
		{"/etc/udev/rules.d/60-clinicgate.rules", "/usr/lib/udev/rules.d/60-clinicgate.rules", udev.Rules},
		{"/etc/polkit-1/rules.d/60-clinicgate.rules", "/usr/share/polkit-1/rules.d/60-clinicgate.rules", polkit.Rules},
		{unitFile, "/usr/lib/systemd/system/" + unitName, unit},
	}
}

// command is the unit's command line.
func command(s Setup) string {
	line := word(s.Binary) + " run --service"
	if s.ConfigPath != "" && s.ConfigPath != config.DefaultPath {
		line += " --config " + word(s.ConfigPath)
	}
	return line
}

// Install makes the service, or brings one that is there up to date, and returns
// what it did. It starts nothing.
func Install(ctx context.Context, s Setup) (did []string, err error) {
	if s.Root == "" {
		if err := mayChange("install the service"); err != nil {
			return nil, err
		}
	}
	for _, f := range files(s) {
		if there(s.Root, f.packaged) {
			continue
		}
		if f.path == unitFile && s.Root == "" && fromPackage() {
			continue
		}
		changed, err := replace(filepath.Join(s.Root, f.path), f.text)
		if err != nil {
			return did, err
		}
		if changed {
			did = append(did, "wrote "+f.path)
		}
	}
	more, err := Devices(ctx, s)
	did = append(did, more...)
	if err != nil {
		return did, err
	}
	if s.Root != "" {
		changed, err := link(filepath.Join(s.Root, wantedLink), unitFile)
		if changed {
			did = append(did, "enabled "+unitName)
		}
		return did, err
	}
	if err := makeAccount(ctx); err != nil {
		return did, err
	}
	adopted, err := adoptAll(s)
	did = append(did, adopted...)
	if err != nil {
		return did, err
	}
	// A machine without udev has no device nodes to hand out.
	_ = run(ctx, "udevadm", "control", "--reload")
	_ = run(ctx, "udevadm", "trigger", "--action=change", "--subsystem-match=input", "--subsystem-match=hidraw", "--subsystem-match=usbmisc", "--subsystem-match=gpio", "--subsystem-match=spidev")
	if err := run(ctx, "systemctl", "daemon-reload"); err != nil {
		return did, err
	}
	if was, err := Query(ctx); err != nil || !was.Enabled {
		if err := run(ctx, "systemctl", "enable", unitName); err != nil {
			return did, err
		}
		did = append(did, "enabled "+unitName)
	}
	return did, nil
}

// Devices writes the drop-ins that follow from the config, and removes those that
// are needed no longer. Without a config it changes nothing. The manager uses them
// at the next start of the service.
func Devices(ctx context.Context, s Setup) (did []string, err error) {
	if s.Config == nil {
		return nil, nil
	}
	if s.Root == "" {
		if err := mayChange("write the unit's drop-ins"); err != nil {
			return nil, err
		}
	}
	for _, d := range Dropins(*s.Config) {
		at := filepath.Join(s.Root, dropinDir, d.Name)
		if d.Text == "" {
			if err := os.Remove(at); err == nil {
				did = append(did, "removed "+filepath.Join(dropinDir, d.Name))
			} else if !errors.Is(err, fs.ErrNotExist) {
				return did, err
			}
			continue
		}
		changed, err := replace(at, d.Text)
		if err != nil {
			return did, err
		}
		if changed {
			did = append(did, "wrote "+filepath.Join(dropinDir, d.Name))
		}
	}
	if s.Root == "" && len(did) > 0 && isSystemd() {
		return did, run(ctx, "systemctl", "daemon-reload")
	}
	return did, nil
}

// Lacking names the drop-ins of a config that are not there, or say something else
// than `clinicgate service devices` would write.
func Lacking(c config.Config) (names []string) {
	for _, d := range Dropins(c) {
		text, err := os.ReadFile(filepath.Join(dropinDir, d.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue // hidden from this account
		}
		if string(text) != d.Text {
			names = append(names, d.Name)
		}
	}
	return names
}

// Removal says how much goes.
type Removal struct {
	Setup
	Purge bool // data, keys, settings, logs and the account too
}

// Uninstall stops the service and removes what Install made. Where nothing is
// installed it does nothing. Data and settings stay unless Purge.
func Uninstall(ctx context.Context, r Removal) (did []string, err error) {
	if err := mayChange("remove the service"); err != nil {
		return nil, err
	}
	if fromPackage() {
		return nil, &Error{What: "the service is a package's", Next: "remove it with the package: apt-get remove clinicgate, or dnf remove clinicgate"}
	}
	was, err := Query(ctx)
	if err != nil {
		return nil, err
	}
	if was.Installed {
		if err := run(ctx, "systemctl", "disable", "--now", unitName); err != nil {
			return did, err
		}
		did = append(did, "stopped and disabled "+unitName)
	}
	remove := []string{filepath.Join(dropinDir, "10-devices.conf"), filepath.Join(dropinDir, "20-config.conf"), dropinDir}
	for _, f := range files(r.Setup) {
		if f.path != files(r.Setup)[0].path || r.Purge { // the account owns the data that stays
			remove = append(remove, f.path)
		}
	}
	for _, p := range remove {
		err := os.Remove(p)
		switch {
		case err == nil:
			did = append(did, "removed "+p)
		case errors.Is(err, fs.ErrNotExist):
		case p == dropinDir: // somebody's own drop-ins are in it
		default:
			return did, err
		}
	}
	if was.Installed {
		if err := run(ctx, "systemctl", "daemon-reload"); err != nil {
			return did, err
		}
		_ = run(ctx, "systemctl", "reset-failed", unitName) // there may be nothing to reset
	}
	if r.Purge {
		more, err := purge(ctx, r.Setup)
		return append(did, more...), err
	}
	return did, nil
}

// Retire stops the service of a kiosk that is decommissioned, keeps it from beginning
// with the machine, and lets its unit ask for no key any more. It may be repeated.
func Retire(ctx context.Context, s Setup) (did []string, err error) {
	q, err := Retiring(ctx, s)
	if err != nil || !q.Installed {
		return nil, err
	}
	if q.Enabled || q.State != "stopped" {
		if err := run(ctx, "systemctl", "disable", "--now", unitName); err != nil {
			return nil, err
		}
		did = append(did, "stopped and disabled "+unitName)
	}
	_ = run(ctx, "systemctl", "reset-failed", unitName) // there may be nothing to reset
	if s.Config == nil {
		return did, nil
	}
	bare := *s.Config
	bare.KeySource = config.KeySource{}
	s.Config = &bare
	more, err := Devices(ctx, s)
	return append(did, more...), err
}

func purge(ctx context.Context, s Setup) (did []string, err error) {
	gone := []string{"/var/lib/clinicgate", "/etc/clinicgate", "/var/log/clinicgate", "/run/clinicgate"}
	if s.Config != nil && s.Config.Storage.Dir != "" {
		gone = append(gone, s.Config.Storage.Dir)
	}
	for _, p := range append(gone, upgrades(s)...) {
		if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(p); err != nil {
			return did, err
		}
		did = append(did, "removed "+p)
	}
	if _, err := user.Lookup(account); err == nil {
		if err := run(ctx, "userdel", account); err != nil {
			return did, err
		}
		did = append(did, "removed the account "+account)
	}
	return did, nil
}

// Start starts the service and returns once it is ready or has failed.
func Start(ctx context.Context) error {
	return act(ctx, "start", ks.Service.Start)
}

// Stop stops the service and returns once it is down.
func Stop(ctx context.Context) error { return act(ctx, "stop", ks.Service.Stop) }

// Restart stops and starts.
func Restart(ctx context.Context) error {
	return act(ctx, "restart", ks.Service.Restart)
}

func act(ctx context.Context, doing string, f func(ks.Service) error) error {
	if err := mayChange(doing + " the service"); err != nil {
		return err
	}
	was, err := Query(ctx)
	if err != nil {
		return err
	}
	if !was.Installed {
		return notInstalled()
	}
	if doing == "start" && was.State == "running" || doing == "stop" && was.State == "stopped" {
		return nil
	}
	return control(doing, f)
}

// Query asks the manager. Any account may.
func Query(ctx context.Context) (State, error) {
	if !isSystemd() {
		return State{}, &Error{What: "systemd does not run this machine", Next: "run `clinicgate run` under the manager that this machine has"}
	}
	out, err := exec.CommandContext(ctx, "systemctl", "show", unitName, "--property=LoadState,UnitFileState,ActiveState,MainPID,NRestarts,ExecMainStatus,StatusText,FragmentPath,NeedDaemonReload,User,Restart,WatchdogUSec,ExecStart").Output()
	if err != nil {
		return State{}, &Error{What: "systemctl does not answer", Next: "`systemctl is-system-running` says how the machine is", Err: err}
	}
	return parseShow(string(out)), nil
}

// parseShow reads what `systemctl show` prints.
func parseShow(text string) State {
	v := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		v[key] = value
	}
	number := func(key string) int { n, _ := strconv.Atoi(v[key]); return n }
	s := State{Masked: v["LoadState"] == "masked"}
	s.Installed = s.Masked || v["LoadState"] == "loaded" || v["LoadState"] == "bad-setting"
	if !s.Installed {
		return s
	}
	s.Enabled = strings.HasPrefix(v["UnitFileState"], "enabled")
	s.Says, s.PID, s.Restarts, s.LastExit = v["StatusText"], number("MainPID"), number("NRestarts"), number("ExecMainStatus")
	s.From, s.Stale = v["FragmentPath"], v["NeedDaemonReload"] == "yes"
	s.Package = slices.Contains(packaged, s.From)
	s.Account, s.Again = v["User"], v["Restart"]
	s.Unwatched = v["WatchdogUSec"] == "0" || v["WatchdogUSec"] == "infinity"
	if s.Account == "" {
		s.Account = "root"
	}
	if _, path, ok := strings.Cut(v["ExecStart"], "path="); ok {
		s.Program, _, _ = strings.Cut(path, " ;")
	}
	if _, line, ok := strings.Cut(v["ExecStart"], "argv[]="); ok {
		s.Config = config.DefaultPath
		line, _, _ = strings.Cut(line, " ;")
		s.wrapped = !strings.HasPrefix(line, s.Program+" run ")
		if _, at, ok := strings.Cut(line, " --config "); ok { // the last of the line
			s.Config = at
		}
	}
	s.State = map[string]string{"active": "running", "reloading": "running", "activating": "starting", "deactivating": "stopping", "inactive": "stopped", "failed": "failed"}[v["ActiveState"]]
	return s
}

// fromPackage reports whether a package has the unit.
func fromPackage() bool {
	return slices.ContainsFunc(packaged, func(p string) bool { return there("", p) })
}

func there(root, path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}

// mayChange refuses before anything is half done.
func mayChange(doing string) error {
	if os.Geteuid() != 0 {
		return denied(doing, asRoot)
	}
	if !isSystemd() {
		return &Error{What: "systemd does not run this machine", Next: "run `clinicgate run` under the manager that this machine has; --root DIR installs into an image"}
	}
	return nil
}

// isSystemd is the test of sd_booted(3).
func isSystemd() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// makeAccount makes the service's account and groups where they are missing.
func makeAccount(ctx context.Context) error {
	conf := "/etc/sysusers.d/clinicgate.conf"
	if !there("", conf) {
		conf = "/usr/lib/sysusers.d/clinicgate.conf"
	}
	if err := run(ctx, "systemd-sysusers", conf); err != nil {
		return &Error{What: "cannot make the service's account", Next: "make the system account clinicgate and the groups of " + conf + " by hand, then install again", Err: err}
	}
	return nil
}

// adoptAll gives the service what it must read or write: whoever made it as root
// keeps the service from starting.
func adoptAll(s Setup) (did []string, err error) {
	folders := []string{"/var/lib/clinicgate"}
	if s.Config != nil {
		folders = append(folders, s.Config.Storage.Dir)
		if f := s.Config.KeySource.File; f != "" && s.Config.KeySource.ReadByService() && there("", f) {
			folders = append(folders, f)
		}
	}
	u, err := user.Lookup(account)
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, f := range sorted(folders) {
		n, err := adopt(f, uid, gid)
		if err != nil {
			return did, err
		}
		if n > 0 {
			did = append(did, fmt.Sprintf("gave %s to %s", f, account))
		}
	}
	// The config is the administrator's; the service reads it.
	if folder := filepath.Dir(s.ConfigPath); s.Config != nil && folder == "/etc/clinicgate" {
		if err := errors.Join(os.Chown(folder, 0, gid), os.Chmod(folder, 0o750), os.Chown(s.ConfigPath, 0, gid), os.Chmod(s.ConfigPath, 0o640)); err != nil {
			return did, err
		}
	}
	return did, nil
}

// Adopt gives files to the account that a folder belongs to, or, where root has just
// made the folder, is to belong to: a command that an administrator runs while the
// service is down must not leave files that the service cannot read. Another account,
// which could not give them away, leaves them as they are.
func Adopt(folder string, paths ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	uid, gid := int(st.Uid), int(st.Gid)
	if uid == 0 {
		u, err := user.Lookup(account)
		if err != nil {
			return nil // there is no service's account yet; Install adopts
		}
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
	}
	for _, p := range append([]string{folder}, paths...) {
		if _, err := adopt(p, uid, gid); err != nil {
			return fmt.Errorf("cannot give %s to the service: %w", p, err)
		}
	}
	return nil
}

// adopt gives a file or folder, with all below, to an account, and says how many
// were another's. It follows no link and leaves the folder by none.
func adopt(path string, uid, gid int) (changed int, err error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), filepath.Base(path), func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) == uid {
			return nil
		}
		changed++
		return root.Lchown(p, uid, gid)
	})
	return changed, err
}

// run runs a program of the system, bounded.
func run(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	said := oneLine(string(out[:min(len(out), 500)]))
	return &Error{What: fmt.Sprintf("%s %s: %s", name, strings.Join(args, " "), said), Next: whyHint, Err: err}
}

// replace gives a file its text, whole and durable, if it is not there already.
func replace(path, text string) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return false, err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return false, errors.Join(err, os.Remove(f.Name()))
	}
	return true, nil
}

func link(path, to string) (changed bool, err error) {
	if at, err := os.Readlink(path); err == nil && at == to {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, os.Symlink(to, path)
}
