package printer

import (
	"errors"
	"io/fs"
	"syscall"
	"time"

	"go.bug.st/serial"

	"clinicgate/devices"
)

// line is a wire over a serial port. Its Write is the system's, see outlet.
type line struct {
	serial.Port
	out outlet
}

// within is how long a write may take: a byte at 2400 baud takes 4 ms.
func (l *line) within(b []byte) time.Duration {
	return writeWithin + time.Duration(len(b))*4*time.Millisecond
}

func (l *line) Listen(b []byte, within time.Duration) (int, error) {
	if err := l.SetReadTimeout(within); err != nil {
		return 0, err
	}
	return l.Read(b)
}

// openLine opens a serial port. The error is a *devices.Fault.
func openLine(name string, baud int) (wire, error) {
	out, err := openOutlet(name)
	if err == nil {
		var p serial.Port
		if p, err = serial.Open(name, &serial.Mode{BaudRate: baud, DataBits: 8}); err == nil {
			return &line{p, out}, nil
		}
		_ = out.Close() // the other error counts
	}
	if f, ok := errors.AsType[*devices.Fault](err); ok {
		return nil, f
	}
	f := &devices.Fault{Reason: "cannot open the port", Err: err, Hint: "plug the printer in again; if that does not help, try it on another computer"}
	code := serial.PortErrorCode(-1)
	if e, ok := errors.AsType[*serial.PortError](err); ok {
		code = e.Code()
	}
	switch {
	case code == serial.PortBusy || errors.Is(err, syscall.EBUSY):
		f.Reason, f.Hint = "port is in use", "stop the other program that has it open"
	case code == serial.PermissionDenied || errors.Is(err, fs.ErrPermission):
		f.Reason, f.Hint = "no permission to open the port", "give the service's user the right to the port: on Linux by the udev rule of the package or the group dialout"
	case code == serial.PortNotFound || errors.Is(err, fs.ErrNotExist):
		f.Reason, f.Hint = "not plugged in", "plug the printer in"
	}
	return nil, f
}
