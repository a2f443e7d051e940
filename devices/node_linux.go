package devices

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Keyboards lists the event nodes of USB units that have the keys of a
// keyboard: a scanner in keyboard mode looks like one. It reads sysfs and opens
// nothing.
func Keyboards() ([]Node, error) { return keyboards("/sys", "/dev") }

// RawHIDs lists the raw nodes of USB HID units.
func RawHIDs() ([]Node, error) { return rawHIDs("/sys", "/dev") }

// keyboards reads class/input/event<N>/device, an input device with id/,
// capabilities/, name and uniq (Documentation/input in the kernel).
func keyboards(sys, dev string) ([]Node, error) {
	return nodes(filepath.Join(sys, "class", "input"), filepath.Join(dev, "input"), "event", func(dir string) (Identity, string, bool) {
		if read(dir, "id/bustype") != "0003" || !typesText(readAll(dir, "capabilities/key")) {
			return Identity{}, "", false
		}
		id, ok := unit(dir, read(dir, "id/vendor"), read(dir, "id/product"), read(dir, "uniq"))
		return id, read(dir, "name"), ok
	})
}

// rawHIDs reads class/hidraw/hidraw<N>/device, a HID device whose uevent has
// HID_ID=0003:0000VVVV:0000PPPP, HID_NAME and HID_UNIQ.
func rawHIDs(sys, dev string) ([]Node, error) {
	return nodes(filepath.Join(sys, "class", "hidraw"), dev, "hidraw", func(dir string) (Identity, string, bool) {
		says := map[string]string{}
		for line := range strings.Lines(readAll(dir, "uevent")) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			says[key] = shown([]byte(value))
		}
		part := strings.Split(says["HID_ID"], ":")
		if len(part) != 3 || part[0] != "0003" {
			return Identity{}, "", false
		}
		id, ok := unit(dir, part[1], part[2], says["HID_UNIQ"])
		return id, says["HID_NAME"], ok
	})
}

// nodes lists the nodes of a class whose names begin so, and what look makes
// of the device behind each.
func nodes(class, dev, prefix string, look func(dir string) (Identity, string, bool)) ([]Node, error) {
	entries, err := os.ReadDir(class)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a kernel without that class has no such unit
	}
	if err != nil {
		return nil, err
	}
	var all []Node
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		dir, err := filepath.EvalSymlinks(filepath.Join(class, e.Name(), "device"))
		if err != nil {
			continue // unplugged between the two looks
		}
		id, product, ok := look(dir)
		if !ok {
			continue
		}
		n, err := nodeAt(filepath.Join(dev, e.Name()))
		if err != nil {
			continue
		}
		n.Identity, n.Product = id, product
		all = append(all, n)
	}
	return all, nil
}

// unit is the identity of what has these numbers: of the USB device above dir,
// or, where there is none because a program pretends the unit, of what it says
// itself.
func unit(dir, vendor, product, serial string) (Identity, bool) {
	vid, errV := strconv.ParseUint(vendor, 16, 16)
	pid, errP := strconv.ParseUint(product, 16, 16)
	if errV != nil || errP != nil {
		return Identity{}, false
	}
	id := Identity{VendorID: uint16(vid), ProductID: uint16(pid), Serial: serial}
	if usb, err := usbUnitAbove(dir); err == nil && usb.VendorID == id.VendorID && usb.ProductID == id.ProductID {
		return usb, true
	}
	return id, true
}

// Keys that every keyboard mode needs (input-event-codes.h): 1, Enter, A, left
// Shift.
var textKeys = [...]int{2, 28, 30, 42}

// typesText reads a bitmap of keys as sysfs prints it: hexadecimal words of
// the machine's size, the last one first.
func typesText(bitmap string) bool {
	words := strings.Fields(bitmap)
	for _, key := range textKeys {
		i := len(words) - 1 - key/strconv.IntSize
		if i < 0 {
			return false
		}
		word, err := strconv.ParseUint(words[i], 16, 64)
		if err != nil || word>>(key%strconv.IntSize)&1 == 0 {
			return false
		}
	}
	return true
}

// ReportDescriptor is how the unit describes the reports of a raw node, at most
// 4096 bytes. Nothing is opened.
func (n Node) ReportDescriptor() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join("/sys/class/hidraw", filepath.Base(n.Name), "device/report_descriptor"))
	return b[:min(len(b), 4096)], err
}

// Release is the version that the USB unit behind the node tells of itself, as
// SerialPort's is.
func (n Node) Release() string { return releaseOf(n.number) }

func readAll(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(b[:min(len(b), 4096)])
}

// nodeAt finds a device node by its path.
func nodeAt(path string) (Node, error) {
	name, number, err := charDevice(path, "device", "not a device", "the device's port must name a device node")
	if err != nil {
		return Node{}, err
	}
	return Node{Name: name, Identity: Identity{Path: path}, number: number}, nil
}

// charDevice follows links, so that a link that udev points elsewhere is seen as
// another device. The error is a *Fault in which it is called what; other and hint
// are those of a path that is something else.
func charDevice(path, what, other, hint string) (name string, number uint64, err error) {
	const list = "clinicgate devices list shows what is there"
	name, err = filepath.EvalSymlinks(path)
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(name); err == nil {
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok || info.Mode()&os.ModeCharDevice == 0 {
				return "", 0, &Fault{Reason: other, Hint: hint + "; " + list}
			}
			return name, uint64(st.Rdev), nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, &Fault{Reason: "not plugged in", Hint: "plug the device in; " + list}
	}
	return "", 0, &Fault{Reason: "cannot look at the " + what, Hint: "check the path and the rights of its folders", Err: err}
}
