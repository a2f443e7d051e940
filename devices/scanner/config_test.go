package scanner_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
)

func TestConfig(t *testing.T) {
	good := scanner.Config{ID: "front", Port: "usb:0c2e:0b61:A1"}
	if err := good.Validate(); err != nil {
		t.Errorf("Validate of the defaults = %v", err)
	}
	for _, suffix := range []string{"", "auto", "cr", "CRLF", "none", "tab", "etx", "\r", "\r\n", "##"} {
		c := good
		c.Suffix = suffix
		if err := c.Validate(); err != nil {
			t.Errorf("suffix %q: %v", suffix, err)
		}
	}
	for want, change := range map[string]func(*scanner.Config){
		"id":         func(c *scanner.Config) { c.ID = "Front" },
		"port":       func(c *scanner.Config) { c.Port = "ttyUSB0" },
		"baud":       func(c *scanner.Config) { c.Baud = -1 },
		"data bits":  func(c *scanner.Config) { c.DataBits = 9 },
		"parity":     func(c *scanner.Config) { c.Parity = "strange" },
		"stop bits":  func(c *scanner.Config) { c.StopBits = 3 },
		"prefix":     func(c *scanner.Config) { c.Prefix = strings.Repeat("x", 17) },
		"suffix":     func(c *scanner.Config) { c.Suffix = "\x00" },
		"idle gap":   func(c *scanner.Config) { c.IdleGap = time.Millisecond },
		"max length": func(c *scanner.Config) { c.MaxLength = 1 << 20 },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Validate = %v, want a complaint about %s", err, want)
		}
		if _, err := scanner.New(c, devices.Deps{Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("New takes a config with a bad %s", want)
		}
	}
	all := scanner.Config{Baud: 1, Parity: "x", MaxLength: 1}
	if err := all.Validate(); strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("Validate = %v, want all five problems at once", err)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestModes(t *testing.T) {
	for _, c := range []scanner.Config{
		{ID: "a", Mode: scanner.Serial, Port: "COM3", Baud: 9600},
		{ID: "a", Mode: scanner.Keyboard, Port: "usb:05e0:1200@1-1.4", Suffix: "tab"},
		{ID: "a", Mode: scanner.Keyboard, Port: "/dev/input/by-id/usb-Symbol-event-kbd"},
		{ID: "a", Mode: scanner.HIDPOS, Port: "usb:0c2e:0b67:S/N1", Prefix: "S:"},
		{ID: "a", Mode: scanner.ByPage, Suffix: "none", IdleGap: 50 * time.Millisecond},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("Validate(%+v) = %v", c, err)
		}
	}
	for want, c := range map[string]scanner.Config{
		"mode = \"usb\"":      {ID: "a", Mode: "usb", Port: "COM3"},
		"port \"\"":           {ID: "a", Mode: scanner.Keyboard},
		"port = \"COM3\"":     {ID: "a", Mode: scanner.HIDPOS, Port: "COM3"},
		"port = \"usb:":       {ID: "a", Mode: scanner.ByPage, Port: "usb:05e0:1200"},
		"mode = \"keyboard\"": {ID: "a", Mode: scanner.Keyboard, Port: "usb:05e0:1200", Baud: 9600},
		"suffix = \"cr\"":     {ID: "a", Mode: scanner.HIDPOS, Port: "usb:05e0:1200", Suffix: "cr"},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate(%+v) = %v, want a complaint about %s", c, err, want)
		}
	}
	if _, err := scanner.New(scanner.Config{ID: "a", Mode: scanner.ByPage}, devices.Deps{Log: discard()}); err == nil {
		t.Error("New makes a scanner of what the page reads")
	}
}
