package config

import (
	"errors"
	"fmt"
	"slices"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/devices/scanner"
)

// Device is one piece of hardware. Settings that are left out have the defaults
// of the class.
type Device struct {
	ID       string        `toml:"id"`
	Class    devices.Class `toml:"class"`
	Port     string        `toml:"port"`
	Disabled bool          `toml:"disabled"`

	// Of a serial line.
	Baud     int    `toml:"baud"`
	DataBits int    `toml:"data_bits"`
	Parity   string `toml:"parity"`
	StopBits int    `toml:"stop_bits"`

	// Of a scanner.
	Mode      string   `toml:"mode"`
	Prefix    string   `toml:"prefix"`
	Suffix    string   `toml:"suffix"`
	IdleGap   Duration `toml:"idle_gap"`
	MaxLength int      `toml:"max_length"`
	Licences  bool     `toml:"licences"`

	// Of a card reader.
	Reset  string `toml:"reset"`
	Socket string `toml:"socket"`
	// Of a GPIO line.
	Active   string   `toml:"active"`
	Pull     string   `toml:"pull"`
	Debounce Duration `toml:"debounce"`

	// Of a presence sensor.
	Hold Duration `toml:"hold"`

	// Of a lamp or a sounder.
	Shows      []Signal `toml:"shows"`
	AlarmLimit Duration `toml:"alarm_limit"`

	// Of a printer.
	Paper    int    `toml:"paper"`
	CodePage string `toml:"code_page"`
	Cut      string `toml:"cut"`
	// Of a device on MQTT.
	Speaks   string `toml:"speaks"`
	Base     string `toml:"base"`
	Property string `toml:"property"`
	On       string `toml:"on"`
	Off      string `toml:"off"`

	// What the clinic's server may tell it to do.
	Remote []string `toml:"remote"`
}

// Validate asks the class, which knows its settings. It reports false for a
// class that there is not.
func (d Device) Validate() (known bool, err error) {
	known, err = d.validateSettings()
	for _, verb := range d.Remote {
		if !slices.Contains(mqtt.Verbs(d.Class), verb) {
			err = errors.Join(err, fmt.Errorf("remote: a %s has no verb %q", d.Class, verb))
		}
	}
	return known, err
}

func (d Device) validateSettings() (known bool, err error) {
	if d.OnMQTT() {
		return true, d.validateMQTT()
	}
	switch d.Class {
	case devices.Scanner:
		return true, d.Scanner().Validate()
	case devices.NFC:
		return true, d.NFC().Validate()
	case devices.Button, devices.Presence, devices.Lamp, devices.Sounder:
		return true, errors.Join(d.GPIO().Validate(d.Class), d.validateShows())
	case devices.Printer:
		return true, d.Printer().Validate()
	}
	return false, nil
}

// deviceClasses are the classes that Validate knows.
var deviceClasses = []devices.Class{devices.Scanner, devices.NFC, devices.Button, devices.Presence, devices.Lamp, devices.Sounder, devices.Printer}

func validateDevices(c *Config, r *report) {
	if n := len(c.Devices); n > maxDevices {
		r.bad("device", itoa(n)+" tables", "at most 64", "")
		return
	}
	seen, pages := map[string]bool{}, 0
	for i, d := range c.Devices {
		at := fmt.Sprintf("device[%d]", i+1)
		if seen[d.ID] {
			r.bad(at+".id", d.ID, "an id that no table before it has", "")
		}
		seen[d.ID] = true
		known, err := d.Validate()
		if !known {
			r.bad(at+".class", string(d.Class), oneOf(deviceClasses...), "")
			continue
		}
		if d.Class == devices.Scanner && d.Mode == string(scanner.ByPage) {
			if pages++; pages > 1 {
				r.bad(at+".mode", d.Mode, "only one scanner that the page reads: it cannot tell two apart", "")
			}
		}
		r.joined(at, err, "`clinicgate devices list` shows what is plugged in and the port to write for it")
	}
}
