package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/logging"
)

func (a *app) runCommand() *cobra.Command {
	var managed bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the gateway until it is stopped",
		Long: `Runs the gateway in the foreground until it gets SIGTERM or Ctrl-C; a second
Ctrl-C does not wait. Once everything serves, it prints where. It logs to log.file of
the config, to journald or the Event Log where the service manager started it, or else to
standard error.

` + serviceCodes,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			watch := newWatch(c.Context(), managed, a.err)
			defer watch.stop()
			early := logging.Open(logging.Options{Stderr: a.err, System: true})
			goOn := watch.begin(a.configPath, early.Logger())
			if err := early.Close(); err != nil || !goOn {
				return err
			}
			settings, err := a.load()
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("cannot find this program's file: %w", err)
			}
			log := logging.Open(logging.Options{Level: settings.Log.Level.Slog(), File: settings.Log.File, Size: settings.Log.Size.Bytes, Keep: settings.Log.Keep,
				Stderr: a.err, System: true})
			var shown error
			err = gateway.Run(c.Context(), settings, gateway.Options{
				Logger:      log.Logger(),
				Log:         log,
				Version:     buildInfo().Version,
				ConfigFile:  a.configPath,
				VerifyChild: []string{self, "store", "verify-child"},
				Ready:       func(at gateway.Addresses) { shown = errors.Join(a.showAddresses(at), watch.ready(at)) },
				Pulse:       watch.pulse(),
			})
			return errors.Join(err, shown, log.Close())
		},
	}
	c.Flags().BoolVar(&managed, "service", false, "run for the service manager: tell it of readiness and be watched by it")
	return c
}

func (a *app) showAddresses(at gateway.Addresses) error {
	data := map[string]string{"page": at.Page, "board": at.Board, "desk": at.Desk, "mqtt": at.MQTT, "metrics": at.Metrics, "control": at.Control}
	return a.show(data, func(t *table) {
		t.row("page", at.Page)
		if at.Board != "" {
			t.row("board", at.Board)
		}
		if at.Desk != "" {
			t.row("desk", at.Desk)
		}
		if at.MQTT != "" {
			t.row("mqtt", at.MQTT)
		}
		if at.Metrics != "" {
			t.row("metrics", at.Metrics)
		}
		t.row("control", at.Control)
	})
}
