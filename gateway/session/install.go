package session

import "io/fs"

// Setup is what an installation is made from.
type Setup struct {
	Binary     string // the program's file, absolute
	ConfigPath string // the config file, absolute
	Origin     string // of the page
	Root       string // installs into the file system below this folder, for an image: nothing is started
}

// denied is a refusal for want of rights.
func denied(doing string) error {
	return &Error{What: "this account may not " + doing, Next: "run it as root: sudo clinicgate kiosk-session ...", Err: fs.ErrPermission}
}
