package simulator

import (
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

func openTerminal() (*terminal, error) {
	control, held, err := pty.Open()
	if err != nil {
		return nil, err
	}
	t := &terminal{control: control, held: held}
	if _, err := term.MakeRaw(int(held.Fd())); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// share takes back the exclusive use that serial programs claim. On real
// hardware the kernel does so when the last of them is gone; here we hold the
// terminal open, so it never is.
func share(held *os.File) { _ = unix.IoctlSetInt(int(held.Fd()), unix.TIOCNXCL, 0) }

// unread is how many bytes wait to be read.
func unread(held *os.File) int {
	n, err := unix.IoctlGetInt(int(held.Fd()), unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// discard throws them away.
func discard(held *os.File) { _ = unix.IoctlSetInt(int(held.Fd()), unix.TCFLSH, unix.TCIFLUSH) }
