package scanner

import (
	"errors"
	"io/fs"
	"time"

	"go.bug.st/serial"

	"clinicgate/devices"
)

// port is the open serial port. Read returns 0, nil when the time is over.
// It has one owner, who also closes it.
type port interface {
	Read([]byte) (int, error)
	SetReadTimeout(time.Duration) error
	Close() error
}

// openPort opens a port by its name of the moment. The error is a
// *devices.Fault.
func openPort(name string, mode *serial.Mode) (port, error) {
	p, err := serial.Open(name, mode)
	if err == nil {
		return p, nil
	}
	f := &devices.Fault{Reason: "cannot open the port", Err: err,
		Hint: "plug the scanner in again; if that does not help, try it on another computer"}
	switch code := portCode(err); {
	case code == serial.PortBusy:
		f.Reason, f.Hint = "port is in use", "stop the other program that has it open; on Linux also ModemManager, which tries every new port"
	case code == serial.PermissionDenied || errors.Is(err, fs.ErrPermission):
		f.Reason, f.Hint = "no permission to open the port", "give the service's user the right to the port: on Linux by the udev rule of the package or the group dialout"
	case code == serial.PortNotFound || errors.Is(err, fs.ErrNotExist):
		f.Reason, f.Hint = "not plugged in", "plug the scanner in"
	case code == serial.InvalidSerialPort:
		f.Reason, f.Hint = "not a serial port", "the device's port must name a terminal device that takes its baud rate, data bits and parity"
	}
	return nil, f
}

// portCode is the library's class of an error, or -1.
func portCode(err error) serial.PortErrorCode {
	if e, ok := errors.AsType[*serial.PortError](err); ok {
		return e.Code()
	}
	return -1
}
