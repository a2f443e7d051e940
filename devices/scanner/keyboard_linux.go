package scanner

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"clinicgate/devices"
)

// eviocgrab is EVIOCGRAB of input.h, _IOW('E', 0x90, int).
const eviocgrab = 0x40044590

// openKeyboard takes an event node for this process alone: while it is open, no
// key reaches the browser, the console or another program. Closing it, also by
// the end of the process, gives the keys back.
func openKeyboard(name string) (port, error) {
	f, err := openNode(name)
	if err != nil {
		return nil, err
	}
	switch err := ioctl(f, func(fd int) error { return unix.IoctlSetInt(fd, eviocgrab, 1) }); {
	case err == nil:
		return newKeyboard(f), nil
	case errors.Is(err, unix.EBUSY):
		_ = f.Close()
		return nil, &devices.Fault{Reason: "keys are taken by another program", Hint: "stop the other program that reads the scanner", Err: err}
	default:
		_ = f.Close()
		return nil, &devices.Fault{Reason: "not a keyboard", Err: err,
			Hint: "the device's port must name an event node; clinicgate devices list shows what is there"}
	}
}

// openNode opens a device node to be read with deadlines. The error is a
// *devices.Fault.
func openNode(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, &devices.Fault{Reason: "no permission to open the scanner", Err: err,
			Hint: "give the service's user the right to the node by a udev rule, or by the group input for keyboard mode"}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, &devices.Fault{Reason: "not plugged in", Hint: "plug the scanner in", Err: err}
	}
	return nil, &devices.Fault{Reason: "cannot open the scanner", Hint: "plug the scanner in again", Err: err}
}

// ioctl does what a file's own descriptor is needed for, and leaves its
// deadlines working.
func ioctl(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if e := c.Control(func(fd uintptr) { err = do(int(fd)) }); e != nil {
		return e
	}
	return err
}

// keyboard is the port of a scanner in keyboard mode.
type keyboard struct {
	*node
	keys *Keys
	raw  []byte
}

func newKeyboard(f *os.File) *keyboard {
	return &keyboard{node: &node{File: f}, keys: NewKeys(strconv.IntSize / 8), raw: make([]byte, 24*64)}
}

// Read gives the bytes that were typed: at most one for each event.
func (k *keyboard) Read(typed []byte) (n int, err error) {
	read, err := k.read(k.raw[:min(len(k.raw), 16*len(typed))])
	k.keys.Feed(k.raw[:read], func(c byte) {
		typed[n] = c
		n++
	})
	clear(k.raw[:read])
	return n, err
}

// node reads a device node with a deadline.
type node struct {
	*os.File
	wait time.Duration
}

// SetReadTimeout implements port.
func (n *node) SetReadTimeout(d time.Duration) error {
	n.wait = d
	return nil
}

// read returns 0, nil when the time is over.
func (n *node) read(b []byte) (int, error) {
	if err := n.SetReadDeadline(time.Now().Add(n.wait)); err != nil {
		return 0, err
	}
	got, err := n.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return max(got, 0), err
}
