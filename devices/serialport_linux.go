package devices

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SerialPorts lists the USB serial ports that are plugged in. It reads sysfs
// and opens no port: opening one to see what it is raises its DTR line, which
// restarts some devices.
func SerialPorts() ([]SerialPort, error) { return usbPorts("/sys", "/dev") }

// usbPorts reads the tree that the kernel documents in
// Documentation/ABI: class/tty/<name> is a link to the tty below its USB
// interface, whose parent, the USB device, has idVendor, idProduct, serial and
// product, and is named by bus and port.
func usbPorts(sys, dev string) ([]SerialPort, error) {
	class := filepath.Join(sys, "class", "tty")
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, err
	}
	var ports []SerialPort
	for _, e := range entries {
		link := filepath.Join(class, e.Name())
		if target, err := os.Readlink(link); err != nil || !strings.Contains(target, "/usb") {
			continue
		}
		dir, err := filepath.EvalSymlinks(link)
		if err != nil {
			continue // unplugged between the two looks
		}
		unit, err := usbUnitAbove(dir)
		if err != nil {
			continue
		}
		p, err := portAt(filepath.Join(dev, e.Name()))
		if err != nil {
			continue
		}
		p.Identity, p.Product = unit, attribute(dir, unit.USBPort, "product")
		ports = append(ports, p)
	}
	return ports, nil
}

// usbUnitAbove climbs from a tty to its USB device. The bound is above the
// depth of USB (7 levels) plus the classes below it.
func usbUnitAbove(dir string) (Identity, error) {
	for range 8 {
		dir = filepath.Dir(dir)
		vid, err := strconv.ParseUint(read(dir, "idVendor"), 16, 16)
		if err != nil {
			continue
		}
		pid, err := strconv.ParseUint(read(dir, "idProduct"), 16, 16)
		if err != nil {
			return Identity{}, err
		}
		return Identity{VendorID: uint16(vid), ProductID: uint16(pid),
			Serial: read(dir, "serial"), USBPort: filepath.Base(dir)}, nil
	}
	return Identity{}, fs.ErrNotExist
}

// Release is the version that the USB unit behind the port tells of itself
// (bcdDevice), such as "1.02"; empty where there is none.
func (p SerialPort) Release() string { return releaseOf(p.node) }

func releaseOf(node uint64) string {
	dir, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/char/%d:%d", unix.Major(node), unix.Minor(node)))
	if err != nil {
		return ""
	}
	unit, err := usbUnitAbove(dir)
	if err != nil {
		return ""
	}
	return release(attribute(dir, unit.USBPort, "bcdDevice"))
}

// release reads a binary coded decimal of four digits: two before the point.
func release(bcd string) string {
	if len(bcd) != 4 {
		return ""
	}
	whole := strings.TrimPrefix(bcd[:2], "0")
	return whole + "." + bcd[2:]
}

// attribute reads a file of the ancestor of dir that has that name.
func attribute(dir, ancestor, name string) string {
	for filepath.Base(dir) != ancestor {
		dir = filepath.Dir(dir)
	}
	return read(dir, name)
}

// read gives the first 126 bytes (the longest USB string) of an attribute. The
// unit chose them, and they are shown on terminals: what is not printable
// becomes a question mark.
func read(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return shown(b)
}

// shown makes what a unit says of itself safe to show.
func shown(b []byte) string {
	b = bytes.TrimSpace(b)
	b = b[:min(len(b), 126)]
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// portAt finds a serial port by its path.
func portAt(path string) (SerialPort, error) {
	name, number, err := charDevice(path, "port", "not a serial port", "the device's port must name a terminal device")
	if err != nil {
		return SerialPort{}, err
	}
	return SerialPort{Name: name, Identity: Identity{Path: path}, node: number}, nil
}
