package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"clinicgate/devices/mqtt"
)

// ClientConfig says which broker, and who we are there.
type ClientConfig struct {
	// Broker is tls://host:port or, on this machine only, tcp://host:port.
	Broker string
	// ID is the client id. The broker keeps a session by it, so it is the same
	// after a restart, and nobody else's.
	ID string
	// Clean asks for no session: for who only looks.
	Clean bool
	// CAFile has the authorities to believe; empty: the system's.
	CAFile string
	// CertificateFile and KeyFile prove who we are; both or none. They are read
	// at each connection, so that a renewed certificate needs no restart.
	CertificateFile, KeyFile string
	// Credentials gives user and password at each connection; may be nil.
	Credentials func() (user, password string)
}

// The times of a Client.
const (
	clientRetryMin   = 500 * time.Millisecond
	clientRetryMax   = 30 * time.Second
	contendedPause   = time.Minute      // between connections that somebody else ends
	clientSteady     = 30 * time.Second // a connection that held
	shortTolerated   = 3                // connections in a row that did not
	connectDeadline  = 15 * time.Second
	clientKeepAlive  = 20 * time.Second
	intakeDeadline   = 10 * time.Second
	maxPublishing    = 32       // messages that wait for their acknowledgement
	maxPublished     = 40 << 10 // bytes of a payload
	maxClientPacket  = 64 << 10 // bytes of a packet that the broker may send
	maxSubscriptions = 32
)

// Client is a connection to an external broker that is made again whenever it is
// lost. Make it with NewClient, subscribe, then Run it once. All methods may be
// called from several goroutines.
type Client struct {
	cfg  ClientConfig
	addr string // host:port
	host string
	tls  bool
	log  *slog.Logger

	handlers  []handler // not changed once Run runs
	connected []func()  // likewise
	slots     chan struct{}

	mu      sync.Mutex
	status  ClientStatus  // guarded by mu
	current *connection   // guarded by mu; nil while there is none
	up      chan struct{} // guarded by mu; closed while current is set
	handled recent        // guarded by mu
}

// NewClient makes a client; it opens nothing.
func NewClient(cfg ClientConfig, log *slog.Logger) (*Client, error) {
	host, addr, secure, err := mqtt.ParseBroker(cfg.Broker)
	if err != nil {
		return nil, err
	}
	if !mqtt.ValidLevel(cfg.ID) {
		return nil, errors.New("MQTT client id is not 1 to 40 of A-Z a-z 0-9 _ -")
	}
	if (cfg.CertificateFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("a client certificate and its key belong together")
	}
	return &Client{cfg: cfg, addr: addr, host: host, tls: secure, log: log, up: make(chan struct{}),
		slots: make(chan struct{}, maxPublishing), status: ClientStatus{State: ClientStopped, Since: time.Now()}}, nil
}

// Subscribe has handle called for each message that filter covers, at QoS 1. It
// is called before Run and holds over all connections. A message goes to the
// first filter that covers it; messages of a topic come one after the other, in
// the broker's order. nil acknowledges; an error leaves the message to the broker
// and ends the connection, so that it and all after it come again.
func (c *Client) Subscribe(filter string, handle func(ctx context.Context, topic string, payload []byte) error) {
	c.Listen(filter, func(ctx context.Context, m mqtt.Message) error { return handle(ctx, m.Topic, m.Payload) })
}

// handler is an intake of the topics that a filter covers.
type handler struct {
	filter string
	take   mqtt.Intake
}

// Listen is Subscribe for who needs the whole message. A filter that cannot be
// subscribed to is a programming error and panics.
func (c *Client) Listen(filter string, take mqtt.Intake) {
	if !mqtt.ValidFilter(filter) || len(c.handlers) == maxSubscriptions {
		panic(fmt.Sprintf("bridge: cannot subscribe to %q", filter))
	}
	c.handlers = append(c.handlers, handler{filter, take})
}

// Connected has f called after each connection, once the broker has taken all
// subscriptions. It is called before Run; f must return soon and not wait for
// messages.
func (c *Client) Connected(f func()) { c.connected = append(c.connected, f) }

// Publish sends a message at QoS 1, not retained, and returns nil only when the
// broker has acknowledged it. It waits for a connection while ctx allows. After
// an error the broker may have the message all the same, but for
// mqtt.ErrNotConnected.
func (c *Client) Publish(ctx context.Context, topic string, payload []byte) error {
	return c.publish(ctx, topic, payload, false)
}

// PublishRetained is Publish for a message that the broker keeps for who
// subscribes later. An empty payload takes it back.
func (c *Client) PublishRetained(ctx context.Context, topic string, payload []byte) error {
	return c.publish(ctx, topic, payload, true)
}

func (c *Client) publish(ctx context.Context, topic string, payload []byte, retain bool) error {
	if len(payload) > maxPublished || len(topic) > mqtt.MaxTopic {
		return fmt.Errorf("cannot publish: message of %d bytes is too large", len(payload))
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fmt.Errorf("cannot publish: %w", ctx.Err())
	}
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
		return fmt.Errorf("cannot publish: %w: %w", mqtt.ErrNotConnected, ctx.Err())
	}
	c.mu.Lock()
	now := c.current
	c.mu.Unlock()
	if now == nil {
		return mqtt.ErrNotConnected
	}
	if err := now.publish(ctx, topic, payload, retain); err != nil {
		return err
	}
	c.count(func(s *ClientStatus) { s.Published++ })
	return nil
}

// Run keeps a connection until ctx ends; then it returns nil.
func (c *Client) Run(ctx context.Context) error {
	defer c.become(ClientStopped, nil)
	c.become(ClientConnecting, nil)
	short, pause := 0, clientRetryMin
	for ctx.Err() == nil {
		held, err := c.connection(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var limit = clientRetryMax
		switch {
		case held >= clientSteady:
			short, pause = 0, clientRetryMin
		case held > 0 && errors.Is(err, errEndedByBroker):
			short++
		}
		state := ClientConnecting
		if short >= shortTolerated {
			// A broker that speaks MQTT 3.1.1 gives no reason when somebody else
			// takes the session; that it ends each connection soon is the sign.
			state, limit = ClientContended, contendedPause
			err = &ClientFault{Reason: "the broker ends each connection soon after it began",
				Hint: "look for another client with the id " + c.cfg.ID + ": each kiosk needs its own (mqtt.broker_client_id); then look at the broker's log", Err: err}
		}
		c.become(state, err)
		wait(ctx, pause*3/4+rand.N(pause/4))
		pause = min(2*pause, limit)
	}
	return nil
}

// connection is one connection from dialling to its end; held is 0 when it did
// not come to be.
func (c *Client) connection(ctx context.Context) (held time.Duration, err error) {
	now := newConnection(ctx, c)
	defer now.close()
	if err := now.open(); err != nil {
		return 0, err
	}
	began := time.Now()
	c.mu.Lock()
	c.current = now
	close(c.up)
	c.status.Connections++
	c.mu.Unlock()
	c.become(ClientConnected, now.refused)
	for _, f := range c.connected {
		f()
	}
	<-now.ctx.Done()
	c.mu.Lock()
	c.current, c.up = nil, make(chan struct{})
	if ctx.Err() == nil {
		c.status.Losses++
	}
	c.mu.Unlock()
	return time.Since(began), context.Cause(now.ctx)
}

// handle finds who takes a message.
func (c *Client) handle(ctx context.Context, m mqtt.Message) error {
	for _, h := range c.handlers {
		if mqtt.Covers(h.filter, m.Topic) {
			ctx, cancel := context.WithTimeout(ctx, intakeDeadline)
			defer cancel()
			return h.take(ctx, m)
		}
	}
	return mqtt.ErrNotAccepted // a subscription of an earlier life of this session
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
