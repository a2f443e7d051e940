package main

import (
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) devicesCommand() *cobra.Command {
	return group("devices", "The check-in devices", &cobra.Command{
		Use:   "list",
		Short: "List configured devices and the ports that are plugged in",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Devices, error) { return s.Devices(c.Context()) }, showDevices)
		},
	})
}

func showDevices(t *table, d control.Devices) {
	t.row("DEVICE", "CLASS", "PORT IN CONFIG", "STATE", "WHERE", "READINGS", "LAST")
	for _, v := range d.Devices {
		last := ""
		if !v.LastReading.IsZero() {
			last = ago(v.LastReading, time.Now())
		}
		t.row(v.ID, v.Class, v.Binding, v.State, v.Where, v.Readings, last)
	}
	for _, v := range d.Devices {
		if v.Reason != "" {
			t.line("")
			t.line("%s: %s", v.ID, v.Reason)
		}
		if v.Hint != "" {
			t.line("      hint: %s", v.Hint)
		}
	}
	t.line("")
	t.row("PLUGGED IN", "PORT TO CONFIGURE", "PRODUCT")
	for _, p := range d.Ports {
		t.row(p.Path, p.Identity, p.Product)
	}
}
