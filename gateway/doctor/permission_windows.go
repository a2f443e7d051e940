package doctor

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows"
)

// reachable says which of the groups that hold everybody get at a file, or "".
func reachable(f Guarded) (string, error) {
	d, err := windows.GetNamedSecurityInfo(f.Path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return "", err
	}
	// Allowed for Everyone, Authenticated Users, or Users of this machine.
	text := d.String()
	for _, who := range []struct{ sid, name string }{{";WD)", "Everyone"}, {";AU)", "Authenticated Users"}, {";BU)", "Users"}} {
		if strings.Contains(text, who.sid) && f.Mode&0o004 == 0 {
			return "access for " + who.name, nil
		}
	}
	return "", nil
}

// Tighten leaves a file to the system, the administrators and its owner.
func Tighten(f Loose) error {
	d, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)")
	if err != nil {
		return err
	}
	acl, _, err := d.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(f.Path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
}

// giveBack: the folder's rights are inherited.
func giveBack(string, string) error { return nil }

// rightsOf is not told: what the data folder allows is inherited by its files.
func rightsOf(string) (func(path string) (fs.FileMode, error), error) {
	return nil, errors.ErrUnsupported
}
