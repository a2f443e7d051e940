package gateway

import (
	"testing"

	"clinicgate/gateway/config"
)

// TestHowADeviceIsReached: what may stand in for what.
func TestHowADeviceIsReached(t *testing.T) {
	for want, list := range map[string][]config.Device{
		"":         {{Class: "scanner", Port: "usb:05e0:1701"}, {Class: "scanner", Mode: "serial", Port: "COM3"}, {Class: "printer", Port: "serial:/dev/ttyS0"}, {Class: "printer", Port: "COM4"}},
		"keyboard": {{Class: "scanner", Mode: "keyboard", Port: "usb:05e0:1200"}},
		"hid-pos":  {{Class: "scanner", Mode: "hid-pos", Port: "usb:05e0:1200"}},
		"page":     {{Class: "scanner", Mode: "page"}},
		"pcsc":     {{Class: "nfc", Port: "pcsc:"}},
		"spi":      {{Class: "nfc", Port: "spi:SPI0.0"}},
		"gpio":     {{Class: "button", Port: "gpio:lobby/1"}, {Class: "lamp", Port: "gpio:LAMP"}},
		"network":  {{Class: "printer", Port: "tcp:192.0.2.7"}},
		"printer":  {{Class: "printer", Port: "usb:04b8:0e15"}, {Class: "printer", Port: "/dev/usb/lp0"}},
		"mqtt":     {{Class: "printer", Port: "mqtt:p"}, {Class: "button", Port: "mqtt:b"}},
	} {
		for _, d := range list {
			if got := reached(d); got != want {
				t.Errorf("a %s at %q is reached by %q, want %q", d.Class, d.Port, got, want)
			}
		}
	}
}
