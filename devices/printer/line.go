package printer

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"go.bug.st/serial"

	"clinicgate/devices"
)

// line is a wire over a serial port. The library's write has no time limit; one
// that runs out of it is freed by throwing away what the port still holds.
type line struct {
	serial.Port
	writes sync.WaitGroup
}

// errStuck: the printer has stopped the line and does not go on.
var errStuck = errors.New("line takes no more bytes")

func (l *line) Write(b []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	own := append([]byte(nil), b...) // outlives a caller who gave up
	l.writes.Go(func() {
		n, err := l.Port.Write(own)
		if err == nil {
			err = l.Port.Drain()
		}
		done <- result{n, err}
	})
	t := time.NewTimer(writeWithin + time.Duration(len(b))*4*time.Millisecond) // a byte at 2400 baud
	defer t.Stop()
	select {
	case r := <-done:
		return r.n, r.err
	case <-t.C:
		_ = l.Port.ResetOutputBuffer()
		return 0, errStuck
	}
}

func (l *line) Listen(b []byte, within time.Duration) (int, error) {
	if err := l.SetReadTimeout(within); err != nil {
		return 0, err
	}
	return l.Read(b)
}

// openLine opens a serial port. The error is a *devices.Fault.
func openLine(name string, baud int) (wire, error) {
	p, err := serial.Open(name, &serial.Mode{BaudRate: baud, DataBits: 8})
	if err == nil {
		return &line{Port: p}, nil
	}
	f := &devices.Fault{Reason: "cannot open the port", Err: err, Hint: "plug the printer in again; if that does not help, try it on another computer"}
	code := serial.PortErrorCode(-1)
	if e, ok := errors.AsType[*serial.PortError](err); ok {
		code = e.Code()
	}
	switch {
	case code == serial.PortBusy:
		f.Reason, f.Hint = "port is in use", "stop the other program that has it open"
	case code == serial.PermissionDenied || errors.Is(err, fs.ErrPermission):
		f.Reason, f.Hint = "no permission to open the port", "give the service's user the right to the port: on Linux by the udev rule of the package or the group dialout"
	case code == serial.PortNotFound || errors.Is(err, fs.ErrNotExist):
		f.Reason, f.Hint = "not plugged in", "plug the printer in"
	}
	return nil, f
}
