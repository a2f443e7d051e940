package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"clinicgate/gateway/clock"
	"clinicgate/gateway/config"
	"clinicgate/gateway/mirror"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/token"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// Classes lists the data key classes that the event registry uses.
func Classes() (list []string) {
	seen := map[string]bool{}
	for _, k := range kiosk.Kinds() {
		if !seen[k.KeyClass] {
			seen[k.KeyClass] = true
			list = append(list, k.KeyClass)
		}
	}
	return list
}

func (g *Gateway) openKeys(ctx context.Context) (io.Closer, error) {
	if err := os.MkdirAll(g.cfg.Storage.Dir, 0o700); err != nil {
		return nil, hinted{fmt.Errorf("cannot use data directory: %w", err), "create it for the service's account, or set storage.dir"}
	}
	if err := mayRun(g.cfg.Storage.Dir); err != nil {
		return nil, err
	}
	if err := settleRestore(ctx, g.cfg.Storage.Dir); err != nil {
		return nil, err
	}
	dir := keyring.Dir(g.cfg.Storage.Dir)
	if !keyring.Exists(dir) {
		return nil, hinted{errors.New("there is no keyring in the data directory"), "run `clinicgate keys init` once, or restore the keyring beside the store"}
	}
	ring, err := keyring.Open(ctx, dir, g.source, keyring.Options{})
	if err != nil {
		return nil, err
	}
	g.ring = ring
	g.clock = clock.New(clock.This())
	if err := ring.Ensure(Classes()...); err != nil {
		return closer(func() error { ring.Close(); return nil }), err
	}
	g.keys, err = newKeys(ring, string(g.self), func() time.Time { return g.clock.Now().Wall })
	return closer(func() error { ring.Close(); return nil }), err
}

func (g *Gateway) openStore(ctx context.Context) (io.Closer, error) {
	o := storage.Options{
		Dir: g.cfg.Storage.Dir, Kiosk: string(g.self), Kinds: kiosk.Kinds(), Keys: g.ring, Now: g.clock.Now, Program: g.o.Version,
		Budget: g.cfg.Storage.Budget.Bytes, Logger: g.log.With("component", "store"),
		Trial:  onTrial(g.cfg.Upgrade.Dir),
		OnDone: g.meters.append.Observe, OnRepair: g.o.Repairing,
		OnGap: g.gapRecord, OnCheckpoint: g.checkpointRecord,
		OnRecovery: func(o storage.Opened) {
			select {
			case g.changed <- o:
			default:
			}
		},
	}
	o.Verify = g.verifier(g.ring)
	store, opened, err := storage.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	g.store, g.opened = store, opened
	if text := recovered(opened); text != "" {
		g.found = text
	}
	return closer(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), storeDeadline)
		defer cancel()
		return store.Close(ctx)
	}), g.openBackups(ctx)
}

// verifier checks a store's file in a child, where there is a command line for one.
func (g *Gateway) verifier(ring *keyring.Ring) storage.Verifier {
	if len(g.o.VerifyChild) == 0 {
		return nil
	}
	return storage.ChildVerifier(ring, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, g.o.VerifyChild[0], g.o.VerifyChild[1:]...)
	})
}

// batchMode is how a backlog goes out.
func (g *Gateway) batchMode() uplink.BatchMode {
	switch {
	case g.cfg.Sync.Batch == config.BatchNever:
		return uplink.BatchNever
	case !g.cfg.Sync.Compress:
		return uplink.BatchPlain
	}
	return uplink.BatchGzip
}

func (g *Gateway) openPubNub(context.Context) (io.Closer, error) {
	c := g.cfg.PubNub
	g.token = token.New(c.TokenFile, g.cfg.User(), func() time.Time { return g.clock.Now().Wall }, g.log.With("component", "token"))
	g.token.Look() // before anything is sent: a refusal for want of a token would be waited out
	client, err := pubnub.New(pubnub.Config{
		Origin: c.Origin, Insecure: !c.Secure, PublishKey: c.PublishKey, SubscribeKey: c.SubscribeKey, UserID: g.cfg.User(),
		Token: g.token.Text, Proxy: g.proxy(), CAFile: c.CAFile, Logger: g.log.With("component", "pubnub"),
	})
	if err != nil {
		return nil, err
	}
	g.client = client
	svc := service{client}
	g.mirror = mirror.New(mirror.Config{
		Kiosk: string(g.self), Departments: g.departments, ConsentLog: kiosk.ConsentChannel(g.journal.Organization),
		Entries: func(d kiosk.DepartmentID) []kiosk.Entry { return g.queue.Entries(d, g.queue.Today()) },
		Signer:  g.keys.signer, Now: g.clock.Now, Foreign: g.foreignSnapshot,
	}, client, g.keys, g.store, g.log.With("component", "mirror"))
	g.uplink, err = uplink.New(uplink.Config{
		Batch: g.batchMode(), Signer: g.keys.signer, Quarantined: g.quarantined, Accepted: g.accepted,
	}, g.store, svc, g.keys, g.log.With("component", "uplink"))
	return closer(func() error { client.Close(); return nil }), err
}

// proxy gives the way out of the clinic's network. The credentials file is read
// at each new connection, so that a changed password needs no restart.
func (g *Gateway) proxy() pubnub.Proxy {
	c := g.cfg.PubNub
	p := pubnub.Proxy{URL: c.Proxy, NoProxy: strings.Join(c.NoProxy, ",")}
	if c.ProxyCredentialsFile != "" {
		p.Credentials = func() (user, password string) {
			text, err := os.ReadFile(c.ProxyCredentialsFile)
			if err != nil {
				g.log.Error("proxy credentials cannot be read", "error", err)
				return "", ""
			}
			user, password, _ = strings.Cut(strings.TrimSpace(string(text)), ":")
			return user, password
		}
	}
	return p
}

// accepted follows what PubNub took.
func (g *Gateway) accepted(channel string, to storage.Cursor, timetoken uint64) {
	ctx, cancel := context.WithTimeout(g.running, storeDeadline)
	defer cancel()
	if err := g.queue.Learned(ctx, channel, to, timetoken); err != nil {
		g.log.Warn("publish time was not noted", "channel", channel, "error", err)
	}
	if channel == kiosk.ConsentChannel(g.journal.Organization) {
		g.mirror.ConsentRecorded()
	}
}

func (g *Gateway) foreignSnapshot(ctx context.Context, channel string) {
	g.log.Error("somebody wrote a plaintext value into PubNub's metadata; it is replaced", "channel", channel)
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorSystem, ID: "mirror"})
	if err := g.audit(ctx, act, kiosk.SnapshotReplaced, kiosk.AuditFacts{Action: "replace plaintext", Outcome: kiosk.OutcomeFailure, Resource: channel, Channel: channel}); err != nil {
		g.log.Error("replacement was not recorded", "error", err)
	}
}
