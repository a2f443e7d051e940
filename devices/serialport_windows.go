package devices

import (
	"slices"
	"strconv"

	"go.bug.st/serial"
	"go.bug.st/serial/enumerator"
)

// SerialPorts lists the USB serial ports that are plugged in. It probes none.
// Windows does not tell the USB port of a unit; it gives a unit without a
// serial number one COM number per USB port, so there COMn is the identity.
func SerialPorts() ([]SerialPort, error) {
	details, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return nil, err
	}
	var ports []SerialPort
	for _, d := range details {
		vid, errV := strconv.ParseUint(d.VID, 16, 16)
		pid, errP := strconv.ParseUint(d.PID, 16, 16)
		if !d.IsUSB || errV != nil || errP != nil {
			continue
		}
		ports = append(ports, SerialPort{Name: d.Name, Product: d.Product,
			Identity: Identity{VendorID: uint16(vid), ProductID: uint16(pid), Serial: d.SerialNumber}})
	}
	return ports, nil
}

// Release is empty: Windows keeps a unit's version with its driver, not with its
// port.
func (SerialPort) Release() string { return "" }

// portAt asks the list that the system keeps of the ports that exist: opening
// is not needed, and an unplugged port is missing from it while a blocked read
// may not notice.
func portAt(name string) (SerialPort, error) {
	names, err := serial.GetPortsList()
	if err != nil {
		return SerialPort{}, &Fault{Reason: "cannot list serial ports", Hint: "restart the service", Err: err}
	}
	if !slices.Contains(names, name) {
		return SerialPort{}, &Fault{Reason: "not plugged in", Hint: "plug the device in; clinicgate devices list shows what is there"}
	}
	return SerialPort{Name: name, Identity: Identity{Path: name}}, nil
}
