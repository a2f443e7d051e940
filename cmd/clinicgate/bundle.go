package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/bundle"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/storage/keyring"
)

func (a *app) bundleCommand() *cobra.Command {
	folder := "."
	var in control.BundleWanted
	c := &cobra.Command{
		Use:   "bundle",
		Short: "Write a file for whoever helps, with nothing about a person in it",
		Long: `Writes a zip file with what doctor found, the settings that may be shown, metrics, the
newest 2 MB of the log, devices, versions and a check of the store. Before it is written
every section is searched for the names, birth dates, appointments and codes that this
kiosk knows, and for its keys, tokens and passwords; where something is found nothing is
written. While no service runs, or one that hangs, it is made from files, and only keys,
tokens and passwords are searched for. Exit code 5 when something was found.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			draw, wipe := a.terminal.progress()
			made, err := a.makeBundle(c.Context(), in, draw)
			wipe()
			if err != nil {
				return err
			}
			path, err := writeWhole(folder, made)
			if err != nil {
				return err
			}
			return a.show(map[string]any{"file": path, "bytes": len(made.File)}, func(t *table) { t.line("%s", path) })
		},
	}
	c.Flags().StringVar(&folder, "out", folder, "folder to write it to")
	c.Flags().BoolVar(&in.Profiles, "profiles", false, "with profiles of goroutines and memory")
	c.Flags().StringSliceVar(&in.Without, "without", nil, "leave a section out, such as log.txt")
	return c
}

// makeBundle asks the service, or makes the bundle from files while none runs or it
// hangs.
func (a *app) makeBundle(ctx context.Context, in control.BundleWanted, draw func(control.Progress)) (control.BundleMade, error) {
	answer := doctor.NoService
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		made, err := client.MakeBundle(ctx, in, draw)
		if !errors.Is(err, control.ErrHangs) {
			return made, err
		}
		answer = doctor.Hangs
		fmt.Fprintln(a.err, "note: the service hangs, so the bundle is made from files")
	} else if !isDown(err) {
		return control.BundleMade{}, err
	}
	o := gateway.Offline{Answer: answer, File: a.configPath, Version: buildInfo().Version, BundleWanted: in}
	if u, err := user.Current(); err == nil {
		o.By = u.Username
	}
	if o.Config, o.Problem = a.load(); o.Problem == nil {
		if o.Ring, o.Sealed = a.openRing(ctx, o.Config); o.Sealed == nil {
			defer o.Ring.Close()
		}
	} else {
		o.Sealed = errors.New("the config file cannot be read")
	}
	made, err := gateway.OfflineBundle(ctx, o)
	if f, ok := errors.AsType[*bundle.Found](err); ok {
		return made, &found{what: f.Error(), hint: f.Hint()}
	}
	return made, err
}

// writeWhole writes a file that is there in whole or not at all, and gives its full
// name.
func writeWhole(folder string, made control.BundleMade) (string, error) {
	path, err := filepath.Abs(filepath.Join(folder, filepath.Base(made.Name)))
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".clinicgate-bundle-*.part")
	if err != nil {
		return "", &mistake{err: fmt.Errorf("cannot write bundle: %w", err), hint: "--out names a folder that this account may write"}
	}
	_, err = f.Write(made.File)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = keyring.Dir(filepath.Dir(path)).Rename(filepath.Base(f.Name()), filepath.Base(path))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("cannot write bundle: %w", err)
	}
	return path, nil
}
