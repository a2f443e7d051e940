package service

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// Packaged reports whether a package of the system's brought the program. An MSI did
// not: it leaves files alone between installations.
func Packaged(string) bool { return false }

// MayUpgrade gives the service, and refuses where this account, or this machine, cannot.
func MayUpgrade(ctx context.Context) (State, error) {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return State{}, denied("upgrade the service", asAdmin)
	}
	s, err := Query(ctx)
	if err == nil && !s.Installed {
		err = notInstalled()
	}
	return s, err
}

// InstallKeeper makes the keeper a service, of a program with its command line, and
// starts it. It runs as the system's own account, since it replaces a program.
func InstallKeeper(ctx context.Context, program string, args ...string) error {
	if _, err := MayUpgrade(ctx); err != nil {
		return err
	}
	if err := RemoveKeeper(ctx); err != nil {
		return err
	}
	m, err := mgr.Connect()
	if err != nil {
		return &Error{What: "cannot reach the service manager", Next: asAdmin, Err: err}
	}
	defer m.Disconnect()
	h, err := m.CreateService(KeeperName, program, mgr.Config{StartType: mgr.StartAutomatic, DisplayName: KeeperName,
		Description: "Carries out an upgrade of clinicgate, and takes it back where it does not serve."}, args...)
	if err != nil {
		return &Error{What: "cannot install the keeper of the upgrade", Next: "if it is marked for deletion, close services.msc and try again", Err: err}
	}
	defer h.Close()
	if err := errors.Join(h.SetRecoveryActions(recovery(), uint32(resetAfter.Seconds())), h.SetRecoveryActionsOnNonCrashFailures(true)); err != nil {
		return err
	}
	return h.Start()
}

// StopKeeper ends the keeper, which may be done at any moment.
func StopKeeper(ctx context.Context) error {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return denied("stop an upgrade", asAdmin)
	}
	return withService(KeeperName, func(h *mgr.Service) error { return end(ctx, h, stopBound) })
}

// ResumeKeeper lets a keeper that was stopped go on.
func ResumeKeeper(context.Context) error {
	return withService(KeeperName, func(h *mgr.Service) error {
		return errors.Join(startType(h, windows.SERVICE_AUTO_START), h.Start()) // end may have disabled it
	})
}

// RemoveKeeper takes the keeper's service away; a keeper that runs may do so itself,
// and it is gone when it has ended.
func RemoveKeeper(context.Context) error {
	return withService(KeeperName, func(h *mgr.Service) error {
		if err := h.Delete(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
			return err
		}
		return nil
	})
}

func halt(ctx context.Context, grace time.Duration) error {
	return withService(Name, func(h *mgr.Service) error {
		// Nothing starts the service while its program is replaced: no recovery action,
		// and no person. launch takes this back.
		if err := startType(h, windows.SERVICE_DISABLED); err != nil {
			return err
		}
		return end(ctx, h, grace)
	})
}

func launch(context.Context) error {
	return withService(Name, func(h *mgr.Service) error {
		if err := startType(h, windows.SERVICE_AUTO_START); err != nil {
			return err
		}
		if err := h.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return err
		}
		return nil
	})
}

// withService does something with a service, where it is there.
func withService(name string, do func(*mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return &Error{What: "cannot reach the service manager", Next: asAdmin, Err: err}
	}
	defer m.Disconnect()
	h, err := m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil
	}
	if err != nil {
		return err
	}
	defer h.Close()
	return do(h)
}

// end asks a service to stop, and ends its process where it has not within grace.
func end(ctx context.Context, h *mgr.Service, grace time.Duration) error {
	_, err := h.Control(svc.Stop)
	if err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) && !errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL) {
		return err
	}
	deadline := time.Now().Add(grace)
	killed := false
	for {
		st, err := h.Query()
		if err != nil {
			return err
		}
		if st.State == svc.Stopped {
			return nil
		}
		if time.Now().After(deadline) {
			if killed {
				return &Error{What: "the service does not stop", Next: whyHint}
			}
			// A killed process is a crash, after which the manager would start it again.
			if err := startType(h, windows.SERVICE_DISABLED); err != nil {
				return err
			}
			if err := kill(st.ProcessId); err != nil {
				return err
			}
			killed, deadline = true, time.Now().Add(grace)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func startType(h *mgr.Service, t uint32) error {
	return windows.ChangeServiceConfig(h.Handle, windows.SERVICE_NO_CHANGE, t, windows.SERVICE_NO_CHANGE, nil, nil, nil, nil, nil, nil, nil)
}

func kill(pid uint32) error {
	if pid == 0 {
		return nil
	}
	p, err := windows.OpenProcess(windows.PROCESS_TERMINATE, false, pid)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil // it has ended
	}
	if err != nil {
		return err
	}
	return errors.Join(windows.TerminateProcess(p, 1), windows.CloseHandle(p))
}
