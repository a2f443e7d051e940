package gateway

import (
	"context"
	"strconv"

	"clinicgate/gateway/downlink"
	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// apply takes a believed event into the clinic's state, in the transaction that
// stores it. What makes no sense to a part is counted there, not an error: it
// must not stop the channel.
func (g *Gateway) apply(tx *storage.Tx, b downlink.Believed) error {
	message, err := kiosk.Decode(b.Definition, b.Body)
	if err != nil {
		g.log.Warn("believed message is malformed and was set aside", "kind", b.Definition.Name, "from", b.Origin.Kiosk)
		return nil
	}
	if c, ok := message.(*kiosk.Command); ok {
		return g.commanded(tx, b, c)
	}
	_, err = g.checkin.Apply(tx, kiosk.Received{Channel: b.Channel, ID: b.ID, Origin: b.Origin, Publisher: b.Publisher, Message: message})
	return err
}

// echo takes one of our own events as others see it, or a repeat of another's:
// its smallest timetoken orders what was made before the time was known.
func (g *Gateway) echo(tx *storage.Tx, b downlink.Believed) error {
	if b.Definition.Family != kiosk.QueueFamily {
		return nil
	}
	return g.apply(tx, b)
}

// live takes what is only live: providers' presence.
func (g *Gateway) live(m pubnub.Message) {
	p, ok := m.Presence()
	if !ok {
		return
	}
	for _, d := range g.departments {
		if m.Channel != pubnub.PresenceChannel(kiosk.PresenceChannel(d)) {
			continue
		}
		switch p.Action {
		case "join", "state-change":
			g.present(d, p.UserID, p.State, m.Timetoken)
		case "leave", "timeout":
			g.present(d, p.UserID, map[string]string{"status": string(kiosk.Offline)}, m.Timetoken)
		case "interval":
			for _, user := range append(p.Leave, p.Timeout...) {
				g.present(d, user, map[string]string{"status": string(kiosk.Offline)}, m.Timetoken)
			}
		}
	}
}

// present takes a provider's state, plain or sealed.
func (g *Gateway) present(d kiosk.DepartmentID, user string, state map[string]string, at pubnub.Timetoken) {
	status := kiosk.Availability(state["status"])
	if !status.Valid() {
		if plain, _, err := g.keys.Decrypt(state["status"], func(plain []byte) bool {
			s, err := strconv.Unquote(string(plain))
			return err == nil && kiosk.Availability(s).Valid()
		}); err == nil {
			s, _ := strconv.Unquote(string(plain))
			status = kiosk.Availability(s)
		}
	}
	id := kiosk.ProviderID(user)
	if !status.Valid() || !g.ProviderIn(id, d) {
		return
	}
	ctx, cancel := context.WithTimeout(g.running, storeDeadline)
	defer cancel()
	if err := g.queue.Update(ctx, func(tx *storage.Tx) error {
		_, err := g.queue.Present(tx, d, id, status, uint64(at))
		return err
	}); err != nil {
		g.log.Warn("provider's presence was not taken", "provider", user, "error", err)
	}
}

// occupants asks who is present, after a start and whenever the link came back.
func (g *Gateway) occupants(ctx context.Context) {
	for _, d := range g.departments {
		list, err := g.client.HereNow(ctx, kiosk.PresenceChannel(d))
		if err != nil {
			return
		}
		now := pubnub.TimetokenAt(g.clock.Now().Wall)
		for _, o := range list {
			if len(o.State) > 0 {
				g.present(d, o.UserID, o.State, now)
			}
		}
	}
}

// ProviderIn reports whether the config puts a provider into a department.
func (g *Gateway) ProviderIn(id kiosk.ProviderID, d kiosk.DepartmentID) bool {
	for _, p := range g.cfg.Providers {
		if p.ID == string(id) && p.Department == string(d) {
			return true
		}
	}
	return false
}

// gapNamespace makes the ids of gap records differ from all others.
var gapNamespace = uuid.MustParse("6f2d3a52-2c0e-4a5e-9a41-0d5f6f3f6e10")

func gapID(channel string, inc uint32, first uint64, what string) uuid.UUID {
	return kiosk.DeriveID(gapNamespace, what, channel, strconv.FormatUint(uint64(inc), 10), strconv.FormatUint(first, 10))
}

// quarantined records that PubNub refused events of a channel for good. Refusals
// of the channels that carry such records do not call for further ones, so that
// a keyset that refuses everything does not make the store grow.
func (g *Gateway) quarantined(ctx context.Context, channel string, inc uint32, first, last uint64, reason string) error {
	g.log.Error("PubNub refused an event for good", "channel", channel, "first", first, "last", last, "reason", reason)
	c, _ := kiosk.ParseChannel(channel)
	if c.Family == kiosk.DeviceFamily || c.Family == kiosk.AuditFamily {
		return nil
	}
	act := kiosk.Act{ID: gapID(channel, inc, first, "quarantine"), Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: "uplink"}}
	return g.audit(ctx, act, kiosk.MessageQuarantined, kiosk.AuditFacts{Action: "quarantine", Outcome: kiosk.OutcomeFailure, Resource: act.ID.String(), Channel: channel})
}

// gapRecord makes the event that tells a stream's readers what will not come.
// Of gaps in the device channel, which carries these records, there is none.
func (g *Gateway) gapRecord(gap storage.Gap) (storage.Event, error) {
	channel := kiosk.DeviceChannel(g.self)
	if gap.Channel == channel {
		return storage.Event{}, nil
	}
	d, _ := kiosk.Defined("device/GAP")
	e, err := kiosk.NewEvent(d, channel, kiosk.Gap{Type: "GAP", Channel: gap.Channel, Inc: gap.Inc, First: gap.First, Last: gap.Last,
		Count: gap.Count, Reason: gap.Outcome.String() + ": " + gap.Reason, Timestamp: kiosk.At(gap.At)})
	e.ID = gapID(gap.Channel, gap.Inc, gap.First, "gap")
	return e, err
}

// checkpointRecord makes the event that publishes a signed checkpoint of the
// audit log.
func (g *Gateway) checkpointRecord(note []byte) (storage.Event, error) {
	d, _ := kiosk.Defined("audit/AUDIT_CHECKPOINT")
	return kiosk.NewEvent(d, kiosk.AuditChannel(g.journal.Organization),
		kiosk.AuditCheckpoint{Type: "AUDIT_CHECKPOINT", Note: string(note), Timestamp: kiosk.At(g.clock.Now().Wall)})
}
