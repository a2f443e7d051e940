package config

import (
	"clinicgate/devices"
	"clinicgate/devices/scanner"
)

// Scanner gives the settings in the form of devices/scanner.
func (d Device) Scanner() scanner.Config {
	return scanner.Config{
		ID: devices.ID(d.ID), Mode: scanner.Mode(d.Mode), Port: d.Port, Disabled: d.Disabled,
		Baud: d.Baud, DataBits: d.DataBits, Parity: d.Parity, StopBits: d.StopBits,
		Prefix: d.Prefix, Suffix: d.Suffix, IdleGap: d.IdleGap.Duration, MaxLength: d.MaxLength,
	}
}

// PageScanner gives the scanner that the check-in page reads, and whether one
// is configured. Without one the page reads whatever scanner types, by the
// defaults.
func (c *Config) PageScanner() (s scanner.Config, configured bool) {
	for _, d := range c.Devices {
		if d.Class == devices.Scanner && d.Mode == string(scanner.ByPage) {
			return d.Scanner(), true
		}
	}
	return scanner.Config{ID: "page", Mode: scanner.ByPage}, false
}
