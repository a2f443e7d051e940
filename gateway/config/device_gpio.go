package config

import (
	"fmt"
	"slices"

	"clinicgate/devices"
	"clinicgate/devices/gpio"
)

// GPIO gives the settings of a button, presence sensor, lamp or sounder on a GPIO
// line in the form of devices/gpio.
func (d Device) GPIO() gpio.Config {
	return gpio.Config{
		ID: devices.ID(d.ID), Line: d.Port, Disabled: d.Disabled,
		Active: d.Active, Pull: d.Pull, Debounce: d.Debounce.Duration, Hold: d.Hold.Duration, Limit: d.AlarmLimit.Duration,
	}
}

// Signal is something that a lamp or a sounder tells of.
type Signal string

const (
	SignalHelp    Signal = "help"          // a call for help at this kiosk that nobody has answered
	SignalAnyHelp Signal = "help-anywhere" // the same, at any kiosk or of a provider
	SignalCalled  Signal = "called"        // a number is called to a room
	SignalWaiting Signal = "waiting"       // somebody waits
)

// Signals gives what a lamp or sounder tells of.
func (d Device) Signals() []Signal {
	if len(d.Shows) == 0 {
		return []Signal{SignalHelp}
	}
	return d.Shows
}

// signalsFor lists what a class can tell of. A sound for as long as somebody waits
// is one that staff switch off for good.
func signalsFor(class devices.Class) []Signal {
	switch class {
	case devices.Lamp:
		return []Signal{SignalHelp, SignalAnyHelp, SignalCalled, SignalWaiting}
	case devices.Sounder:
		return []Signal{SignalHelp, SignalAnyHelp, SignalCalled}
	}
	return nil
}

func (d Device) validateShows() error {
	allowed := signalsFor(d.Class)
	for _, s := range d.Shows {
		if len(allowed) == 0 {
			return fmt.Errorf("shows = %q: only lamps and sounders show", s)
		}
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("shows = %q: a %s shows %s", s, d.Class, oneOf(allowed...))
		}
	}
	return nil
}
