package service_test

import (
	"strings"
	"testing"

	"clinicgate/devices"
	"clinicgate/gateway/config"
	"clinicgate/gateway/service"
)

func dropins(c config.Config) (devices, rest string) {
	list := service.Dropins(c)
	return list[0].Text, list[1].Text
}

func TestDropinsOfDevices(t *testing.T) {
	for _, c := range []struct {
		device config.Device
		want   []string
	}{
		{config.Device{Class: devices.Scanner, Port: "usb:05e0:1701"}, []string{"DeviceAllow=char-ttyACM rw", "DeviceAllow=char-ttyUSB rw", "SupplementaryGroups=dialout", "Wants=modprobe@cdc_acm.service"}},
		{config.Device{Class: devices.Scanner, Port: "/dev/ttyS0"}, []string{"DeviceAllow=char-ttyS rw", "SupplementaryGroups=dialout"}},
		{config.Device{Class: devices.Scanner, Mode: "keyboard", Port: "usb:05e0:1701"}, []string{"DeviceAllow=char-input rw", "SupplementaryGroups=input"}},
		{config.Device{Class: devices.Scanner, Mode: "hid-pos", Port: "usb:05e0:1701"}, []string{"DeviceAllow=char-hidraw rw", "SupplementaryGroups=clinicgate-hid"}},
		{config.Device{Class: devices.Printer, Port: "usb:04b8:0e15"}, []string{"DeviceAllow=char-usb rw", "SupplementaryGroups=lp"}},
		{config.Device{Class: devices.Printer, Port: "serial:/dev/ttyUSB0"}, []string{"DeviceAllow=char-ttyUSB rw", "SupplementaryGroups=dialout"}},
		{config.Device{Class: devices.Button, Port: "gpio:pinctrl-bcm2711/17"}, []string{"DeviceAllow=char-gpiochip rw", "SupplementaryGroups=gpio"}},
		{config.Device{Class: devices.NFC, Port: "spi:SPI0.0", Reset: "GPIO25"}, []string{"DeviceAllow=char-spi rw", "DeviceAllow=char-gpiochip rw", "SupplementaryGroups=gpio spi"}},
	} {
		text, rest := dropins(config.Config{Devices: []config.Device{c.device}})
		for _, line := range append(c.want, "PrivateDevices=no") {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("%s %s: no line %q in:\n%s", c.device.Class, c.device.Port, line, text)
			}
		}
		if rest != "" {
			t.Errorf("%s: a device changes the rest:\n%s", c.device.Class, rest)
		}
	}
}

// Nothing is let through for what needs no node of its own.
func TestDropinsLeaveClosed(t *testing.T) {
	for _, d := range []config.Device{
		{Class: devices.Scanner, Mode: "page"},
		{Class: devices.Printer, Port: "tcp:printer.example:9100"},
		{Class: devices.Lamp, Port: "mqtt:lamp"},
		{Class: devices.Scanner, Port: "/dev/ttyS0", Disabled: true},
		{Class: devices.NFC, Port: "pcsc:"},
	} {
		if text, _ := dropins(config.Config{Devices: []config.Device{d}}); strings.Contains(text, "PrivateDevices") || strings.Contains(text, "DeviceAllow") {
			t.Errorf("%s %s opens devices:\n%s", d.Class, d.Port, text)
		}
	}
	if a, b := dropins(config.Config{Storage: config.Storage{Dir: "/var/lib/clinicgate"}, Control: config.Control{Path: "/run/clinicgate/control.sock"}}); a+b != "" {
		t.Errorf("the usual config needs no drop-in, yet:\n%s%s", a, b)
	}
}

func TestDropinOfConfig(t *testing.T) {
	c := config.Config{}
	c.Storage.Dir = "/srv/data of 100%"
	c.Roster.Folder = "/srv/lists of 100%"
	c.Log.File = "/var/log/clinicgate/x.log"
	c.Web.Texts = "/home/clinic/texts"
	c.Desk.Listen = "0.0.0.0:443"
	c.Control.Group = "reception"
	_, text := dropins(c)
	for _, line := range []string{
		`ConditionPathExists=!/srv/data of 100%%/decommissioned.json`, `ReadWritePaths=-"/srv/lists of 100%%"`, "BindReadOnlyPaths=-/home/clinic/texts", "ProtectHome=tmpfs",
		"AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "SupplementaryGroups=reception", "SystemCallFilter=@chown", "RuntimeDirectoryMode=0751",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q in:\n%s", line, text)
		}
	}
	if strings.Contains(text, "/var/log") {
		t.Errorf("the unit has /var/log/clinicgate already:\n%s", text)
	}
}
