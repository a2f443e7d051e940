package devices

// SerialPort is a serial port of this machine, USB-CDC included. Two values
// are equal when they are the same node of the same plugging.
type SerialPort struct {
	Name     string   // what to open: /dev/ttyACM0, COM3
	Identity Identity // of the USB unit behind it; the path when there is none
	Product  string   // what the unit calls itself; may be empty
	node     uint64   // the node's device number, where the system has one
}

// FindSerialPort gives the port that a unit has now. The error is a *Fault.
func FindSerialPort(id Identity) (SerialPort, error) {
	if id.Path != "" {
		return portAt(id.Path)
	}
	ports, err := SerialPorts()
	if err != nil {
		return SerialPort{}, &Fault{Reason: "cannot list serial ports", Hint: "name the port by its path", Err: err}
	}
	return id.among(ports)
}

// among picks the unit from what is plugged in.
func (id Identity) among(ports []SerialPort) (SerialPort, error) {
	var found []SerialPort
	var there []Identity
	for _, p := range ports {
		there = append(there, p.Identity)
		if id.names(p.Identity) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return SerialPort{}, id.missing(there)
	case 1:
		return found[0], nil
	default:
		return SerialPort{}, &Fault{Reason: "more than one port matches",
			Hint: "name one unit in the device's port: its serial number, its USB port or its link under /dev/serial/by-id"}
	}
}
