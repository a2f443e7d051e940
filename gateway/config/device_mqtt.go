package config

import (
	"errors"
	"strings"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
)

// OnMQTT reports whether the device is on MQTT rather than on a port.
func (d Device) OnMQTT() bool { return strings.HasPrefix(d.Port, mqtt.PortPrefix) }

// MQTT gives the settings in the form of gateway/mqtt.
func (d Device) MQTT() mqtt.Config {
	return mqtt.Config{ID: devices.ID(d.ID), Class: d.Class, Port: d.Port, Disabled: d.Disabled, Speaks: d.Speaks, Base: d.Base,
		Property: d.Property, On: d.On, Off: d.Off}
}

func (d Device) validateMQTT() error {
	errs := []error{d.MQTT().Validate()}
	if d.Class == devices.Lamp || d.Class == devices.Sounder {
		errs = append(errs, d.validateShows())
	}
	return errors.Join(errs...)
}
