package main

import (
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) devicesCommand() *cobra.Command {
	return group("devices", "The check-in devices", a.devicesTest(), a.devicesReplace(), a.devicesWatch(), a.devicesCredential(), &cobra.Command{
		Use:   "list",
		Short: "List configured devices and the ports that are plugged in",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Devices, error) { return s.Devices(c.Context()) }, showDevices)
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
		if v.Configured != "" {
			t.line("")
			t.line("%s: replaced by the unit at %s", v.ID, v.Binding)
			t.line("      hint: write that port into the config when you can")
		}
		if v.Reason != "" {
			t.line("")
			t.line("%s: %s", v.ID, v.Reason)
		}
		if v.Hint != "" {
			t.line("      hint: %s", v.Hint)
		}
		if v.Battery != nil {
			t.line("")
			t.line("%s: battery at %d %%", v.ID, *v.Battery)
		}
	}
	t.line("")
	t.row("PLUGGED IN", "PORT TO CONFIGURE", "MODE", "PRODUCT")
	for _, p := range d.Ports {
		t.row(p.Path, p.Identity, p.Mode, p.Product)
	}
}
