package devices

import (
	"os"
	"path/filepath"
	"strings"
)

// PrinterPorts lists the USB printers that are plugged in.
func PrinterPorts() []SerialPort { return printerPorts("/sys", "/dev") }

// FindPrinterPort gives the device node that a USB printer has now, such as
// /dev/usb/lp0. The error is a *Fault.
func FindPrinterPort(id Identity) (SerialPort, error) {
	if id.Path != "" {
		return portAt(id.Path)
	}
	return id.among(printerPorts("/sys", "/dev"))
}

// printerPorts lists the USB printers that are plugged in, as the kernel's usblp
// shows them: class/usbmisc/lp<n>, whose node is /dev/usb/lp<n>.
func printerPorts(sys, dev string) (ports []SerialPort) {
	class := filepath.Join(sys, "class", "usbmisc")
	entries, _ := os.ReadDir(class) // there is none before the first printer
	for _, e := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join(class, e.Name()))
		if err != nil || !strings.HasPrefix(e.Name(), "lp") {
			continue
		}
		unit, err := usbUnitAbove(dir)
		if err != nil {
			continue
		}
		p, err := portAt(filepath.Join(dev, "usb", e.Name()))
		if err != nil {
			continue
		}
		p.Identity, p.Product = unit, attribute(dir, unit.USBPort, "product")
		ports = append(ports, p)
	}
	return ports
}
