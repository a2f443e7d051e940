package devices

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Identity is what stays the same when a device is unplugged and plugged in
// again. Port numbers (/dev/ttyACM0) do not; they are given out in the order
// of plugging.
//
// The zero Identity is invalid; make one with ParseIdentity.
type Identity struct {
	VendorID, ProductID uint16
	Serial              string // the unit's serial number; empty: any unit of the model
	USBPort             string // where on the bus, such as "1-1.4", for units without a serial number
	Path                string // a device node, a link to one, or a Windows port; then the others are empty
}

var (
	usbPort = regexp.MustCompile(`^[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}$`)
	comPort = regexp.MustCompile(`^COM[1-9][0-9]{0,2}$`)
)

// ParseIdentity reads one of
//
//	usb:05e0:1701:S/N123   a unit, in whatever port it is
//	usb:05e0:1701          the only unit of this model
//	usb:05e0:1701@1-1.4    the unit of this model in this USB port (Linux)
//	/dev/serial/by-id/...  a link that udev keeps pointing at the unit
//	/dev/ttyS0, COM3       a fixed port
func ParseIdentity(s string) (Identity, error) {
	rest, usb := strings.CutPrefix(s, "usb:")
	if !usb {
		if com := strings.ToUpper(s); comPort.MatchString(com) {
			return Identity{Path: com}, nil
		}
		if strings.HasPrefix(s, "/") && filepath.ToSlash(filepath.Clean(s)) == s && !strings.ContainsRune(s, 0) {
			return Identity{Path: s}, nil
		}
		return Identity{}, fmt.Errorf("port %q is neither usb:VVVV:PPPP[:serial], usb:VVVV:PPPP@1-1.4, an absolute path nor COMn", s)
	}
	bad := func(what string) (Identity, error) {
		return Identity{}, fmt.Errorf("port %q: %s; write usb:VVVV:PPPP[:serial] with four hex digits each, as lsusb prints them", s, what)
	}
	if len(rest) < 9 || rest[4] != ':' {
		return bad("vendor and product are missing")
	}
	vid, err := strconv.ParseUint(rest[:4], 16, 16)
	if err != nil {
		return bad("vendor is not four hex digits")
	}
	pid, err := strconv.ParseUint(rest[5:9], 16, 16)
	if err != nil {
		return bad("product is not four hex digits")
	}
	id := Identity{VendorID: uint16(vid), ProductID: uint16(pid)}
	switch tail := rest[9:]; {
	case tail == "":
	case tail[0] == ':' && len(tail) > 1 && len(tail) <= 127 && printable(tail):
		id.Serial = tail[1:]
	case tail[0] == '@' && usbPort.MatchString(tail[1:]):
		id.USBPort = tail[1:]
	default:
		return bad("what follows the product is neither :serial nor @bus-port")
	}
	return id, nil
}

// String is the syntax of ParseIdentity.
func (id Identity) String() string {
	if id.Path != "" {
		return id.Path
	}
	s := fmt.Sprintf("usb:%04x:%04x", id.VendorID, id.ProductID)
	switch {
	case id.Serial != "":
		s += ":" + id.Serial
	case id.USBPort != "":
		s += "@" + id.USBPort
	}
	return s
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
