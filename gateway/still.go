package gateway

import (
	"context"
	"errors"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

// still opens keys and store of a service that does not run, for one piece of work
// on them, and closes both. Nothing is served and nothing is sent.
func still(ctx context.Context, cfg config.Config, o Options, work func(*Gateway) error) (err error) {
	g := newGateway(ctx, cfg, o, cfg.KeySource.Source())
	defer func() { err = errors.Join(err, ownedAs(cfg.Storage.Dir)) }()
	keys, err := g.openKeys(ctx)
	if keys != nil {
		defer func() { err = errors.Join(err, keys.Close()) }()
	}
	if err != nil {
		return err
	}
	store, err := g.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return work(g)
}

// BackUp writes a backup while no service runs. to is a folder or a new file; empty
// means the folder of the nightly ones.
func BackUp(ctx context.Context, cfg config.Config, o Options, by kiosk.Actor, to string, progress func(control.Progress)) (made control.BackedUp, err error) {
	err = still(ctx, cfg, o, func(g *Gateway) error {
		made, err = g.backUp(ctx, by, to, progress)
		return err
	})
	return made, err
}
