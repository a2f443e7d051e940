package gateway

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/bridge"
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

// word is what a device may say about itself: a token, never a sentence.
var word = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// deviceMessage takes what an MQTT device said: about its health, or a vital sign. It
// returns when it is durable; then the device gets its PUBACK.
func (g *Gateway) deviceMessage(ctx context.Context, m bridge.Message) error {
	if r, ok := parseVital(m); ok {
		g.stationSaid(m.Topic.Device, "")
		return g.vital(ctx, r)
	}
	var said struct {
		V      int       `json:"v"`
		ID     uuid.UUID `json:"id"`
		State  string    `json:"state"`
		Reason string    `json:"reason"`
	}
	if len(m.Payload) > 4<<10 || json.Unmarshal(m.Payload, &said) != nil || said.V != 1 || !word.MatchString(said.State) || said.Reason != "" && !word.MatchString(said.Reason) {
		return bridge.ErrNotAccepted
	}
	if m.Topic.Leaf != bridge.LeafState && m.Topic.Leaf != bridge.LeafEvent {
		return bridge.ErrNotAccepted
	}
	if m.Topic.Class == string(devices.Vitals) {
		g.stationSaid(m.Topic.Device, said.State)
	}
	id := uuid.Nil
	if said.ID != uuid.Nil {
		// The device's own id, made this kiosk's: a replay is a repeat, and no device
		// can take another event's place.
		id = kiosk.DeriveID(said.ID, "mqtt", m.Topic.Class, m.Topic.Device)
	}
	return g.recordHealth(ctx, id, kiosk.DeviceHealth{Device: m.Topic.Device, Class: m.Topic.Class, State: said.State, Reason: said.Reason}, "")
}
