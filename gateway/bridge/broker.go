package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"clinicgate/devices/mqtt"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// Config is the broker's section of the composition.
type Config struct {
	Listen string // loopback address; empty: no listener there
	Site   string
	Kiosk  string

	// LAN is an address for the network; empty: no listener there. It needs
	// Certificate and Key, PEM files that are read again for each connection.
	LAN              string
	Certificate, Key string
	// ClientCA has the authorities of clients' certificates; empty: clients prove
	// who they are by a credential only.
	ClientCA string
	// Clients are those who may come over the network. On loopback their ids need
	// the same proof; other ids are taken there as what a device calls itself.
	Clients []Party
	// Credential gives the CredentialSum of a client, if it has one.
	Credential func(ctx context.Context, id string) (sum []byte, ok bool)
}

const (
	maxPacket     = 64 << 10 // of a kiosk; a device's payload is bounded below
	maxDevice     = 16 << 10 // bytes of a device's payload
	maxKept       = 4 << 10  // bytes of a retained payload
	maxRetained   = 1024     // messages that the broker keeps
	maxKeptEach   = 32       // of these, of one device
	maxKeptKiosk  = 128      // of these, of a kiosk, which has at most 64 devices
	maxKeptMany   = 512      // of these, of a client that speaks for many, and of all strangers
	maxSessions   = 1024     // clients that are known, connected or not
	maxFilters    = 16       // subscriptions of a client
	maxInflight   = 256      // messages to a client without its acknowledgement
	sessionExpiry = 3600     // seconds

	writeDeadline = 500 * time.Millisecond // at the end, for what is not written yet
	writeLook     = 5 * time.Millisecond
)

// Broker is the embedded MQTT broker. Make it with New; Run it once.
type Broker struct {
	cfg    Config
	intake mqtt.Intake
	log    *slog.Logger
	doors  *doors

	handlers []handler // not changed once Run runs
	started  []func()  // likewise

	connects  *pace // per client id
	takeovers *pace // per client id
	guesses   *pace // per address: logins that failed

	saying   sync.Mutex // held while one message is handed out: they keep their order
	mu       sync.Mutex
	loopback net.Listener      // guarded by mu
	lan      net.Listener      // guarded by mu
	server   *mochi.Server     // guarded by mu
	kept     map[string]string // guarded by mu: retained topic -> client
	serving  chan struct{}     // closed once server serves

	accepted, unread, refused, failed, logins, taken, tooOften, slow atomic.Int64
}

// BrokerStatus is a snapshot. Counts are since the start.
type BrokerStatus struct {
	Connected int64 // now
	Retained  int   // messages kept now

	Accepted  int64 // messages that are durable
	Unread    int64 // messages of no known form, or nobody's, which were acknowledged
	Refused   int64 // messages and subscriptions against the rules
	Failed    int64 // messages left unacknowledged because they could not be made durable
	Logins    int64 // connections that did not prove who they are
	Takeovers int64 // connections that ended an earlier one of the same id
	TooOften  int64 // connections refused because their id came too often
	TurnedOff int64 // connections refused because there were too many
	HalfOpen  int64 // connections that ended without saying who they are
	Slow      int64 // connections ended because the client did not keep up

	Abused time.Time // when somebody was last refused; zero: nobody was
}

// ErrNotLoopback says that the listener would be open to the network.
var ErrNotLoopback = errors.New("mqtt.listen is for loopback only; mqtt.lan_listen is for the network")

// New makes a broker; it starts nothing.
func New(cfg Config, intake mqtt.Intake, log *slog.Logger) (*Broker, error) {
	if cfg.Listen != "" {
		host, _, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("cannot read mqtt.listen: %w", err)
		}
		if addr, err := netip.ParseAddr(host); (err != nil || !addr.IsLoopback()) && host != "localhost" {
			return nil, ErrNotLoopback
		}
	}
	if cfg.LAN != "" && (cfg.Certificate == "" || cfg.Key == "") {
		return nil, errors.New("mqtt.lan_listen needs a certificate and its key")
	}
	return &Broker{cfg: cfg, intake: intake, log: log, doors: newDoors(), kept: map[string]string{}, serving: make(chan struct{}),
		connects: newPace(20, 5*time.Second), takeovers: newPace(5, 10*time.Second), guesses: newPace(10, 10*time.Second)}, nil
}

// Subscribe has handle called for each message of a client that filter covers,
// before it is acknowledged. It is called before Run. What this process itself
// publishes does not come back.
func (b *Broker) Subscribe(filter string, handle func(ctx context.Context, topic string, payload []byte) error) {
	if !mqtt.ValidFilter(filter) || len(b.handlers) == maxSubscriptions {
		panic(fmt.Sprintf("bridge: cannot subscribe to %q", filter))
	}
	b.handlers = append(b.handlers, handler{filter, func(ctx context.Context, m mqtt.Message) error { return handle(ctx, m.Topic, m.Payload) }})
}

// Connected has f called once the broker serves. It is called before Run.
func (b *Broker) Connected(f func()) { b.started = append(b.started, f) }

// Publish sends a message to who has subscribed, at QoS 1, not retained. It waits
// while ctx allows until the broker serves. nil says that it is on its way: a
// client that does not keep up is disconnected, so that it learns of a loss.
func (b *Broker) Publish(ctx context.Context, topic string, payload []byte) error {
	return b.publish(ctx, topic, payload, false)
}

// PublishRetained is Publish for a message that the broker keeps for who
// subscribes later. An empty payload takes it back.
func (b *Broker) PublishRetained(ctx context.Context, topic string, payload []byte) error {
	return b.publish(ctx, topic, payload, true)
}

// abuse counts something that a client may not do.
func (b *Broker) abuse(n *atomic.Int64) {
	n.Add(1)
	b.doors.mu.Lock()
	defer b.doors.mu.Unlock()
	b.doors.abused = time.Now()
}

func (b *Broker) publish(ctx context.Context, topic string, payload []byte, retain bool) error {
	select {
	case <-b.serving:
	case <-ctx.Done():
		return fmt.Errorf("cannot publish: %w: %w", mqtt.ErrNotConnected, ctx.Err())
	}
	b.mu.Lock()
	server := b.server
	b.mu.Unlock()
	b.saying.Lock()
	defer b.saying.Unlock()
	return server.Publish(topic, payload, retain, 1)
}

// Open binds the listeners, so that a used port is known before anything else
// starts.
func (b *Broker) Open() (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cfg.Listen != "" {
		if b.loopback, err = net.Listen("tcp", b.cfg.Listen); err != nil {
			return fmt.Errorf("cannot listen for MQTT: %w", err)
		}
	}
	if b.cfg.LAN == "" {
		return nil
	}
	if b.lan, err = net.Listen("tcp", b.cfg.LAN); err == nil {
		return nil
	}
	if b.loopback != nil {
		_ = b.loopback.Close()
	}
	return fmt.Errorf("cannot listen for MQTT on the network: %w", err)
}

// Addr gives the bound address on loopback, or "".
func (b *Broker) Addr() string { return b.bound(&b.loopback) }

// LANAddr gives the bound address on the network, or "".
func (b *Broker) LANAddr() string { return b.bound(&b.lan) }

func (b *Broker) bound(l *net.Listener) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *l == nil {
		return ""
	}
	return (*l).Addr().String()
}

// Status is a snapshot.
func (b *Broker) Status() BrokerStatus {
	s := BrokerStatus{Accepted: b.accepted.Load(), Unread: b.unread.Load(), Refused: b.refused.Load(), Failed: b.failed.Load(), Logins: b.logins.Load(),
		Takeovers: b.taken.Load(), TooOften: b.tooOften.Load(), Slow: b.slow.Load()}
	b.doors.mu.Lock()
	s.TurnedOff, s.HalfOpen, s.Abused = b.doors.refused, b.doors.timedOut, b.doors.abused
	s.Logins += b.doors.untrusted
	b.doors.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Retained = len(b.kept)
	if b.server != nil {
		s.Connected = atomic.LoadInt64(&b.server.Info.ClientsConnected)
	}
	return s
}

// Run serves until ctx ends; what was published until then is written first, unless a
// client does not take it. Open comes first.
func (b *Broker) Run(ctx context.Context) error {
	b.mu.Lock()
	loopback, lan := b.loopback, b.lan
	b.mu.Unlock()
	if loopback == nil && lan == nil {
		<-ctx.Done()
		return nil
	}
	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumClients = maxClients
	caps.MaximumPacketSize = maxPacket
	caps.MaximumClientWritesPending = maxInflight
	caps.MaximumSessionExpiryInterval = sessionExpiry
	caps.MaximumInflight = maxInflight
	caps.MaximumMessageExpiryInterval = 0 // sessions expire, and their messages with them
	caps.ReceiveMaximum = 16
	caps.TopicAliasMaximum = 0
	caps.SharedSubAvailable = 0
	server := mochi.New(&mochi.Options{Capabilities: caps, InlineClient: true, Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: 600})
	// Who speaks while the last is written is not cut off before it.
	taking, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	rules := &rules{Broker: b, ctx: taking, server: server, unwritten: map[*mochi.Client]int64{}}
	if err := server.AddHook(rules, nil); err != nil {
		return fmt.Errorf("cannot set broker rules: %w", err)
	}
	if loopback != nil {
		if err := server.AddListener(listeners.NewNet("loopback", &gate{Listener: loopback, doors: b.doors})); err != nil {
			return fmt.Errorf("cannot serve MQTT: %w", err)
		}
	}
	if lan != nil {
		settings, err := b.tlsConfig()
		if err != nil {
			return err
		}
		if err := server.AddListener(listeners.NewNet("lan", &gate{Listener: lan, tls: settings, doors: b.doors})); err != nil {
			return fmt.Errorf("cannot serve MQTT: %w", err)
		}
	}
	if err := server.Serve(); err != nil {
		return fmt.Errorf("cannot serve MQTT: %w", err)
	}
	b.mu.Lock()
	b.server = server
	b.mu.Unlock()
	close(b.serving)
	for _, f := range b.started {
		f()
	}
	<-ctx.Done()
	rules.drain()
	end()
	b.doors.close()
	return server.Close()
}

func (b *Broker) tlsConfig() (*tls.Config, error) {
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(b.cfg.Certificate, b.cfg.Key)
		return &pair, err
	}
	first, err := load()
	if err != nil {
		return nil, fmt.Errorf("cannot use mqtt.lan_certificate: %w", err)
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if now, err := load(); err == nil {
			return now, nil
		}
		return first, nil // in the middle of a renewal
	}}
	if b.cfg.ClientCA != "" {
		text, err := os.ReadFile(b.cfg.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("cannot use mqtt.lan_client_ca: %w", err)
		}
		settings.ClientCAs = x509.NewCertPool()
		if !settings.ClientCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("cannot use mqtt.lan_client_ca: it holds no certificate")
		}
		settings.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return settings, nil
}
