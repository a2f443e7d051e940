package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"clinicgate/devices"
)

// ailment is which check speaks of a device's loss.
type ailment string

const (
	missing   ailment = "missing"
	forbidden ailment = "forbidden"
	taken     ailment = "taken"
	troubled  ailment = "troubled"
)

// ailmentOf judges the fixed clause in which a device says why it is not there.
func ailmentOf(s devices.Status) ailment {
	switch {
	case s.State != devices.Lost && s.State != devices.Waiting:
		return ""
	case strings.HasPrefix(s.Reason, "no permission"):
		return forbidden
	case strings.Contains(s.Reason, "in use"), strings.Contains(s.Reason, "taken by another"):
		return taken
	case strings.HasPrefix(s.Reason, "paper"), strings.HasPrefix(s.Reason, "cover"), strings.Contains(s.Reason, "jam"),
		strings.Contains(s.Reason, "stuck"), strings.Contains(s.Reason, "settle"), strings.Contains(s.Reason, "does not answer"),
		strings.Contains(s.Reason, "stopped"), strings.Contains(s.Reason, "panicked"), strings.HasPrefix(s.Reason, "printer "):
		return troubled
	}
	return missing
}

// devicesWith names those that ail so, with what the devices say, and the hint of the
// first.
func devicesWith(all []devices.Status, what ailment) (list []string, hint string) {
	for _, d := range all {
		if ailmentOf(d) != what {
			continue
		}
		text := string(d.ID)
		if d.Reason != "" {
			text += " (" + d.Reason + ")"
		}
		list = append(list, text)
		if hint == "" {
			hint = d.Hint
		}
	}
	if hint == "" {
		hint = "`clinicgate devices list` tells more"
	}
	return list, hint
}

func deviceCheck(id string, what ailment, says, well string, status func() []devices.Status) Check {
	// A device that the unit does not let through looks as if it were not there.
	return Check{ID: id, DependsOn: []string{"svc-dropins"}, Run: func(context.Context) Result {
		all := status()
		if len(all) == 0 {
			return Result{State: Skipped, Detail: "no device is configured"}
		}
		if list, hint := devicesWith(all, what); len(list) > 0 {
			return Result{Warn, says + strings.Join(list, ", "), hint}
		}
		return Result{State: OK, Detail: fmt.Sprintf(well, len(all))}
	}}
}

// DevicesThere looks whether every configured device is plugged in.
func DevicesThere(status func() []devices.Status) Check {
	return deviceCheck("dev-there", missing, "not there: ", "none of %d devices is missing", status)
}

// DeviceRights looks whether the service may open every device.
func DeviceRights(status func() []devices.Status) Check {
	return deviceCheck("dev-rights", forbidden, "the service may not open: ", "no right to any of %d devices is missing", status)
}

// DeviceTrouble looks what devices say of themselves: paper, cover, a button that is
// held.
func DeviceTrouble(status func() []devices.Status) Check {
	return deviceCheck("dev-trouble", troubled, "needs a hand: ", "none of %d devices has a complaint", status)
}

// DevicesBusy looks whether another program holds a device, and names it where the
// system tells.
func DevicesBusy(status func() []devices.Status) Check {
	return Check{ID: "dev-busy", Run: func(context.Context) Result {
		all := status()
		list, hint := devicesWith(all, taken)
		switch {
		case len(all) == 0:
			return Result{State: Skipped, Detail: "no device is configured"}
		case len(list) == 0:
			return Result{State: OK, Detail: fmt.Sprintf("nobody else holds one of %d devices", len(all))}
		}
		detail := "held by another program: " + strings.Join(list, ", ")
		for _, d := range all {
			if ailmentOf(d) != taken {
				continue
			}
			if who := HoldersOf(d.Binding); len(who) > 0 {
				return Result{Warn, detail + "; " + string(d.ID) + " by " + who[0].String(), "stop that program"}
			}
		}
		return Result{Warn, detail, hint}
	}}
}

const (
	// flapsNoticed is how often an hour a device may go away before a cable is the
	// likely cause.
	flapsNoticed = 3
)

// DeviceFlap looks whether a device comes and goes. hours is how long the service
// runs.
func DeviceFlap(status func() []devices.Status, hours func() float64) Check {
	return Check{ID: "dev-flap", Run: func(context.Context) Result {
		all := status()
		if len(all) == 0 {
			return Result{State: Skipped, Detail: "no device is configured"}
		}
		var list []string
		for _, d := range all {
			if n := d.Counters.Losses; float64(n) >= flapsNoticed*max(1, hours()) {
				list = append(list, fmt.Sprintf("%s (%d times)", d.ID, n))
			}
		}
		if len(list) > 0 {
			return Result{Warn, "comes and goes: " + strings.Join(list, ", "), "change its cable, then its USB port; a hub needs its own power; turn USB power saving off"}
		}
		return Result{State: OK, Detail: "no device comes and goes"}
	}}
}

// batteryLow is the charge, in percent, at which somebody should change it.
const batteryLow = 20

// DeviceBattery looks whether a device's battery is about to be empty.
func DeviceBattery(status func() []devices.Status) Check {
	return Check{ID: "dev-battery", DependsOn: []string{"dev-there"}, Run: func(context.Context) Result {
		var low []string
		told := 0
		for _, d := range status() {
			if d.Battery == nil || d.State == devices.Disabled {
				continue
			}
			if told++; *d.Battery <= batteryLow {
				low = append(low, fmt.Sprintf("%s (%d %%)", d.ID, *d.Battery))
			}
		}
		switch {
		case told == 0:
			return Result{State: Skipped, Detail: "no device tells of a battery"}
		case len(low) > 0:
			return Result{Warn, "battery nearly empty: " + strings.Join(low, ", "), "change the battery, or charge the device"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("none of %d batteries is nearly empty", told)}
	}}
}

// silentAfter is longer than devices on a battery sleep: those of Zigbee say something
// once a day.
const silentAfter = 25 * time.Hour

// DevicesSilent looks whether a device on MQTT that counts as there has said nothing for
// a day: its publisher may not notice that it is gone.
func DevicesSilent(status func() []devices.Status) Check {
	return Check{ID: "mqtt-silent", DependsOn: []string{"mqtt-broker", "mqtt-local", "dev-there"}, Run: func(context.Context) Result {
		var silent []string
		heard := 0
		for _, d := range status() {
			if d.Heard.IsZero() || d.State != devices.Attached {
				continue
			}
			heard++
			if ago := time.Since(d.Heard); ago > silentAfter {
				silent = append(silent, fmt.Sprintf("%s (for %s)", d.ID, days(ago)))
			}
		}
		switch {
		case heard == 0:
			return Result{State: Skipped, Detail: "no device on MQTT has said anything since the start"}
		case len(silent) > 0:
			return Result{Warn, "says nothing any more: " + strings.Join(silent, ", "), "look at the device's battery and its radio; press its button; `clinicgate devices watch` shows what it says"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("all of %d devices on MQTT were heard within a day", heard)}
	}}
}
