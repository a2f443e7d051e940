package bridge

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"clinicgate/devices/mqtt"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// rules decides who may come in and what a client may do, and holds
// acknowledgements back until the intake is done.
type rules struct {
	mochi.HookBase
	*Broker
	ctx    context.Context
	server *mochi.Server
	order  atomic.Int64

	writing   sync.Mutex
	unwritten map[*mochi.Client]int64 // guarded by writing: the order of what the gateway said last
}

func (*rules) ID() string { return "clinic-rules" }

func (*rules) Provides(hook byte) bool {
	return bytes.IndexByte([]byte{mochi.OnConnectAuthenticate, mochi.OnSessionEstablish, mochi.OnACLCheck, mochi.OnSubscribe, mochi.OnPublish, mochi.OnWill, mochi.OnPublishDropped, mochi.OnClientExpired, mochi.OnPacketSent, mochi.OnDisconnect}, hook) >= 0
}

// rightsOf gives what a client may do. A stranger, who is on this machine, is the
// device that it says it is.
func (b *Broker) rightsOf(id string) (r rights, listed bool) {
	r = rights{Party{ID: id, Kind: KindDevice}, b.cfg.Site, b.cfg.Kiosk}
	i := slices.IndexFunc(b.cfg.Clients, func(p Party) bool { return p.ID == id })
	if i >= 0 {
		r.Party = b.cfg.Clients[i]
	}
	return r, i >= 0
}

// OnConnectAuthenticate lets a client in that is listed and proves it; on
// loopback also strangers, whose id is a name and not a proof.
func (r *rules) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	v, ok := cl.Net.Conn.(*visitor)
	if !ok || !mqtt.ValidLevel(cl.ID) {
		r.abuse(&r.logins)
		return false
	}
	defer v.greeted()
	may, listed := r.rightsOf(cl.ID)
	if listed || !v.from.IsLoopback() || cl.Net.Listener != "loopback" {
		from := v.from.String()
		if !r.guesses.may(from) || !listed || !r.proved(cl, v, pk) {
			r.abuse(&r.logins)
			r.guesses.take(from)
			r.log.Warn("MQTT client did not prove who it is", "address", from, "listed", listed)
			return false
		}
	}
	if will := cl.Properties.Will; will.Flag == 1 && (!may.mayWrite(will.TopicName) || len(will.Payload) > maxKept) {
		r.abuse(&r.refused)
		return false
	}
	if !r.connects.take(cl.ID) {
		r.abuse(&r.tooOften)
		return false
	}
	earlier, known := r.server.Clients.Get(cl.ID)
	if known && !earlier.Closed() {
		r.taken.Add(1)
		if !r.takeovers.take(cl.ID) {
			r.abuse(&r.tooOften)
			r.log.Warn("two MQTT clients have the same id", "client", cl.ID)
			return false
		}
	}
	if !known && r.server.Clients.Len() >= maxSessions {
		r.abuse(&r.tooOften)
		return false
	}
	return true
}

// proved: by a certificate in the client's name, or by its credential.
func (r *rules) proved(cl *mochi.Client, v *visitor, pk packets.Packet) bool {
	if name := v.certified(); name != "" {
		return name == cl.ID
	}
	ctx, cancel := context.WithTimeout(r.ctx, intakeDeadline)
	defer cancel()
	return r.knows(ctx, cl.ID, string(pk.Connect.Username), string(pk.Connect.Password))
}

// OnSessionEstablish moves the packet ids of messages to a kiosk away from those
// of its own packets. mochi 2.7.9 holds both in one table: a subscription with
// the id of a message under way is refused, and a publication takes that message
// out of the session.
func (r *rules) OnSessionEstablish(cl *mochi.Client, _ packets.Packet) {
	if may, _ := r.rightsOf(cl.ID); may.Kind != KindKiosk {
		return
	}
	const half = 1 << 15
	for range half {
		if _, err := cl.NextPacketID(); err != nil {
			return
		}
	}
}

// OnACLCheck is asked for each subscription and each message, in both directions.
func (r *rules) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	may, _ := r.rightsOf(cl.ID)
	ok := len(topic) <= mqtt.MaxTopic
	if write {
		ok = ok && may.mayWrite(topic)
	} else {
		ok = ok && may.mayRead(topic)
		if !cl.Closed() && cl.State.Inflight.Len() >= maxInflight {
			// The broker would leave messages out without a word.
			r.OnPublishDropped(cl, packets.Packet{})
		}
	}
	if !ok {
		r.abuse(&r.refused)
	}
	return ok
}

// OnSubscribe bounds the subscriptions of a client.
func (r *rules) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if !cl.Net.Inline && cl.State.Subscriptions.Len()+len(pk.Filters) > maxFilters {
		r.abuse(&r.refused)
		cl.Stop(packets.ErrQuotaExceeded)
	}
	return pk
}

// OnPublish runs before the acknowledgement is written.
func (r *rules) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	// What a session holds is sent again in the order of Created, which mochi sets
	// to whole seconds.
	pk.Created = r.order.Add(1)
	if cl.Net.Inline {
		r.write(pk)
		return pk, nil
	}
	err := r.take(cl, mqtt.Message{Topic: pk.TopicName, Payload: bytes.Clone(pk.Payload), QoS: pk.FixedHeader.Qos, Client: cl.ID}, pk.FixedHeader.Retain)
	switch {
	case err == nil:
		return pk, nil
	case errors.Is(err, mqtt.ErrNotAccepted):
		return pk, packets.CodeSuccessIgnore // acknowledged, and that is all
	}
	// The client learns it by the lost connection, and sends again.
	cl.Stop(err)
	return pk, packets.ErrRejectPacket
}

// write notes who is to get what the gateway says. Each client gets it in the order in
// which it is said, so that the last is enough.
func (r *rules) write(pk packets.Packet) {
	for id := range r.server.Topics.Subscribers(pk.TopicName).Subscriptions {
		cl, ok := r.server.Clients.Get(id)
		if may, _ := r.rightsOf(id); !ok || !may.mayRead(pk.TopicName) {
			continue
		}
		r.writing.Lock()
		if r.unwritten[cl] = pk.Created; cl.Closed() {
			delete(r.unwritten, cl)
		}
		r.writing.Unlock()
	}
}

// OnPacketSent is told of each packet that was written to a client.
func (r *rules) OnPacketSent(cl *mochi.Client, pk packets.Packet, _ []byte) {
	r.writing.Lock()
	defer r.writing.Unlock()
	if n, ok := r.unwritten[cl]; ok && pk.FixedHeader.Type == packets.Publish && pk.Created == n {
		delete(r.unwritten, cl)
	}
}

// OnDisconnect forgets what was not written to a client.
func (r *rules) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	r.writing.Lock()
	defer r.writing.Unlock()
	delete(r.unwritten, cl)
}

// drain waits until everything that the gateway said is written, or writeDeadline.
func (r *rules) drain() {
	for range writeDeadline / writeLook {
		r.writing.Lock()
		left := len(r.unwritten)
		r.writing.Unlock()
		if left == 0 {
			return
		}
		time.Sleep(writeLook)
	}
}

// OnWill is what a client left to be said when it is lost. It is as any message
// of it, but for the connection that it came by.
func (r *rules) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	if now, ok := r.server.Clients.Get(cl.ID); ok && now != cl && !now.Closed() {
		return mochi.Will{}, nil // it is back already
	}
	if err := r.take(cl, mqtt.Message{Topic: will.TopicName, Payload: bytes.Clone(will.Payload), QoS: will.Qos, Client: cl.ID}, will.Retain); err != nil {
		return mochi.Will{}, nil
	}
	return will, nil
}

var errRefused = errors.New("message is against the broker's rules")

// take gives a message to who is to have it, and counts.
func (r *rules) take(cl *mochi.Client, m mqtt.Message, retain bool) error {
	may, listed := r.rightsOf(cl.ID)
	limit := maxDevice
	if may.Kind == KindKiosk {
		limit = maxPublished
	}
	if len(m.Payload) > limit || retain && !r.keep(may, listed, m) {
		r.abuse(&r.refused)
		return errRefused
	}
	take := r.intake
	if may.Kind == KindKiosk {
		take = func(context.Context, mqtt.Message) error { return nil } // for other kiosks
	}
	for _, h := range r.handlers {
		if mqtt.Covers(h.filter, m.Topic) {
			take = h.take
			break
		}
	}
	ctx, cancel := context.WithTimeout(r.ctx, intakeDeadline)
	defer cancel()
	switch err := take(ctx, m); {
	case err == nil:
		r.accepted.Add(1)
		return nil
	case errors.Is(err, mqtt.ErrNotAccepted):
		r.unread.Add(1) // coming again would not help
		return err
	default:
		r.failed.Add(1)
		r.log.Warn("MQTT message is not durable and was not acknowledged", "client", cl.ID, "error", err)
		return err
	}
}

// keep decides whether a message may be retained: a device's state, or what a kiosk
// says of its devices, within bounds per client and in all, so that one client's flood leaves room for the
// others.
func (r *rules) keep(may rights, listed bool, m mqtt.Message) bool {
	if !may.mayKeep(m.Topic) || len(m.Payload) > maxKept {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(m.Payload) == 0 {
		delete(r.kept, m.Topic)
		return true
	}
	if _, ok := r.kept[m.Topic]; ok {
		return true
	}
	own, strangers := 0, 0
	for _, id := range r.kept {
		if id == may.ID {
			own++
		}
		if _, listed := r.rightsOf(id); !listed {
			strangers++
		}
	}
	each := maxKeptEach
	switch {
	case len(may.Topics) > 0:
		each = maxKeptMany
	case may.Kind == KindKiosk:
		each = maxKeptKiosk
	}
	if own >= each || len(r.kept) >= maxRetained || !listed && strangers >= maxKeptMany {
		return false
	}
	r.kept[m.Topic] = may.ID
	return true
}

// OnClientExpired takes the subscriptions of a forgotten session away, which
// mochi 2.7.9 leaves.
func (r *rules) OnClientExpired(cl *mochi.Client) { r.server.UnsubscribeClient(cl) }

// OnPublishDropped ends the connection of who does not keep up: it learns that
// something is missing, and asks.
func (r *rules) OnPublishDropped(cl *mochi.Client, _ packets.Packet) {
	r.slow.Add(1)
	cl.Stop(packets.ErrQuotaExceeded)
}
