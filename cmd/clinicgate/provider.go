package main

import (
	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

func (a *app) providerCommand() *cobra.Command {
	var room string
	set := &cobra.Command{
		Use:   "set PROVIDER STATUS",
		Short: "Say whether a provider sees patients: available, in-consultation, away, offline",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Provider, error) {
				return s.SetProvider(c.Context(), control.SetProvider{Provider: kiosk.ProviderID(args[0]), Status: kiosk.Availability(args[1]), Room: room})
			}, func(t *table, p control.Provider) { t.line("%s is %s%s", p.ID, p.Status, in(p.Room)) })
		},
	}
	set.Flags().StringVar(&room, "room", "", "room (default: as before)")
	return group("provider", "The clinic's providers", set)
}
