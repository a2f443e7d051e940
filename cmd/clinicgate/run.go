package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the gateway until it is stopped",
		Long: `Runs the gateway in the foreground until it gets SIGTERM or Ctrl-C; a second
Ctrl-C does not wait. Once everything serves, it prints where. It logs to standard
error, or to log.file of the config.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("cannot find this program's file: %w", err)
			}
			level := &slog.LevelVar{}
			level.Set(settings.Log.Level.Slog())
			to, err := a.logTo(settings.Log)
			if err != nil {
				return err
			}
			var shown error
			err = gateway.Run(c.Context(), settings, gateway.Options{
				Logger:      slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level})),
				Level:       level,
				Version:     buildInfo().Version,
				VerifyChild: []string{self, "store", "verify-child"},
				Ready:       func(at gateway.Addresses) { shown = a.showAddresses(at) },
			})
			return errors.Join(err, shown, to.Close())
		},
	}
}

func (a *app) showAddresses(at gateway.Addresses) error {
	data := map[string]string{"page": at.Page, "board": at.Board, "desk": at.Desk, "mqtt": at.MQTT, "control": at.Control}
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
		t.row("control", at.Control)
	})
}

// logTo opens where the log goes.
func (a *app) logTo(c config.Log) (io.WriteCloser, error) {
	if c.File == "" {
		return nopCloser{a.err}, nil
	}
	return openLog(c.File)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
