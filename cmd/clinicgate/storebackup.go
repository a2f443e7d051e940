package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
)

func (a *app) storeBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup [FILE|FOLDER]",
		Short: "Copy the store, sealed, to a file",
		Long: `Writes one sealed file with the store at one moment, its documents and signatures,
its keyring and the settings, and reads it back. The service goes on meanwhile; while
none runs, the files are copied. Without an argument it goes to backup.dir of the
config, as every night.

Only this kiosk's key source and the clinic's recovery key open the file. Keep it on
another machine: ` + "`clinicgate store restore`" + ` brings it back, with --replacement on a new one.
The running service writes the file, so its account must be allowed to.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			to := ""
			if len(args) > 0 {
				path, err := filepath.Abs(args[0])
				if err != nil {
					return fmt.Errorf("cannot name backup: %w", err)
				}
				to = path
			}
			draw, wipe := a.terminal.progress()
			made, err := a.backUp(c.Context(), to, draw)
			wipe()
			if err != nil {
				return err
			}
			if err := a.show(made, func(t *table) { showBackup(t, made) }); err != nil {
				return err
			}
			if made.SameDisk {
				fmt.Fprintln(a.err, "note: this backup is on the store's own disk; copy it to another machine")
			}
			if !made.Recovery {
				fmt.Fprintln(a.err, "note: no recovery key is set: without this kiosk's key source nobody opens it (`clinicgate keys recovery init`)")
			}
			return nil
		},
	}
}

func (a *app) backUp(ctx context.Context, to string, draw func(control.Progress)) (control.BackedUp, error) {
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		return client.StoreBackup(ctx, control.StoreBackup{To: to}, draw)
	}
	if !isDown(err) {
		return control.BackedUp{}, err
	}
	settings, err := a.load()
	if err != nil {
		return control.BackedUp{}, err
	}
	o, err := a.still(settings.Storage.Dir)
	if err != nil {
		return control.BackedUp{}, err
	}
	return gateway.BackUp(ctx, settings, o, control.ThisAccount(), to, draw)
}

// still is how the work is done of a service that does not run.
func (a *app) still(dir string) (gateway.Options, error) {
	fmt.Fprintf(a.err, "note: no service answers; working on the store in %s\n", dir)
	self, err := os.Executable()
	if err != nil {
		return gateway.Options{}, fmt.Errorf("cannot find this program's file: %w", err)
	}
	return gateway.Options{
		Logger:  slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Version: buildInfo().Version, VerifyChild: []string{self, "store", "verify-child"},
	}, nil
}

func showBackup(t *table, b control.BackedUp) {
	t.row("backup", b.File)
	t.row("size", size(b.Bytes)+", read back and verified")
	t.row("store", fmt.Sprintf("life %d, commit %d, %s not sent yet, %s", b.Life, b.Commit, count(int(b.Unsent), "event"), count(b.Blobs, "document")))
	t.row("made", date(b.Made))
}
