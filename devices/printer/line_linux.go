package printer

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outlet is a second opening of the port, to write to. It does not block, so that a
// write can have a time limit: one of the library's to a printer that has stopped the
// line ends neither with what the port holds thrown away nor with the port closed,
// and keeps a thread until the printer goes on.
type outlet struct{ *os.File }

func openOutlet(name string) (outlet, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	return outlet{f}, err
}

// drainEvery is how often the port is asked whether it has sent everything.
const drainEvery = 5 * time.Millisecond

// Write sends all of b, or fails when the time is over.
func (l *line) Write(b []byte) (int, error) {
	end := time.Now().Add(l.within(b))
	if err := l.out.SetWriteDeadline(end); err != nil {
		return 0, err
	}
	n, err := l.out.Write(b)
	for err == nil {
		var left int
		if left, err = l.out.unsent(); err == nil && left == 0 {
			return n, nil
		}
		if time.Now().After(end) {
			err = os.ErrDeadlineExceeded
		}
		time.Sleep(drainEvery)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = l.ResetOutputBuffer() // closing the port would wait for it
		return 0, errStuck
	}
	return n, err
}

// unsent is how many bytes the port has yet to send.
func (o outlet) unsent() (n int, err error) {
	c, err := o.SyscallConn()
	if err != nil {
		return 0, err
	}
	if ended := c.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }); ended != nil {
		return 0, ended
	}
	return n, err
}

// Close closes both openings.
func (l *line) Close() error {
	return errors.Join(l.out.Close(), l.Port.Close())
}
