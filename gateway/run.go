package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"clinicgate/gateway/clock"
	"clinicgate/gateway/config"
	"clinicgate/gateway/downlink"
	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// runClock keeps trusted time, and says so once in each boot of the machine.
func (g *Gateway) runClock(ctx context.Context) error {
	return g.clock.Run(ctx, clock.Config{
		Corrected: g.clockCorrected,
		Stepped: func(by time.Duration) {
			act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorSystem, ID: "clock"})
			if err := g.audit(ctx, act, kiosk.ClockStepped, kiosk.AuditFacts{Action: "step", Resource: string(g.self)}); err != nil {
				g.log.Error("clock step was not recorded", "error", err)
			}
		},
	}, g.client, g.log.With("component", "clock"))
}

// clockCorrected records which time the boot's zero was. Its id derives from the
// boot, so that a boot has one correction however often the process starts.
func (g *Gateway) clockCorrected(ctx context.Context, boot uuid.UUID, zero time.Time) error {
	act := kiosk.Act{ID: kiosk.DeriveID(boot, "clock-corrected", string(g.self)), Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: "clock"}}
	id := kiosk.DeriveID(act.ID, "event")
	return g.queue.Update(ctx, func(tx *storage.Tx) error {
		if _, done := tx.Lookup(id); done {
			return nil
		}
		hlc, now := tx.Now()
		body := kiosk.ClockCorrected{Type: "CLOCK_CORRECTED", Boot: boot, Offset: zero.UnixNano(), Timestamp: kiosk.At(now.Wall)}
		if _, err := g.journal.Record(tx, act, kiosk.What{ID: id, Kind: "device/CLOCK_CORRECTED", Channel: kiosk.DeviceChannel(g.self),
			Body: body, Facts: kiosk.AuditFacts{Action: "learn time", Resource: string(g.self)}}); err != nil {
			return err
		}
		return g.queue.Corrected(tx, queue.Clock{Kiosk: string(g.self), Boot: boot}, body.Offset, hlc)
	})
}

// runLink passes on that the network came back: as PubNub's answers show it,
// and earlier where the system reports it.
func (g *Gateway) runLink(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if err := watchLinks(ctx, func() {
			g.client.Wake()
			g.uplink.LinkUp()
		}); err != nil {
			g.log.Warn("the system does not report its links; probes find a network that came back", "error", err)
		}
	})
	g.occupants(ctx)
	service{g.client}.follow(ctx, func() {
		now := time.Now()
		g.linkBack.Store(&now)
		g.uplink.LinkUp()
		g.occupants(ctx)
	})
	return nil
}

// runMirror copies queue and consents into metadata.
func (g *Gateway) runMirror(ctx context.Context) error {
	changed, cancel := g.queue.Watch()
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				g.mirror.QueueChanged()
			}
		}
	})
	return g.mirror.Run(ctx)
}

// downlinks is the downlink of the moment: which channels it reads follows from
// whose keys are known.
type downlinks struct {
	mu      sync.Mutex
	current *downlink.Downlink
	renew   context.CancelFunc
}

func (g *Gateway) runDownlink(ctx context.Context) error {
	for ctx.Err() == nil {
		// First, so that a change of keys while they are read is one to begin again for.
		part, cancel := context.WithCancel(ctx)
		g.down.mu.Lock()
		g.down.renew = cancel
		g.down.mu.Unlock()
		d, err := g.newDownlink()
		if err != nil {
			cancel()
			return fmt.Errorf("cannot make downlink: %w", err)
		}
		g.down.mu.Lock()
		g.down.current = d
		g.down.mu.Unlock()
		err = d.Run(part)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// keysChanged follows a change of the keyring.
func (g *Gateway) keysChanged() error {
	if err := g.keys.refresh(); err != nil {
		return err
	}
	g.down.mu.Lock()
	defer g.down.mu.Unlock()
	if g.down.renew != nil {
		g.down.renew()
	}
	return nil
}

func (g *Gateway) newDownlink() (*downlink.Downlink, error) {
	durable := []string{kiosk.ConsentChannel(g.journal.Organization), kiosk.CommandChannel(g.self)}
	var live []string
	for _, d := range g.departments {
		durable = append(durable, kiosk.QueueChannel(d), kiosk.EmergencyChannel(d), kiosk.RosterChannel(d))
		live = append(live, kiosk.PresenceChannel(d), pubnub.PresenceChannel(kiosk.PresenceChannel(d)))
	}
	for _, other := range g.keys.others() {
		durable = append(durable, kiosk.DeviceChannel(kiosk.KioskID(other)))
	}
	return downlink.New(downlink.Config{
		Self: string(g.self), Durable: durable, Live: live, Unsigned: g.cfg.Sync.Unsigned == config.UnsignedBound,
		Now: g.trustedTime, Apply: g.apply, Echo: g.echo, OnLive: g.live, Refused: g.refused, Proofs: g.cfg.MQTT.Exchange,
	}, service{g.client}, g.keys, g.queue, g.keys, g, g.log.With("component", "downlink"))
}

// trustedTime is zero while nobody has told the time since the machine started.
func (g *Gateway) trustedTime() time.Time {
	if now := g.clock.Now(); now.Synced {
		return now.Wall
	}
	return time.Time{}
}

// refused records, at most once in a while for each reason, that somebody said
// what they may not say.
func (g *Gateway) refused(channel string, why downlink.Refusal) {
	switch why {
	case downlink.RefusedUnreadable, downlink.RefusedKind:
		g.log.Warn("message was not taken", "channel", channel, "reason", string(why))
		return
	}
	g.log.Error("message was refused", "channel", channel, "reason", string(why))
	// One audit event an hour for each channel and reason: a flood of forged
	// messages must not fill the store.
	hour := g.clock.Now().Wall.UTC().Format("2006-01-02T15")
	act := kiosk.Act{ID: kiosk.DeriveID(uuid.NewSHA1(gapNamespace, []byte(hour)), "refused", channel, string(why)), Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: "downlink"}}
	ctx, cancel := context.WithTimeout(g.running, storeDeadline)
	defer cancel()
	if err := g.audit(ctx, act, kiosk.MessageRefused, kiosk.AuditFacts{Action: string(why), Outcome: kiosk.OutcomeRefused, Resource: channel, Channel: channel}); err != nil {
		g.log.Error("refusal was not recorded", "error", err)
	}
}
