package scanner

import "clinicgate/devices"

// Windows opens keyboards for itself alone, and HID-POS scanners for programs
// of the person who is logged in.
func openKeyboard(string) (port, error) { return nil, noNodes() }
func openPOS(string) (port, error)      { return nil, noNodes() }

func noNodes() error {
	return &devices.Fault{Reason: "a Windows service cannot read this mode of a scanner",
		Hint: "use mode = \"page\" for a scanner in keyboard mode, or set the scanner to its serial (virtual COM) mode"}
}
