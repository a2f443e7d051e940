package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
)

func (a *app) devicesCommand() *cobra.Command {
	return group("devices", "The check-in devices", a.devicesTest(), a.devicesReplace(), a.devicesWatch(), a.devicesCredential(), &cobra.Command{
		Use:   "list",
		Short: "List configured devices and the ports that are plugged in",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			err := ask(a, c.Context(), func(s *control.Client) (control.Devices, error) { return s.Devices(c.Context()) }, showDevices)
			settings, bad := config.Load(a.configPath)
			if !isDown(err) || bad != nil {
				return err
			}
			list, err := gateway.ConfiguredDevices(settings)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.err, "note: no service answers, so none of the devices is watched")
			return a.show(list, func(t *table) { showDevices(t, list) })
		},
	})
}

func showDevices(t *table, d control.Devices) {
	t.row("DEVICE", "CLASS", "PORT IN CONFIG", "STATE", "PROBE", "WHERE", "READINGS", "LAST", "TESTED")
	now := time.Now()
	for _, v := range d.Devices {
		last := ""
		if !v.LastReading.IsZero() {
			last = ago(v.LastReading, now)
		}
		port := v.Binding
		if v.Configured != "" {
			port = v.Configured
		}
		t.row(v.ID, v.Class, port, v.State, v.Probe, v.Where, v.Readings, last, tested(v, now))
	}
	for _, v := range d.Devices {
		showDevice(t, v)
	}
	t.line("")
	t.row("PLUGGED IN", "PORT TO CONFIGURE", "MODE", "PRODUCT")
	for _, p := range d.Ports {
		t.row(p.Path, p.Identity, p.Mode, p.Product)
	}
}

// showDevice says in a paragraph what the list's row of a device has no room for.
func showDevice(t *table, v control.Device) {
	begun := false
	line := func(format string, args ...any) {
		if !begun {
			t.line("")
		}
		begun = true
		t.line(format, args...)
	}
	if v.Configured != "" {
		line("%s: replaced by the unit at %s", v.ID, v.Binding)
		line("      hint: write that port into the config when you can")
	}
	if v.Reason != "" {
		line("%s: %s", v.ID, v.Reason)
	}
	if v.Hint != "" {
		line("      hint: %s", v.Hint)
	}
	var unit []string
	if v.Battery != nil {
		unit = append(unit, fmt.Sprintf("battery at %d %%", *v.Battery))
	}
	if v.Firmware != "" {
		unit = append(unit, "firmware "+v.Firmware)
	}
	if len(unit) > 0 {
		line("%s: %s", v.ID, strings.Join(unit, ", "))
	}
	if text := troubles(v.Counters); text != "" {
		line("%s, since the start: %s", v.ID, text)
	}
}

// troubles says what of a device's readings came to nothing, or "".
func troubles(c control.DeviceCounters) string {
	var list []string
	for _, one := range []struct {
		what string
		n    int64
	}{
		{"losses", c.Losses}, {"not taken by the kiosk", c.Unaccepted}, {"damaged", c.Damaged}, {"cut off", c.CutOff},
		{"refused", c.Refused}, {"left out for coming too fast", c.Throttled}, {"bytes of noise", c.Noise},
	} {
		if one.n > 0 {
			list = append(list, fmt.Sprintf("%s: %d", one.what, one.n))
		}
	}
	return strings.Join(list, ", ")
}
