package gpio

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"

	"clinicgate/devices"
)

// Config describes one device on one line. Zero fields other than ID and Line
// mean the default of its class, which is in brackets.
type Config struct {
	ID       devices.ID
	Line     string // see ParseLine
	Disabled bool   // configured, and not to be used

	// Active is the electrical level that means pressed, present, lit or
	// sounding: low or high [button: low; all others: high].
	Active string

	// Of a button or a presence sensor.
	Pull     string        // resistor of the chip: up, down or none [the level that is not active]
	Debounce time.Duration // quiet that ends the bouncing of a contact, 10 to 200 ms [30 ms]

	// Hold is how long a presence sensor must see nobody until nobody is there,
	// 1 s to 5 min [10 s]. It bounds the rate of its readings, too.
	Hold time.Duration

	// Limit is how long a sounder sounds the alarm at its full pace, 10 s to 1 h
	// [10 min]. After that it sounds once a minute.
	Limit time.Duration
}

func (c Config) withDefaults(class devices.Class) Config {
	if c.Active == "" {
		c.Active = "high"
		if class == devices.Button {
			c.Active = "low"
		}
	}
	if c.Pull == "" {
		c.Pull = "down"
		if c.Active == "low" {
			c.Pull = "up"
		}
	}
	c.Debounce = or(c.Debounce, 30*time.Millisecond)
	c.Hold = or(c.Hold, 10*time.Second)
	c.Limit = or(c.Limit, 10*time.Minute)
	return c
}

func or(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// Validate names every field that is wrong for the class, and what is allowed.
func (c Config) Validate(class devices.Class) error {
	c = c.withDefaults(class)
	var errs []error
	bad := func(field string, value any, allowed string) {
		errs = append(errs, fmt.Errorf("%s = %q: %s", field, fmt.Sprint(value), allowed))
	}
	if !c.ID.Valid() {
		bad("id", c.ID, "1 to 40 lower-case letters, digits and inner hyphens")
	}
	if _, err := ParseLine(c.Line); err != nil {
		errs = append(errs, err)
	}
	if c.Active != "low" && c.Active != "high" {
		bad("active", c.Active, "low or high")
	}
	if _, ok := pulls()[c.Pull]; !ok {
		bad("pull", c.Pull, "up, down or none")
	}
	if c.Debounce < 10*time.Millisecond || c.Debounce > 200*time.Millisecond {
		bad("debounce", c.Debounce, "10ms to 200ms")
	}
	if c.Hold < time.Second || c.Hold > 5*time.Minute {
		bad("hold", c.Hold, "1s to 5m")
	}
	if c.Limit < 10*time.Second || c.Limit > time.Hour {
		bad("limit", c.Limit, "10s to 1h")
	}
	return errors.Join(errs...)
}

func pulls() map[string]gpio.Pull {
	return map[string]gpio.Pull{"up": gpio.PullUp, "down": gpio.PullDown, "none": gpio.PullNoChange}
}

// level is the electrical level of on or off.
func (c Config) level(on bool) gpio.Level { return gpio.Level(on == (c.Active == "high")) }

// on is what an electrical level means.
func (c Config) on(l gpio.Level) bool { return l == c.level(true) }
