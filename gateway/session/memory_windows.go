package session

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"clinicgate/gateway/service"
)

// memory gives the folder that profiles go to. Windows has no file system in memory:
// the folder is wiped at each start and end, and the browser keeps its caches small;
// BitLocker is what protects what a wipe leaves.
func memory() (string, error) {
	base := os.Getenv("LOCALAPPDATA")
	if base == "" {
		return "", &Error{What: "this account has no LOCALAPPDATA", Next: "run it in the kiosk account's own session"}
	}
	dir := filepath.Join(base, "Temp", "clinicgate-kiosk")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return dir, nil
}

// lockSession keeps a second session of this account out, which would wipe the
// first one's profiles.
func lockSession(dir string) (func(), error) {
	name, err := windows.UTF16PtrFromString(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	// Shared with nobody.
	h, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_TEMPORARY, 0)
	if err != nil {
		return nil, errors.Join(errBusy, err)
	}
	return func() { _ = windows.CloseHandle(h) }, nil
}

// environment is what the browser finds: its own folder for what is temporary.
func environment(home string) []string {
	env := []string{"TEMP=" + filepath.Join(home, "tmp"), "TMP=" + filepath.Join(home, "tmp")}
	for _, name := range []string{"PATH", "SystemRoot", "SystemDrive", "windir", "ProgramFiles", "ProgramFiles(x86)", "ProgramData", "LOCALAPPDATA", "APPDATA", "USERPROFILE", "USERNAME", "USERDOMAIN", "COMPUTERNAME"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func browsers() []string {
	var list []string
	for _, base := range []string{os.Getenv("ProgramFiles(x86)"), os.Getenv("ProgramFiles")} {
		for _, name := range []string{`Microsoft\Edge\Application\msedge.exe`, `Google\Chrome\Application\chrome.exe`} {
			if base != "" {
				list = append(list, filepath.Join(base, name))
			}
		}
	}
	return append(list, "msedge.exe", "chrome.exe")
}

// sealMemory lets neither this process nor one that it starts leave a dump. The registry
// (registry.go) turns it off for the browser too.
func sealMemory() error { return service.NoDumps() }
