//go:build !linux

package printer

import (
	"errors"

	"clinicgate/devices"
)

// openNode: only Linux shows USB printers as files.
func openNode(string) (wire, error) {
	return nil, &devices.Fault{Reason: "printers by usb: are for Linux", Err: errors.ErrUnsupported,
		Hint: "switch the printer to its serial mode and write COMn, or use its network plug"}
}
