package devices

import "errors"

// PrinterPorts is empty, see FindPrinterPort.
func PrinterPorts() []SerialPort { return nil }

// FindPrinterPort: Windows shows a USB printer as a queue or as a COM port, not
// as a node.
func FindPrinterPort(Identity) (SerialPort, error) {
	return SerialPort{}, &Fault{Reason: "printers by usb: are for Linux", Err: errors.ErrUnsupported,
		Hint: "switch the printer to its serial mode and write COMn, or use its network plug"}
}
