package printer

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"clinicgate/devices"
)

// way is how a printer is reached.
type way int

const (
	byNetwork way = iota
	byUSB
	bySerial
)

// Address is where a printer is. Make one with ParseAddress.
type Address struct {
	way  way
	host string           // host:port
	unit devices.Identity // of the others
}

const rawPort = "9100" // as printers with a network plug have it

// ParseAddress reads one of
//
//	tcp:192.0.2.7, tcp:printer.clinic.example:9100   on the network
//	usb:04b8:0e15, usb:04b8:0e15:SERIAL, usb:04b8:0e15@1-1.4, /dev/usb/lp0
//	                                                 by USB as a printer (Linux)
//	serial:usb:04b8:0202, serial:/dev/ttyS0, COM3    by a serial line
//
// What follows usb: and serial: is as devices.ParseIdentity has it.
func ParseAddress(s string) (Address, error) {
	if host, ok := strings.CutPrefix(s, "tcp:"); ok {
		if h, p, err := net.SplitHostPort(host); err == nil {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 || !hostForm(h) {
				return Address{}, fmt.Errorf("address %q: write tcp:host:port", s)
			}
			return Address{way: byNetwork, host: host}, nil
		}
		if !hostForm(strings.Trim(host, "[]")) {
			return Address{}, fmt.Errorf("address %q: write tcp:host:port", s)
		}
		return Address{way: byNetwork, host: net.JoinHostPort(strings.Trim(host, "[]"), rawPort)}, nil
	}
	at, serial := strings.CutPrefix(s, "serial:")
	unit, err := devices.ParseIdentity(at)
	if err != nil {
		return Address{}, fmt.Errorf("address %q is neither tcp:host:port, usb:VVVV:PPPP[:serial], /dev/usb/lpN, serial:<port> nor COMn", s)
	}
	if serial || strings.HasPrefix(unit.Path, "COM") {
		return Address{way: bySerial, unit: unit}, nil
	}
	return Address{way: byUSB, unit: unit}, nil
}

func hostForm(h string) bool {
	if h == "" || len(h) > 253 {
		return false
	}
	for _, c := range []byte(h) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".-_:%", rune(c)) {
			return false
		}
	}
	return true
}

// String is the syntax of ParseAddress.
func (a Address) String() string {
	switch {
	case a.way == byNetwork:
		return "tcp:" + a.host
	case a.way == bySerial && !strings.HasPrefix(a.unit.Path, "COM"):
		return "serial:" + a.unit.String()
	}
	return a.unit.String()
}
