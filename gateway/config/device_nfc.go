package config

import (
	"clinicgate/devices"
	"clinicgate/devices/nfc"
	"clinicgate/devices/scanner"
)

// NFC gives the settings in the form of devices/nfc. The codes that a tag may hold
// are those that a bar code may be.
func (d Device) NFC() nfc.Config {
	return nfc.Config{
		ID: devices.ID(d.ID), Port: d.Port, Disabled: d.Disabled, Reset: d.Reset, Socket: d.Socket,
		Codes: []string{scanner.AppointmentPrefix, scanner.TicketPrefix},
	}
}
