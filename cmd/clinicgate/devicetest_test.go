package main

import (
	"testing"

	"clinicgate/gateway/control"
)

// TestOnlyAUnitOfTheSameKindIsOffered: nothing takes the place of a device that is
// not reached as it is.
func TestOnlyAUnitOfTheSameKindIsOffered(t *testing.T) {
	list := control.Devices{
		Devices: []control.Device{
			{ID: "front", Class: "scanner", Binding: "usb:05e0:1701:S1", Where: "/dev/ttyACM0"},
			{ID: "tickets", Class: "printer", Binding: "serial:usb:0403:6001:P1"},
		},
		Ports: []control.Port{
			{Path: "/dev/ttyACM0", Identity: "usb:05e0:1701:S1"},
			{Path: "/dev/ttyACM1", Identity: "usb:05e0:1701:S2"},
			{Path: "/dev/ttyUSB0", Identity: "usb:0403:6001:P1"},
			{Path: "ACS ACR122U 00", Identity: "pcsc:ACS ACR122U", Mode: "pcsc"},
			{Path: "/dev/gpiochip0", Identity: "gpio:lobby/LINE", Mode: "gpio"},
			{Path: "/dev/usb/lp0", Identity: "usb:04b8:0e15", Mode: "printer"},
			{Path: "/dev/input/event3", Identity: "usb:05e0:1200", Mode: "keyboard"},
		},
	}
	for _, c := range []struct {
		of   control.Device
		want string // empty: none, and why
	}{
		{control.Device{Class: "scanner"}, "usb:05e0:1701:S2"},
		{control.Device{Class: "printer"}, "serial:usb:05e0:1701:S2"},
		{control.Device{Class: "scanner", Mode: "keyboard"}, "usb:05e0:1200"},
		{control.Device{Class: "scanner", Mode: "hid-pos"}, ""},
		{control.Device{Class: "nfc", Mode: "pcsc"}, "pcsc:ACS ACR122U"},
		{control.Device{Class: "nfc", Mode: "spi"}, ""},
		{control.Device{Class: "printer", Mode: "printer"}, "usb:04b8:0e15"},
		{control.Device{Class: "printer", Mode: "network"}, ""},
		{control.Device{Class: "button", Mode: "gpio"}, ""},
		{control.Device{Class: "lamp", Mode: "mqtt"}, ""},
		{control.Device{Class: "scanner", Mode: "page"}, ""},
	} {
		got, err := freePort(list, c.of)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("for a %s by %q: %q, %v, want %q", c.of.Class, c.of.Mode, got, err, c.want)
		}
	}
}
