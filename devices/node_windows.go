package devices

// Keyboards is empty: Windows keeps every keyboard for itself. The check-in
// page reads such scanners.
func Keyboards() ([]Node, error) { return nil, nil }

// RawHIDs is empty: HID units are not read on Windows.
func RawHIDs() ([]Node, error) { return nil, nil }

// ReportDescriptor gives nothing.
func (n Node) ReportDescriptor() ([]byte, error) { return nil, nil }

// Release gives nothing.
func (n Node) Release() string { return "" }

func nodeAt(string) (Node, error) {
	return Node{}, &Fault{Reason: "this kind of port does not exist on Windows", Hint: "set the scanner to its serial (virtual COM) mode, or use mode = \"page\""}
}
