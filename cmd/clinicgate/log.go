package main

import (
	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) logCommand() *cobra.Command {
	return group("log", "The service's log", &cobra.Command{
		Use:       "level LEVEL",
		Short:     "Change how much is logged until the next start: debug, info, warn or error",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"debug", "info", "warn", "error"},
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.LogLevel, error) {
				return s.SetLogLevel(c.Context(), control.LogLevel{Level: args[0]})
			}, func(t *table, l control.LogLevel) { t.line("log level is %s until the next start", l.Level) })
		},
	})
}
