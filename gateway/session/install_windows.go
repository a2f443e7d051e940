package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"clinicgate/gateway/config"
)

const byHand = "operator/kiosk-session.md says how Windows gets it"

// shellFile is Shell Launcher's configuration, beside the config.
func shellFile(s Setup) string {
	return filepath.Join(filepath.Dir(cmp.Or(s.ConfigPath, config.DefaultPath)), "kiosk-shell.xml")
}

// Install writes the browser's policies into the registry, and Shell Launcher's
// configuration for the kiosk's account beside the config: handing that to Windows
// takes the system's account or a device manager. It may be repeated, without the
// account too, returns what it did, and starts nothing.
func Install(_ context.Context, s Setup) (did []string, err error) {
	if s.Account == "" {
		s.Account = installedFor(s)
	}
	switch {
	case s.Root != "":
		return nil, &Error{What: "--root is for Linux images", Next: "install in the running system"}
	case s.Account == "":
		return nil, &Error{What: "Windows needs the kiosk's account", Next: "name it: --account kiosk"}
	}
	return install(s)
}

// Renew brings a session that is installed to what this version installs, and does
// nothing where none is. A device manager's Shell Launcher stays its own.
func Renew(_ context.Context, s Setup) (did []string, err error) {
	if !registryKeys(s.Origin)[0].names(ownProgram) {
		return nil, nil
	}
	s.Account = installedFor(s)
	return install(s)
}

// installedFor gives the account of an earlier Install; "" where there was none.
func installedFor(s Setup) string {
	text, err := os.ReadFile(shellFile(s))
	if err != nil {
		return ""
	}
	return accountOf(text)
}

// install writes the policies and, where there is an account, Shell Launcher's file.
func install(s Setup) (did []string, err error) {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return nil, denied("install the kiosk session")
	}
	for _, k := range registryKeys(s.Origin) {
		changed, err := k.write()
		if err != nil {
			return did, fmt.Errorf(`cannot write HKLM\%s: %w`, k.path, err)
		}
		if changed {
			did = append(did, `wrote HKLM\`+k.path)
		}
	}
	if s.Account == "" {
		return did, nil
	}
	changed, err := write(shellFile(s), ShellLauncher(s))
	if changed {
		did = append(did, "wrote "+shellFile(s)+": "+byHand)
	}
	return did, err
}

// Uninstall removes what Install wrote, or a device manager from Registry's text; where
// neither was, a clinic's own policies stay. Whoever gave Shell Launcher's configuration
// to Windows takes it back.
func Uninstall(_ context.Context, s Setup) (did []string, err error) {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return nil, denied("remove the kiosk session")
	}
	keys := registryKeys(s.Origin)
	if !keys[0].names(ownProgram) {
		keys = nil
	}
	for _, k := range slices.Backward(keys) {
		changed, err := k.remove()
		if err != nil {
			return did, fmt.Errorf(`cannot remove HKLM\%s: %w`, k.path, err)
		}
		if changed {
			did = append(did, `removed from HKLM\`+k.path)
		}
	}
	if err := os.Remove(shellFile(s)); err == nil {
		did = append(did, "removed "+shellFile(s)+"; Windows keeps its copy: "+byHand)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return did, err
	}
	return did, nil
}

// write brings a key to what it is to hold, and reports whether it was not so.
func (k registryKey) write() (changed bool, err error) {
	if len(k.values) == 0 {
		return k.remove()
	}
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, k.path, registry.QUERY_VALUE|registry.SET_VALUE)
	if err != nil {
		return false, err
	}
	defer key.Close()
	if k.own {
		names, err := key.ReadValueNames(0)
		if err != nil {
			return false, err
		}
		for _, name := range names {
			if !slices.ContainsFunc(k.values, func(v registryValue) bool { return v.name == name }) {
				if err := key.DeleteValue(name); err != nil {
					return changed, err
				}
				changed = true
			}
		}
	}
	for _, v := range k.values {
		if v.in(key) {
			continue
		}
		changed = true
		if v.text != "" {
			err = key.SetStringValue(v.name, v.text)
		} else {
			err = key.SetDWordValue(v.name, v.number)
		}
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// names reports whether a key has a value of that name.
func (k registryKey) names(name string) bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, k.path, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	_, _, err = key.GetValue(name, nil)
	return err == nil
}

// in reports whether a key holds the value.
func (v registryValue) in(key registry.Key) bool {
	if v.text != "" {
		text, _, err := key.GetStringValue(v.name)
		return err == nil && text == v.text
	}
	number, kind, err := key.GetIntegerValue(v.name)
	return err == nil && kind == registry.DWORD && number == uint64(v.number)
}

// remove takes ours out of a key, and reports whether any was there.
func (k registryKey) remove() (changed bool, err error) {
	if k.own {
		err := registry.DeleteKey(registry.LOCAL_MACHINE, k.path)
		if errors.Is(err, registry.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, k.path, registry.SET_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer key.Close()
	for _, v := range k.values {
		switch err := key.DeleteValue(v.name); {
		case err == nil:
			changed = true
		case !errors.Is(err, registry.ErrNotExist):
			return changed, err
		}
	}
	return changed, nil
}
