package gateway

import (
	"context"
	"errors"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/storage/keyring"
)

// still opens keys and store of a service that does not run, for one piece of work
// on them, and closes both. Nothing is served. Who opens the keyring too gives the
// source: a passphrase may come once only.
func still(ctx context.Context, cfg config.Config, o Options, source keyring.Source, work func(*Gateway) error) (err error) {
	g := newGateway(ctx, cfg, o, source)
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
	err = still(ctx, cfg, o, cfg.KeySource.Source(), func(g *Gateway) error {
		made, err = g.backUp(ctx, by, to, progress)
		return err
	})
	return made, err
}

// drain sends what a stopped service left, such as the record of its stop, for as
// long as wait, and says how much is left then. progress may be nil.
func (g *Gateway) drain(ctx context.Context, wait time.Duration, progress func(control.Progress)) (uint64, error) {
	queued := func() (n uint64) {
		for _, st := range g.store.Streams() {
			n += st.Queued
		}
		return n
	}
	if queued() == 0 || wait <= 0 {
		return queued(), nil
	}
	client, err := g.openPubNub(ctx)
	if client != nil {
		defer client.Close()
	}
	if err != nil {
		return 0, err
	}
	up, err := uplink.New(uplink.Config{Batch: g.batchMode(), Signer: g.keys.signer, Quarantined: g.quarantined}, g.store, service{g.client}, g.keys, g.log.With("component", "uplink"))
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = g.token.Run(ctx, up.TokenRefreshed) // without a token the uplink says so
	}()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = up.Run(ctx)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for queued() > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
			if progress != nil {
				progress(control.Progress{Done: queued(), Unit: "events left"})
			}
		case <-ctx.Done():
		}
	}
	cancel()
	<-sent
	<-ended
	return queued(), nil
}
