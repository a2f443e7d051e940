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
	t := &terminal{held: held}
	if t.control, err = pollable(control); err != nil {
		_ = held.Close()
		return nil, err
	}
	if _, err := term.MakeRaw(int(held.Fd())); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// pollable takes a file over from pty.Open, which leaves it blocking: neither a
// deadline nor Close would end a read of it while another program has the terminal
// open.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
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
