package devices

import (
	"os"
	"path/filepath"
	"testing"
)

// usbTree builds the part of sysfs and /dev that usbPorts reads. Nodes are
// links to character devices that every Linux has.
type usbTree struct {
	t        *testing.T
	sys, dev string
}

func newUSBTree(t *testing.T) *usbTree {
	root := t.TempDir()
	return &usbTree{t: t, sys: filepath.Join(root, "sys"), dev: filepath.Join(root, "dev")}
}

// plug adds a unit below bus/port; inner is where the driver puts the tty.
func (u *usbTree) plug(tty, node, port, inner string, attributes map[string]string) {
	unit := filepath.Join(u.sys, "devices", "pci0000:00", "usb1", port)
	home := filepath.Join(unit, inner, tty)
	class := filepath.Join(u.sys, "class", "tty")
	for _, dir := range []string{home, class, u.dev} {
		u.must(os.MkdirAll(dir, 0o755))
	}
	for name, value := range attributes {
		u.must(os.WriteFile(filepath.Join(unit, name), []byte(value+"\n"), 0o644))
	}
	rel, err := filepath.Rel(class, home)
	u.must(err)
	u.must(os.Symlink(rel, filepath.Join(class, tty)))
	u.must(os.Symlink(node, filepath.Join(u.dev, tty)))
}

func (u *usbTree) must(err error) {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
}

func (u *usbTree) find(identity string) (SerialPort, error) {
	u.t.Helper()
	id, err := ParseIdentity(identity)
	u.must(err)
	ports, err := usbPorts(u.sys, u.dev)
	u.must(err)
	return id.among(ports)
}

func TestUnitIsFoundByWhatStaysTheSame(t *testing.T) {
	u := newUSBTree(t)
	model := func(serial string) map[string]string {
		m := map[string]string{"idVendor": "0c2e", "idProduct": "0b61", "product": "Imager\x1b[2J"}
		if serial != "" {
			m["serial"] = serial
		}
		return m
	}
	u.plug("ttyACM0", "/dev/null", "1-1", "1-1:1.0/tty", model("A1"))
	u.plug("ttyACM1", "/dev/zero", "1-2", "1-2:1.0/tty", model("A2"))
	u.plug("ttyUSB0", "/dev/full", "1-4.1", "1-4.1:1.0/ttyUSB0/tty", map[string]string{"idVendor": "0403", "idProduct": "6001"})
	u.must(os.MkdirAll(filepath.Join(u.sys, "devices", "platform", "tty", "ttyS0"), 0o755))
	u.must(os.Symlink("../../devices/platform/tty/ttyS0", filepath.Join(u.sys, "class", "tty", "ttyS0")))

	for identity, want := range map[string]string{
		"usb:0c2e:0b61:A1":    "/dev/null",
		"usb:0c2e:0b61:a2":    "/dev/zero",
		"usb:0c2e:0b61@1-2":   "/dev/zero",
		"usb:0403:6001":       "/dev/full",
		"usb:0403:6001@1-4.1": "/dev/full",
	} {
		got, err := u.find(identity)
		if err != nil || got.Name != want {
			t.Errorf("find(%s) = %+v, %v, want %s", identity, got, err, want)
		}
	}
	if got, _ := u.find("usb:0c2e:0b61:A1"); got.Product != "Imager?[2J" {
		t.Errorf("product = %q, want it safe to show on a terminal", got.Product)
	}
	for identity, want := range map[string]string{
		"usb:0c2e:0b61":       "more than one port matches",
		"usb:0c2e:0b61:A3":    "not plugged in, but another unit of its model is",
		"usb:0c2e:0b61@1-3":   "not in its USB port",
		"usb:0c2e:ffff":       "not plugged in",
		"usb:0403:6001:A1":    "not plugged in, but another unit of its model is",
		"usb:0403:6001@1-4.2": "not in its USB port",
	} {
		got, err := u.find(identity)
		if err == nil || FaultOf(err).Reason != want || FaultOf(err).Hint == "" {
			t.Errorf("find(%s) = %+v, %v, want %q and a hint", identity, got, err, want)
		}
	}
}

func TestPathOfAPort(t *testing.T) {
	link := filepath.Join(t.TempDir(), "by-id")
	plug := func(node string) SerialPort {
		t.Helper()
		_ = os.Remove(link)
		if err := os.Symlink(node, link); err != nil {
			t.Fatal(err)
		}
		p, err := FindSerialPort(Identity{Path: link})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := plug("/dev/null")
	if first.Name != "/dev/null" || first.Identity.Path != link || first != plug("/dev/null") {
		t.Errorf("port behind a link = %+v, want /dev/null, equal each time", first)
	}
	if moved := plug("/dev/zero"); moved == first {
		t.Error("a link that points elsewhere is the same port")
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "not a serial port", file + "x": "not plugged in", file + "/x": "cannot look at the port"} {
		if _, err := FindSerialPort(Identity{Path: path}); err == nil || FaultOf(err).Reason != want {
			t.Errorf("FindSerialPort(%s) = %v, want %q", path, err, want)
		}
	}
}

// Two units of one model without serial numbers: each is found by its port alone, and
// a third one in a port of its own is nobody's.
func TestUnitsWithoutSerialNumbersAreTheirPorts(t *testing.T) {
	u := newUSBTree(t)
	model := map[string]string{"idVendor": "0c2e", "idProduct": "0b61"}
	u.plug("ttyACM0", "/dev/null", "1-1", "1-1:1.0/tty", model)
	u.plug("ttyACM1", "/dev/zero", "1-2", "1-2:1.0/tty", model)
	for identity, want := range map[string]string{"usb:0c2e:0b61@1-1": "/dev/null", "usb:0c2e:0b61@1-2": "/dev/zero"} {
		if got, err := u.find(identity); err != nil || got.Name != want || got.Identity.String() != identity {
			t.Errorf("find(%s) = %+v, %v, want %s", identity, got, err, want)
		}
	}
	if _, err := u.find("usb:0c2e:0b61"); err == nil || FaultOf(err).Reason != "more than one port matches" {
		t.Errorf("the model alone: %v", err)
	}

	// Plugged in again the other way round, each has the other one's node, and the
	// port still says which is which.
	u = newUSBTree(t)
	u.plug("ttyACM0", "/dev/null", "1-2", "1-2:1.0/tty", model)
	u.plug("ttyACM1", "/dev/zero", "1-1", "1-1:1.0/tty", model)
	if got, err := u.find("usb:0c2e:0b61@1-1"); err != nil || got.Name != "/dev/zero" {
		t.Errorf("after the nodes changed: %+v, %v", got, err)
	}
}
