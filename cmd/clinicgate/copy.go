package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
)

// openCopy opens a copy of a stopped kiosk's store.
func (a *app) openCopy(ctx context.Context, settings config.Config) (*gateway.Copy, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program's file: %w", err)
	}
	draw, wipe := a.terminal.progress()
	defer wipe()
	return gateway.OpenCopy(ctx, settings, gateway.CopyOptions{VerifyChild: []string{self, "store", "verify-child"}, Progress: func(done, total int64) {
		draw(control.Progress{Done: uint64(done), Total: uint64(total), Unit: "bytes"})
	}})
}

// askOrCopy asks the service or, while none runs, a copy of the store, and shows the
// answer.
func askOrCopy[Out any](a *app, ctx context.Context, f func(*control.Client) (Out, error), kept func(*gateway.Copy) (Out, error), show func(*table, Out)) error {
	client, err := a.dial(ctx)
	if err == nil {
		client.Close()
		return ask(a, ctx, f, show)
	}
	if !isDown(err) {
		return err
	}
	settings, bad := config.Load(a.configPath)
	if bad != nil || !gateway.HasKeys(settings) {
		return err // there is nothing to read instead
	}
	c, err := a.openCopy(ctx, settings)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "note: no service answers; this is of a copy of the store in %s\n", settings.Storage.Dir)
	out, err := kept(c)
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	return a.show(out, func(t *table) { show(t, out) })
}
