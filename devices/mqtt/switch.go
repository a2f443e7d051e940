package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"clinicgate/devices"
)

// Makers lists whose commands an output may take instead of those of our own scheme:
// Zigbee2MQTT, Tasmota, and Homie's convention 5 ("homie") or 3 and 4 ("homie4").
func Makers() []string { return []string{"zigbee2mqtt", "tasmota", "homie", "homie4"} }

// Another maker's output is on or off. What our patterns and verbs become:
//
//	off                     off
//	on, blink, fast-blink,
//	alarm                   on
//	pulse-N                 pulseLength of the other state, then what was there before;
//	                        nothing where it tells of a call for help
//	open                    on for doorOpens, then off
//
// So nothing that is to end by itself is left to the device.
const (
	pulseLength = time.Second
	doorOpens   = 5 * time.Second
	endAgain    = time.Second // between attempts to end a pulse
	endAttempts = 10
	endLater    = 5 * time.Second // between further ones
	endRepeats  = 12              // after attempts that failed: a broker that is back takes what the device does not hear yet
)

var (
	zigbeeMember = regexp.MustCompile(`^[A-Za-z0-9_]{1,40}$`)
	tasmotaRelay = regexp.MustCompile(`^POWER([1-9]|[12][0-9]|3[0-2])?$`)
	homiePath    = regexp.MustCompile(`^[a-z0-9-]{1,40}/[a-z0-9-]{1,40}$`)
	wordForm     = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)
	bareForm     = regexp.MustCompile(`^(true|false|[0-9]{1,6})$`)
)

// validateSwitch gives what is wrong with the settings of another maker's output.
func (c Config) validateSwitch() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Speaks == "" {
		if c.Base != "" || c.Property != "" || c.On != "" || c.Off != "" {
			bad("base, property, on and off are for a device that speaks another maker's words: set speaks")
		}
		return errs
	}
	if !slices.Contains(Makers(), c.Speaks) {
		bad("speaks is empty or one of %s", strings.Join(Makers(), ", "))
		return errs
	}
	if c.Base != "" && (!ValidFilter(c.Base) || strings.ContainsAny(c.Base, "+#")) {
		bad("base is the topic's first levels, such as %s", c.Speaks)
	}
	if !slices.Contains(switched(), c.Class) {
		if slices.Contains(outputs(), c.Class) {
			bad("a %s takes commands of our own scheme only", c.Class)
		}
		return errs
	}
	switch form := map[string]*regexp.Regexp{"zigbee2mqtt": zigbeeMember, "tasmota": tasmotaRelay, "homie": homiePath, "homie4": homiePath}[c.Speaks]; {
	case c.Property == "" && form == homiePath:
		bad("property is missing: the node and the settable boolean property, such as light/power")
	case c.Property != "" && !form.MatchString(c.Property):
		bad("property is %s", map[string]string{"zigbee2mqtt": "the member that is set, such as state or state_l1", "tasmota": "POWER, or POWER1 to POWER32",
			"homie": "the node and its property, such as light/power", "homie4": "the node and its property, such as light/power"}[c.Speaks])
	}
	if (c.On == "") != (c.Off == "") || c.On != "" && (c.On == c.Off || !wordForm.MatchString(c.On) || !wordForm.MatchString(c.Off)) {
		bad("on and off are two different words, such as UNLOCK and LOCK, or both left out")
	}
	return errs
}

// switching gives where another maker's device is switched and what is said there.
func (c Config) switching(name string, on bool) (topic string, payload []byte) {
	word := map[bool]string{true: c.On, false: c.Off}[on]
	if word == "" {
		word = map[bool]string{true: "ON", false: "OFF"}[on]
		if strings.HasPrefix(c.Speaks, "homie") {
			word = fmt.Sprint(on)
		}
	}
	property, base := c.Property, c.Base
	if base == "" && c.Speaks != "tasmota" {
		base = strings.TrimSuffix(c.Speaks, "4")
	}
	switch c.Speaks {
	case "zigbee2mqtt":
		if property == "" {
			property = "state"
		}
		value := json.RawMessage(word)
		if !bareForm.MatchString(word) {
			value = json.RawMessage(`"` + word + `"`)
		}
		return base + "/" + name + "/set", fmt.Appendf(nil, `{%q:%s}`, property, value)
	case "tasmota":
		if property == "" {
			property = "POWER"
		}
		if base != "" {
			base += "/"
		}
		return base + "cmnd/" + name + "/" + property, []byte(word)
	case "homie":
		base += "/5"
	}
	return base + "/" + name + "/" + property + "/set", []byte(word)
}

// flip does a command with a device of another maker.
func (d *Device) flip(ctx context.Context, c devices.Command) error {
	pattern := c.Args["pattern"]
	if pulse := strings.HasPrefix(pattern, "pulse-"); d.cfg.Class != devices.Door && !pulse {
		d.mu.Lock()
		d.steady = pattern
		d.mu.Unlock()
		return d.set(ctx, pattern != "" && pattern != "off")
	}
	rest, length := false, doorOpens
	if d.cfg.Class != devices.Door {
		d.mu.Lock()
		steady := d.steady
		d.mu.Unlock()
		if steady != "" && steady != "off" && steady != "on" {
			return nil // it calls for somebody, and says nothing else until they come
		}
		rest, length = steady == "on", pulseLength
	}
	d.mu.Lock()
	d.pulses++
	d.mu.Unlock()
	err := d.set(ctx, !rest)
	if !errors.Is(err, devices.ErrAbsent) { // of what was sent in vain it is not known whether it arrived
		d.mu.Lock()
		d.owed = true
		d.mu.Unlock()
	}
	if err == nil {
		wait(ctx, length) // cut short where the service stops: what has begun is ended
	}
	if ended := d.settle(ctx); ended != nil {
		return ended
	}
	return err
}

// settle ends a pulse, also one that came to nothing: an earlier one may have left its
// end to it. A lamp or a sounder is told again soon by who drives it; a door is not.
func (d *Device) settle(ctx context.Context) (err error) {
	d.mu.Lock()
	d.pulses--
	d.mu.Unlock()
	attempts := 1
	if d.cfg.Class == devices.Door {
		attempts = endAttempts
	}
	for i := range attempts {
		if i > 0 {
			time.Sleep(endAgain)
		}
		if err = d.end(context.WithoutCancel(ctx)); err == nil {
			return nil
		}
	}
	return &devices.Fault{Reason: "the device could not be told to end what it does", Hint: "look at it: a door may stand open, a sounder may sound", Err: errors.New(err.Error())}
}

// end tells the device once to end what pulses began, unless one is under way, which
// ends it then.
func (d *Device) end(ctx context.Context) error {
	d.ending.Lock()
	defer d.ending.Unlock()
	d.mu.Lock()
	owed, on := d.owed && d.pulses == 0, d.cfg.Class != devices.Door && d.steady != "" && d.steady != "off"
	if owed {
		d.owed = false
	}
	d.mu.Unlock()
	if !owed {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, endAgain)
	defer cancel()
	err := d.set(bounded, on)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil:
		d.owed, d.repeats = true, endRepeats
	case d.repeats > 0:
		d.owed = true
		d.repeats--
	}
	return err
}

// runEnds ends what settle could not, as soon as there is a way again, and says it
// again then: twice changes nothing.
func (d *Device) runEnds(ctx context.Context) {
	tick := time.NewTicker(endLater)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = d.end(ctx) // settle has told of it
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// set turns the device on or off; the broker's acknowledgement counts.
func (d *Device) set(ctx context.Context, on bool) error {
	topic, payload := d.cfg.switching(d.name, on)
	return d.tell(ctx, topic, payload, false)
}
