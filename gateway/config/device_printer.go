package config

import (
	"cmp"

	"clinicgate/devices"
	"clinicgate/devices/printer"
)

// dotsOfPaper is how many dots a printer of 203 to the inch has on paper of so
// many millimetres. Another paper is as many dots as it says, which
// printer.Config.Validate refuses.
var dotsOfPaper = map[int]int{58: 384, 80: 576}

// Printer gives the settings in the form of devices/printer, but for what it
// prints of the clinic.
func (d Device) Printer() printer.Config {
	return printer.Config{
		ID: devices.ID(d.ID), Address: d.Port, Disabled: d.Disabled, Baud: d.Baud,
		Width: cmp.Or(dotsOfPaper[d.Paper], d.Paper), CodePage: d.CodePage, Cut: printer.Cut(d.Cut),
	}
}
