package main

import (
	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) launchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "launch",
		Short: "Print a fresh address of the check-in page, good for one use within a minute",
		Long: `Prints an address that opens the check-in page once. Give it to the kiosk's own
browser; a page opened by it ends the session before.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Launched, error) {
				return s.Launch(c.Context(), control.Launch{})
			}, func(t *table, l control.Launched) { t.line("%s", l.URL) })
		},
	}
}
