package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Device is one piece of hardware. Which of the connection keys apply depends
// on the class.
type Device struct {
	ID     string      `toml:"id"`
	Class  DeviceClass `toml:"class"`
	Port   string      `toml:"port"`
	USB    string      `toml:"usb"`
	Serial string      `toml:"serial"`
	Baud   int         `toml:"baud"`
	Suffix string      `toml:"suffix"`
}

// DeviceClass names what a device is for.
type DeviceClass string

// The classes of devices.
const (
	DeviceScanner DeviceClass = "scanner" // barcode scanner on a serial port
)

// DefaultBaud is the speed of a scanner whose table names none.
const DefaultBaud = 9600

var usbForm = regexp.MustCompile(`^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}$`)

func validateDevices(c *Config, r *report) {
	if n := len(c.Devices); n > maxDevices {
		r.bad("device", itoa(n)+" tables", "at most 64", "")
		return
	}
	seen := map[string]bool{}
	for i, d := range c.Devices {
		at := fmt.Sprintf("device[%d]", i+1)
		r.uniqueID(at+".id", d.ID, seen)
		if d.Class != DeviceScanner {
			r.bad(at+".class", string(d.Class), oneOf(DeviceScanner), "")
		}
		if d.Port == "" && d.USB == "" {
			r.missing(at+".port", "the port's path, or "+at+".usb, the device's own VENDOR:PRODUCT numbers; `clinicgate devices list` shows both")
		}
		if d.Port != "" && d.USB != "" {
			r.bad(at+".port", d.Port, "either port or usb", "usb finds the device wherever it is plugged in; remove port")
		}
		if d.USB != "" && !usbForm.MatchString(d.USB) {
			r.bad(at+".usb", d.USB, "VENDOR:PRODUCT in hexadecimal", "such as \"0c2e:0b61\"")
		}
		if d.Serial != "" && d.USB == "" {
			r.bad(at+".serial", d.Serial, "used only together with usb", "")
		}
		if d.Baud != 0 && (d.Baud < 300 || d.Baud > 4_000_000) {
			r.bad(at+".baud", itoa(d.Baud), "300 to 4000000", "most scanners use 9600 or 115200")
		}
		if len(d.Suffix) > 8 || strings.ContainsAny(d.Suffix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567:") {
			r.bad(at+".suffix", d.Suffix, "up to 8 characters that cannot be part of a code", "\"\\r\" is what most scanners send; empty takes any line end or a pause")
		}
	}
}
