package gateway

import (
	"context"
	"time"

	"clinicgate/devices"
	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// deviceHealth records that a device came or went.
func (g *Gateway) deviceHealth(ctx context.Context, h devices.Health) {
	audit := kiosk.DeviceAttached
	if h.State != devices.Attached {
		audit = kiosk.DeviceLost
	}
	// What happened just before the stop is recorded too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := g.recordHealth(ctx, uuid.Nil, kiosk.DeviceHealth{Device: string(h.ID), Class: string(h.Class), State: string(h.State), Reason: h.Reason}, audit); err != nil {
		g.log.Error("device health was not recorded", "device", string(h.ID), "error", err)
	}
}

// recordHealth appends a DEVICE_HEALTH event; id makes a repeat harmless.
func (g *Gateway) recordHealth(ctx context.Context, id uuid.UUID, body kiosk.DeviceHealth, audit kiosk.AuditType) error {
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorDevice, ID: body.Device})
	if id != uuid.Nil {
		act.ID = id
	}
	return g.store.Update(ctx, func(tx *storage.Tx) error { return g.recordHealthIn(tx, act, body, audit) })
}

func (g *Gateway) recordHealthIn(tx *storage.Tx, act kiosk.Act, body kiosk.DeviceHealth, audit kiosk.AuditType) error {
	_, now := tx.Now()
	body.Type, body.Timestamp = "DEVICE_HEALTH", kiosk.At(now.Wall)
	facts := kiosk.AuditFacts{Action: body.State, Resource: body.Device}
	if audit == kiosk.DeviceLost || body.State == testFailed {
		facts.Outcome = kiosk.OutcomeFailure
	}
	receipt, err := g.journal.Record(tx, act, kiosk.What{Kind: "device/DEVICE_HEALTH", Channel: kiosk.DeviceChannel(g.self), Body: body, Facts: facts})
	if err != nil || receipt.Duplicate || audit == "" {
		return err
	}
	return g.journal.Audit(tx, act, audit, facts)
}
