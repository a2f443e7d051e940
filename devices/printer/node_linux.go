package printer

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"clinicgate/devices"
)

// openNode opens the device node of a USB printer. It does not block, so that
// reads and writes can have a time limit. The error is a *devices.Fault.
func openNode(name string) (wire, error) {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err == nil {
		return stream{f}, nil
	}
	fault := &devices.Fault{Reason: "cannot open the printer", Err: err, Hint: "plug the printer in again"}
	switch {
	case errors.Is(err, syscall.EBUSY):
		fault.Reason, fault.Hint = "printer is in use", "stop the other program that has it open, such as CUPS"
	case errors.Is(err, fs.ErrPermission):
		fault.Reason, fault.Hint = "no permission to open the printer", "give the service's user the right to it: by the udev rule of the package or the group lp"
	case errors.Is(err, fs.ErrNotExist):
		fault.Reason, fault.Hint = "not plugged in", "plug the printer in"
	}
	return nil, fault
}
