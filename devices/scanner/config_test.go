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
