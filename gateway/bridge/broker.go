package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Message is what a device said.
type Message struct {
	Topic   Topic
	Payload []byte
	QoS     byte
}

// Intake takes a device's message and returns when it is durable. An error
// leaves the message unacknowledged.
type Intake func(ctx context.Context, m Message) error

// Config is the broker's section of the composition.
type Config struct {
	Listen string // loopback address; empty: no broker
	Site   string
	Kiosk  string
}

const (
	maxClients     = 512
	maxPacket      = 16 << 10
	maxRetained    = 1024
	intakeDeadline = 10 * time.Second
)

// Broker is the embedded MQTT broker. Make it with New; Run it once.
type Broker struct {
	cfg    Config
	intake Intake
	log    *slog.Logger

	mu       sync.Mutex
	listener net.Listener // guarded by mu
	server   *mqtt.Server // guarded by mu

	accepted, refused, failed atomic.Int64
}

// ErrNotLoopback says that the listener would be open to the network.
var ErrNotLoopback = errors.New("the embedded broker listens on loopback only")

// New makes a broker; it starts nothing.
func New(cfg Config, intake Intake, log *slog.Logger) (*Broker, error) {
	if cfg.Listen != "" {
		host, _, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("cannot read mqtt.listen: %w", err)
		}
		if addr, err := netip.ParseAddr(host); (err != nil || !addr.IsLoopback()) && host != "localhost" {
			return nil, ErrNotLoopback
		}
	}
	return &Broker{cfg: cfg, intake: intake, log: log}, nil
}

// Open binds the listener, so that a used port is known before anything else
// starts.
func (b *Broker) Open() error {
	if b.cfg.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", b.cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen for MQTT: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listener = l
	return nil
}

// Addr gives the bound address, or "".
func (b *Broker) Addr() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener == nil {
		return ""
	}
	return b.listener.Addr().String()
}

// Counts tells how many device messages were accepted, refused by the rules,
// and left unacknowledged because they could not be made durable.
func (b *Broker) Counts() (accepted, refused, failed int64) {
	return b.accepted.Load(), b.refused.Load(), b.failed.Load()
}

// Run serves until ctx ends. Open comes first.
func (b *Broker) Run(ctx context.Context) error {
	if b.cfg.Listen == "" {
		<-ctx.Done()
		return nil
	}
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumClients = maxClients
	caps.MaximumPacketSize = maxPacket
	caps.MaximumClientWritesPending = 256
	caps.MaximumSessionExpiryInterval = 3600
	caps.MaximumInflight = 64
	caps.ReceiveMaximum = 16
	caps.TopicAliasMaximum = 16
	server := mqtt.New(&mqtt.Options{Capabilities: caps, InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(&rules{broker: b, ctx: ctx}, nil); err != nil {
		return fmt.Errorf("cannot set broker rules: %w", err)
	}
	b.mu.Lock()
	listener := b.listener
	b.server = server
	b.mu.Unlock()
	if err := server.AddListener(listeners.NewNet("devices", listener)); err != nil {
		return fmt.Errorf("cannot serve MQTT: %w", err)
	}
	if err := server.Serve(); err != nil {
		return fmt.Errorf("cannot serve MQTT: %w", err)
	}
	<-ctx.Done()
	return server.Close()
}

// Publish sends to devices. Before Run it does nothing.
func (b *Broker) Publish(t Topic, payload []byte, retain bool) error {
	b.mu.Lock()
	server := b.server
	b.mu.Unlock()
	if server == nil {
		return nil
	}
	return server.Publish(t.String(), payload, retain, 1)
}

// rules decides what a device may do, and holds acknowledgements back until the
// intake is done.
type rules struct {
	mqtt.HookBase
	broker *Broker
	ctx    context.Context
}

func (*rules) ID() string { return "clinic-rules" }

func (*rules) Provides(hook byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish}, hook) >= 0
}

// OnConnectAuthenticate takes clients whose id can be a device's: on loopback
// the id is the device's name, not a proof.
func (r *rules) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	return isLevel(cl.ID)
}

// OnACLCheck lets a device write below its own id and read what is meant for
// it, nothing else: no wildcards above it.
func (r *rules) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	t, err := ParseTopic(topic)
	ok := err == nil && t.Device == cl.ID && t.Site == r.broker.cfg.Site && t.Kiosk == r.broker.cfg.Kiosk && (t.Leaf == LeafCommand) != write
	if !ok {
		r.broker.refused.Add(1)
	}
	return ok
}

// OnPublish runs before the acknowledgement is written.
func (r *rules) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	t, err := ParseTopic(pk.TopicName)
	if err != nil {
		return pk, packets.ErrRejectPacket
	}
	if pk.FixedHeader.Retain && (t.Leaf != LeafState || r.broker.retained() >= maxRetained) {
		r.broker.refused.Add(1)
		return pk, packets.ErrRejectPacket
	}
	ctx, cancel := context.WithTimeout(r.ctx, intakeDeadline)
	defer cancel()
	if err := r.broker.intake(ctx, Message{Topic: t, Payload: bytes.Clone(pk.Payload), QoS: pk.FixedHeader.Qos}); err != nil {
		if errors.Is(err, ErrNotAccepted) {
			// Sending it again would not help: acknowledge, count, go on.
			r.broker.refused.Add(1)
			return pk, packets.CodeSuccessIgnore
		}
		r.broker.failed.Add(1)
		r.broker.log.Warn("device message is not durable and was not acknowledged", "device", t.Device, "error", err)
		// The device learns it by the lost connection, and sends again.
		cl.Stop(err)
		return pk, packets.ErrRejectPacket
	}
	r.broker.accepted.Add(1)
	return pk, nil
}

// ErrNotAccepted is what an intake returns for a message that will never be
// taken: malformed, or of a kind that the kiosk does not know.
var ErrNotAccepted = errors.New("device message is not of a known form")

func (b *Broker) retained() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return atomic.LoadInt64(&b.server.Info.Retained)
}
