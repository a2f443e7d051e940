package devices

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// hidTree builds the part of sysfs and /dev that keyboards and rawHIDs read.
type hidTree struct{ *usbTree }

// keys is a key bitmap as sysfs prints it.
func keys(codes ...int) string {
	words := make([]uint64, 256/strconv.IntSize)
	for _, c := range codes {
		words[len(words)-1-c/strconv.IntSize] |= 1 << (c % strconv.IntSize)
	}
	s := ""
	for _, w := range words {
		s += strconv.FormatUint(w, 16) + " "
	}
	return s
}

// plugHID adds a HID unit below home, with an event node and a raw node.
func (h hidTree) plugHID(home, hid, number, node string, usb map[string]string, device map[string]string) {
	base := filepath.Join(h.sys, "devices", home)
	input := filepath.Join(base, hid, "input", "input"+number)
	event, raw := filepath.Join(input, "event"+number), filepath.Join(base, hid, "hidraw", "hidraw"+number)
	for _, dir := range []string{event, raw, filepath.Join(input, "id"), filepath.Join(input, "capabilities"),
		filepath.Join(h.sys, "class", "input"), filepath.Join(h.sys, "class", "hidraw"), filepath.Join(h.dev, "input")} {
		h.must(os.MkdirAll(dir, 0o755))
	}
	for name, value := range usb {
		h.must(os.WriteFile(filepath.Join(filepath.Dir(base), name), []byte(value+"\n"), 0o644))
	}
	for name, value := range device {
		dir := input
		if name == "uevent" {
			dir = filepath.Join(base, hid)
		}
		h.must(os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o644))
	}
	h.must(os.Symlink(input, filepath.Join(event, "device")))
	h.must(os.Symlink(filepath.Join(base, hid), filepath.Join(raw, "device")))
	h.must(os.Symlink(event, filepath.Join(h.sys, "class", "input", "event"+number)))
	h.must(os.Symlink(raw, filepath.Join(h.sys, "class", "hidraw", "hidraw"+number)))
	h.must(os.Symlink(node, filepath.Join(h.dev, "input", "event"+number)))
	h.must(os.Symlink(node, filepath.Join(h.dev, "hidraw"+number)))
}

func (h hidTree) find(identity string, list func(sys, dev string) ([]Node, error)) (Node, error) {
	h.t.Helper()
	id, err := ParseIdentity(identity)
	h.must(err)
	return FindNode(id, func() ([]Node, error) { return list(h.sys, h.dev) })
}

func TestKeyboardsAndRawNodesAreFoundByWhatStaysTheSame(t *testing.T) {
	h := hidTree{newUSBTree(t)}
	full := keys(textKeys[:]...)
	device := func(bus, vid, pid, uniq, bitmap string) map[string]string {
		return map[string]string{"id/bustype": bus, "id/vendor": vid, "id/product": pid, "uniq": uniq, "name": "Imager\x1b[2J", "capabilities/key": bitmap,
			"uevent": "DRIVER=hid-generic\nHID_ID=" + bus + ":0000" + vid + ":0000" + pid + "\nHID_NAME=Imager\x1b[2J\nHID_UNIQ=" + uniq}
	}
	usb := func(serial string) map[string]string {
		m := map[string]string{"idVendor": "05e0", "idProduct": "1200"}
		if serial != "" {
			m["serial"] = serial
		}
		return m
	}
	h.plugHID("usb1/1-1/1-1:1.0", "0003:05E0:1200.0001", "1", "/dev/null", usb("A1"), device("0003", "05e0", "1200", "", full))
	h.plugHID("usb1/1-2/1-2:1.0", "0003:05E0:1200.0002", "2", "/dev/zero", usb(""), device("0003", "05e0", "1200", "", full))
	// A unit that a program pretends: nothing of USB is above it.
	h.plugHID("virtual/misc/uhid", "0003:16C0:27DB.0003", "3", "/dev/full", nil, device("0003", "16c0", "27db", "S3", full))
	// By radio: the USB unit above is the receiver, and not the scanner.
	h.plugHID("usb1/1-3/1-3:1.0", "0005:05E0:2000.0004", "4", "/dev/tty", usb("B1"), device("0005", "05e0", "2000", "", full))
	// A mouse.
	h.plugHID("usb1/1-4/1-4:1.0", "0003:046D:0001.0005", "5", "/dev/random", map[string]string{"idVendor": "046d", "idProduct": "0001"},
		device("0003", "046d", "0001", "", keys(30)))

	for _, list := range []func(sys, dev string) ([]Node, error){keyboards, rawHIDs} {
		for identity, want := range map[string]string{
			"usb:05e0:1200:A1":  "/dev/null",
			"usb:05e0:1200@1-2": "/dev/zero",
			"usb:16c0:27db":     "/dev/full",
			"usb:16c0:27db:s3":  "/dev/full",
		} {
			got, err := h.find(identity, list)
			if err != nil || got.Name != want {
				t.Errorf("FindNode(%s) = %+v, %v, want %s", identity, got, err, want)
			}
			if got.Product != "Imager?[2J" {
				t.Errorf("product = %q, want it safe to show on a terminal", got.Product)
			}
		}
		for identity, want := range map[string]string{
			"usb:05e0:1200":     "more than one device matches",
			"usb:05e0:1200:A3":  "not plugged in, but another unit of its model is",
			"usb:05e0:2000":     "not plugged in",
			"usb:05e0:1200@1-3": "not in its USB port",
		} {
			got, err := h.find(identity, list)
			if err == nil || FaultOf(err).Reason != want || FaultOf(err).Hint == "" {
				t.Errorf("FindNode(%s) = %+v, %v, want %q and a hint", identity, got, err, want)
			}
		}
	}
	if got, err := h.find("usb:046d:0001", keyboards); err == nil {
		t.Errorf("a mouse is a keyboard: %+v", got)
	}
	if got, err := h.find("usb:046d:0001", rawHIDs); err != nil || got.Identity.USBPort != "1-4" {
		t.Errorf("FindNode(mouse) = %+v, %v", got, err)
	}
}

func TestNodesOfAMachineWithoutHID(t *testing.T) {
	root := t.TempDir()
	for _, list := range []func(sys, dev string) ([]Node, error){keyboards, rawHIDs} {
		if got, err := list(root, root); err != nil || len(got) != 0 {
			t.Errorf("nodes = %v, %v, want none", got, err)
		}
	}
}

func TestPathOfANode(t *testing.T) {
	link := filepath.Join(t.TempDir(), "by-id")
	plug := func(node string) Node {
		t.Helper()
		_ = os.Remove(link)
		if err := os.Symlink(node, link); err != nil {
			t.Fatal(err)
		}
		n, err := FindNode(Identity{Path: link}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if first := plug("/dev/null"); first.Name != "/dev/null" || first != plug("/dev/null") || first == plug("/dev/zero") {
		t.Errorf("node behind a link = %+v, want it equal while the link leads to it", first)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "not a device", file + "x": "not plugged in", file + "/x": "cannot look at the device"} {
		if _, err := FindNode(Identity{Path: path}, nil); err == nil || FaultOf(err).Reason != want || FaultOf(err).Hint == "" {
			t.Errorf("FindNode(%s) = %v, want %q and a hint", path, err, want)
		}
	}
}
