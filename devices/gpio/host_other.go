//go:build !linux

package gpio

import "clinicgate/devices"

// supported: lines can be had on this system.
const supported = false

// Chips lists none.
func Chips() []Chip { return nil }

// openLine refuses: periph has a dummy chip here, which is nobody's lamp.
func openLine(Line) (*held, error) {
	return nil, &devices.Fault{Reason: unsupported, Hint: "use a device on MQTT or USB"}
}

// Ready does nothing: there is nothing that periph could read.
func Ready() error { return nil }
