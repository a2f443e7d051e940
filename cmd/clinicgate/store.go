package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/storage"
)

func (a *app) storeCommand() *cobra.Command {
	return group("store", "The encrypted store's file", a.storeCheck(), a.storeCompact(), a.storeBackup(), a.storeRestore(), a.storeRecover(), a.storeVerifyChild())
}

func storeFile(c config.Config) string { return filepath.Join(c.Storage.Dir, "store.db") }

func (a *app) storeCheck() *cobra.Command {
	var in control.StoreCheck
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the store's file; changes nothing",
		Long: `Checks the structure of the store's file and the newest records, with --full
every record. While no service runs, it reads the file itself. Exit code 5 when
something is damaged.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			draw, wipe := a.terminal.progress()
			report, err := a.checkStore(c.Context(), in, draw)
			wipe()
			if err != nil {
				return err
			}
			if err := a.show(report, func(t *table) { showReport(t, report) }); err != nil {
				return err
			}
			if !report.OK || report.Unreadable > 0 {
				return &found{what: "the store's file is damaged", hint: "the next start copies what is readable into a new file by itself; replace the disk if this happens again"}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&in.Full, "full", false, "open every record")
	return c
}

func (a *app) checkStore(ctx context.Context, in control.StoreCheck, progress func(control.Progress)) (storage.Report, error) {
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		return client.StoreCheck(ctx, in, progress)
	}
	if !isDown(err) {
		return storage.Report{}, err
	}
	settings, err := a.load()
	if err != nil {
		return storage.Report{}, err
	}
	ring, err := a.openRing(ctx, settings)
	if err != nil {
		return storage.Report{}, err
	}
	defer ring.Close()
	return storage.Check(ctx, storage.CheckOptions{Path: storeFile(settings), Keys: ring, Full: in.Full, Progress: func(done, total int64) {
		progress(control.Progress{Done: uint64(done), Total: uint64(total), Unit: "bytes"})
	}})
}

func showReport(t *table, r storage.Report) {
	t.row("file", fmt.Sprintf("%s, %s", r.Path, size(r.Bytes)))
	t.row("store", fmt.Sprintf("life %d, %d commits, closed properly: %s", r.Life, r.Commits, yesNo(r.Clean)))
	for _, bucket := range slices.Sorted(maps.Keys(r.Rows)) {
		t.row("  "+bucket, count(int(r.Rows[bucket]), "row"))
	}
	t.row("records", fmt.Sprintf("%d opened, %d unreadable, %d erased on purpose", r.Opened, r.Unreadable, r.Erased))
	for _, m := range r.Miscounted {
		t.line("miscounted: %s", m)
	}
	for _, b := range r.BadRows {
		t.line("unreadable: %s", b)
	}
	for _, d := range r.Damage {
		t.line("damage: %v", d)
	}
	if r.MoreDamage > 0 {
		t.line("and %d more", r.MoreDamage)
	}
	if r.OK {
		t.line("the file can be used")
	} else {
		t.line("the file cannot be used: %s", r.Explanation)
	}
}

func (a *app) storeCompact() *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Rewrite the store's file without its empty pages",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			draw, wipe := a.terminal.progress()
			defer wipe()
			return ask(a, c.Context(), func(s *control.Client) (control.Compacted, error) {
				return s.StoreCompact(c.Context(), draw)
			}, func(t *table, r control.Compacted) { t.line("from %s to %s", size(r.Before), size(r.After)) })
		},
	}
}

// storeVerifyChild is what the service starts to check its file before it opens
// it, so that a damaged file can kill only that process. Path and keys come over
// standard input.
func (a *app) storeVerifyChild() *cobra.Command {
	return &cobra.Command{
		Use:    "verify-child",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(*cobra.Command, []string) error { return storage.RunVerifyChild(a.stdin, a.out) },
	}
}
