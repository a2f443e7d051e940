package service

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unsafe"

	ks "github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"clinicgate/gateway/config"
)

const (
	whyHint    = "the Event Log (Application, source clinicgate) says why"
	asAdmin    = "run it as administrator"
	dataRoot   = `C:\ProgramData\clinicgate`
	sourceKey  = `SYSTEM\CurrentControlSet\Services\EventLog\Application\` + Name
	resetAfter = 24 * time.Hour // without an exit; then the short delays count again
)

// recovery is what the manager does about the first, second and every further exit.
func recovery() []mgr.RecoveryAction {
	return []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: time.Second},
		{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
		{Type: mgr.ServiceRestart, Delay: time.Minute},
	}
}

// Install makes the service, or brings one that is there up to date, and returns
// what it did. It starts nothing.
func Install(_ context.Context, s Setup) (did []string, err error) {
	if s.Root != "" {
		return nil, &Error{What: "--root is for Linux images", Next: "install in the running system"}
	}
	if err := mayChange("install the service"); err != nil {
		return nil, err
	}
	c := &ks.Config{
		Name: Name, DisplayName: "clinicgate", Description: "The gateway of a waiting-room kiosk: check-in, queue, consents, sync.",
		UserName: VirtualAccount, Executable: s.Binary, Arguments: arguments(s),
	}
	m, err := mgr.Connect()
	if err != nil {
		return nil, &Error{What: "cannot reach the service manager", Next: asAdmin, Err: err}
	}
	defer m.Disconnect()
	h, err := m.OpenService(Name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		installer, err := manager(c)
		if err == nil {
			err = installer.Install()
		}
		if err != nil {
			return nil, &Error{What: "cannot install the service", Next: "if it is marked for deletion, close services.msc and try again", Err: err}
		}
		did = append(did, "installed the service "+Name)
		h, err = m.OpenService(Name)
		if err != nil {
			return did, err
		}
	} else if err != nil {
		return nil, err
	}
	defer h.Close()
	more, err := complete(h, s, c)
	did = append(did, more...)
	if err != nil {
		return did, err
	}
	more, err = closeFolders(s)
	return append(did, more...), err
}

func arguments(s Setup) []string {
	args := []string{"run", "--service"}
	if s.ConfigPath != "" {
		args = append(args, "--config", s.ConfigPath)
	}
	return args
}

// complete adds what kardianos does not set, and corrects what is there. What a
// Windows does not know (Wine, for one) is named and no failure.
func complete(h *mgr.Service, s Setup, c *ks.Config) (did []string, err error) {
	line := []string{windows.EscapeArg(s.Binary)}
	for _, a := range arguments(s) {
		line = append(line, windows.EscapeArg(a))
	}
	if err := change(h.Handle, strings.Join(line, " "), VirtualAccount, c.DisplayName); err != nil {
		return nil, &Error{What: "cannot set the service's command line and account", Next: asAdmin, Err: err}
	}
	description, err := windows.UTF16PtrFromString(c.Description)
	if err != nil {
		return nil, err
	}
	preshutdown := uint32(2 * stopBound.Milliseconds())
	delayed := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
	sidType := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED)
	set := func(level uint32, info unsafe.Pointer) func() error {
		return func() error { return windows.ChangeServiceConfig2(h.Handle, level, (*byte)(info)) }
	}
	for _, part := range []struct {
		what string
		set  func() error
	}{
		{"description", set(windows.SERVICE_CONFIG_DESCRIPTION, unsafe.Pointer(&windows.SERVICE_DESCRIPTION{Description: description}))},
		{"delayed automatic start", set(windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, unsafe.Pointer(&delayed))},
		{"security id of " + VirtualAccount, set(windows.SERVICE_CONFIG_SERVICE_SID_INFO, unsafe.Pointer(&sidType))},
		{"restart after 1 s, 5 s, 60 s, for a day", func() error { return h.SetRecoveryActions(recovery(), uint32(resetAfter.Seconds())) }},
		// An exit with a code counts as well as a crash (SERVICE_CONFIG_FAILURE_ACTIONS_FLAG).
		{"restart after an error exit too", func() error { return h.SetRecoveryActionsOnNonCrashFailures(true) }},
		{"time to stop before a shutdown", set(windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, unsafe.Pointer(&preshutdown))},
	} {
		switch err := part.set(); {
		case err == nil:
			did = append(did, "set: "+part.what)
		case errors.Is(err, windows.ERROR_INVALID_LEVEL):
			did = append(did, "this Windows does not know: "+part.what)
		default:
			return did, &Error{What: "cannot set " + part.what, Next: asAdmin, Err: err}
		}
	}
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, sourceKey, registry.QUERY_VALUE); err == nil {
		return did, k.Close()
	}
	return did, eventlog.InstallAsEventCreate(Name, eventlog.Error|eventlog.Warning|eventlog.Info)
}

// change sets what every Windows knows.
func change(h windows.Handle, line, user, display string) error {
	var text [3]*uint16
	for i, s := range []string{line, user, display} {
		p, err := windows.UTF16PtrFromString(s)
		if err != nil {
			return err
		}
		text[i] = p
	}
	return windows.ChangeServiceConfig(h, windows.SERVICE_WIN32_OWN_PROCESS, windows.SERVICE_AUTO_START, windows.SERVICE_ERROR_NORMAL, text[0], nil, nil, nil, text[1], nil, text[2])
}

// closeFolders lets only the system, administrators and the service into settings
// and data: settings to read, data to change.
func closeFolders(s Setup) (did []string, err error) {
	data := filepath.Join(dataRoot, "data")
	if s.Config != nil && s.Config.Storage.Dir != "" {
		data = s.Config.Storage.Dir
	}
	rights := []struct{ folder, right string }{{dataRoot, "0x1200a9"}, {data, "0x1301bf"}}
	if s.Config != nil && s.Config.Log.File != "" && filepath.Dir(s.Config.Log.File) != dataRoot {
		rights = append(rights, struct{ folder, right string }{filepath.Dir(s.Config.Log.File), "0x1301bf"})
	}
	for _, r := range rights {
		if err := os.MkdirAll(r.folder, 0o700); err != nil {
			return did, err
		}
		sd, err := windows.SecurityDescriptorFromString(folderSDDL(r.right))
		if err != nil {
			return did, err
		}
		acl, _, err := sd.DACL()
		if err != nil {
			return did, err
		}
		if err := windows.SetNamedSecurityInfo(r.folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil); err != nil {
			return did, &Error{What: "cannot close " + r.folder, Next: asAdmin, Err: err}
		}
		did = append(did, "only the system, administrators and the service reach "+r.folder)
	}
	return did, nil
}

// Adopt does nothing: files inherit the folder's access list.
func Adopt(string, ...string) error { return nil }

// folderSDDL is an access list without inheritance from above.
func folderSDDL(serviceRight string) string {
	return "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;" + serviceRight + ";;;" + virtualSID(Name) + ")"
}

// Devices does nothing: Windows gives a service the devices that its drivers do.
func Devices(context.Context, Setup) ([]string, error) { return nil, nil }

// Removal says how much goes.
type Removal struct {
	Setup
	Purge bool // data, keys, settings and logs too
}

// Uninstall stops the service and removes what Install made. Where nothing is
// installed it does nothing. Data and settings stay unless Purge.
func Uninstall(ctx context.Context, r Removal) (did []string, err error) {
	if err := mayChange("remove the service"); err != nil {
		return nil, err
	}
	was, err := Query(ctx)
	if err != nil {
		return nil, err
	}
	if was.Installed {
		if was.State != "stopped" {
			if err := Stop(ctx); err != nil {
				return nil, err
			}
			did = append(did, "stopped "+Name)
		}
		if err := control("remove", ks.Service.Uninstall); err != nil {
			return did, err
		}
		did = append(did, "removed the service "+Name)
	}
	if err := eventlog.Remove(Name); err == nil {
		did = append(did, "removed the Event Log source")
	} else if !errors.Is(err, registry.ErrNotExist) && !errors.Is(err, fs.ErrNotExist) {
		return did, err
	}
	if !r.Purge {
		return did, nil
	}
	gone := []string{dataRoot}
	if r.Config != nil && r.Config.Storage.Dir != "" {
		gone = append(gone, r.Config.Storage.Dir)
	}
	for _, p := range append(gone, upgrades(r.Setup)...) {
		if _, err := os.Lstat(p); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(p); err != nil {
			return did, err
		}
		did = append(did, "removed "+p)
	}
	return did, nil
}

// Retire stops the service of a kiosk that is decommissioned and disables it. It may
// be repeated. What DPAPI sealed lies in the keyring, and goes with it.
func Retire(ctx context.Context, s Setup) (did []string, err error) {
	q, err := Retiring(ctx, s)
	if err != nil || !q.Installed {
		return nil, err
	}
	if q.State != "stopped" && q.State != "failed" {
		if err := Stop(ctx); err != nil {
			return nil, err
		}
		did = append(did, "stopped "+Name)
	}
	m, err := mgr.Connect()
	if err != nil {
		return did, &Error{What: "cannot reach the service manager", Next: asAdmin, Err: err}
	}
	defer m.Disconnect()
	h, err := m.OpenService(Name)
	if err != nil {
		return did, err
	}
	defer h.Close()
	const same = windows.SERVICE_NO_CHANGE
	if err := windows.ChangeServiceConfig(h.Handle, same, windows.SERVICE_DISABLED, same, nil, nil, nil, nil, nil, nil, nil); err != nil {
		return did, &Error{What: "cannot disable the service", Next: asAdmin, Err: err}
	}
	return append(did, "disabled "+Name), nil
}

func mayChange(doing string) error {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return denied(doing, asAdmin)
	}
	return nil
}

// Start starts the service.
func Start(ctx context.Context) error { return act(ctx, "start", ks.Service.Start) }

// Stop stops the service.
func Stop(ctx context.Context) error { return act(ctx, "stop", ks.Service.Stop) }

// Restart stops and starts.
func Restart(ctx context.Context) error { return act(ctx, "restart", ks.Service.Restart) }

func act(ctx context.Context, doing string, f func(ks.Service) error) error {
	was, err := Query(ctx)
	if err != nil {
		return err
	}
	if !was.Installed {
		return notInstalled()
	}
	down := was.State == "stopped" || was.State == "failed"
	switch {
	case doing == "start" && was.State == "running", doing == "stop" && down:
		return nil
	case doing == "restart" && down: // nothing to stop, which is an error to Windows
		f = ks.Service.Start
	}
	err = control(doing, f)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return denied(doing+" the service", asAdmin)
	}
	return err
}

// again says when the manager starts the service again: what a Windows does not
// tell (Wine, for one) is not known.
func again(s *mgr.Service) string {
	actions, err := s.RecoveryActions()
	if err != nil {
		return ""
	}
	if !slices.ContainsFunc(actions, func(a mgr.RecoveryAction) bool { return a.Type == mgr.ServiceRestart }) {
		return "no"
	}
	if errorsToo, err := s.RecoveryActionsOnNonCrashFailures(); err != nil {
		return ""
	} else if !errorsToo {
		return "on-abnormal"
	}
	return "on-failure"
}

// Lacking names nothing: there are no drop-ins on Windows.
func Lacking(config.Config) []string { return nil }

// Query asks the manager. Any account may.
func Query(context.Context) (State, error) {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return State{}, &Error{What: "cannot reach the service manager", Next: asAdmin, Err: err}
	}
	defer windows.CloseServiceHandle(m)
	name, err := windows.UTF16PtrFromString(Name)
	if err != nil {
		return State{}, err
	}
	h, err := windows.OpenService(m, name, windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return State{}, nil
	}
	if err != nil {
		return State{}, &Error{What: "cannot look at the service", Next: asAdmin, Err: err}
	}
	s := &mgr.Service{Name: Name, Handle: h}
	defer s.Close()
	st, err := s.Query()
	if err != nil {
		return State{}, err
	}
	size := uint32(8 << 10) // the most that there is to read
	buf := make([]byte, size)
	c := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buf[0]))
	if err := windows.QueryServiceConfig(h, c, size, &size); err != nil {
		return State{}, err
	}
	out := State{Installed: true, Enabled: c.StartType == mgr.StartAutomatic, From: windows.UTF16PtrToString(c.BinaryPathName), PID: int(st.ProcessId), LastExit: int(st.ServiceSpecificExitCode)}
	out.Account = windows.UTF16PtrToString(c.ServiceStartName)
	if words, err := windows.DecomposeCommandLine(out.From); err == nil && len(words) > 0 {
		out.Program = words[0]
		out.wrapped = len(words) < 2 || words[1] != "run"
		if i := slices.Index(words, "--config"); i > 0 && i+1 < len(words) {
			out.Config = words[i+1]
		}
	}
	out.Again = again(s)
	out.State = map[svc.State]string{svc.Running: "running", svc.StartPending: "starting", svc.StopPending: "stopping", svc.Stopped: "stopped"}[st.State]
	if out.State == "stopped" && st.Win32ExitCode != 0 && st.Win32ExitCode != uint32(windows.ERROR_SERVICE_NEVER_STARTED) {
		out.State = "failed"
	}
	return out, nil
}
