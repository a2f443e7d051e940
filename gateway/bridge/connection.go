package bridge

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	paho "github.com/eclipse/paho.mqtt.golang"

	"clinicgate/devices/mqtt"
)

const (
	maxUnacknowledged = 256 // messages taken from the broker and not yet acknowledged
	lanes             = 16  // messages of different topics that are handled at once
)

var (
	errEndedByBroker = errors.New("the broker ended the connection")
	errOverrun       = errors.New("the broker sent more than is held at once")
)

// connection is one connection of a Client. What arrives stands in line: a lane
// per topic handles it, one after the other, and the line is acknowledged in the
// order of arrival (MQTT 3.1.1, 4.6), each message after it was handled.
//
// If the process stops before a message is handled, or between that and its
// acknowledgement, the broker sends it again to the next connection.
type connection struct {
	client *Client
	ctx    context.Context
	end    context.CancelCauseFunc
	paho   paho.Client
	line   chan *delivery
	head   *delivery // of the line; owned by acknowledge, then by close
	lanes  [lanes]chan *delivery
	seed   maphash.Seed
	work   sync.WaitGroup

	refused error // what the broker does not let us read; set by open
}

// delivery is a message that stands in line.
type delivery struct {
	paho.Message
	done chan error // of one
}

func newConnection(ctx context.Context, c *Client) *connection {
	n := &connection{client: c, line: make(chan *delivery, maxUnacknowledged), seed: maphash.MakeSeed()}
	n.ctx, n.end = context.WithCancelCause(ctx)
	// Handlers outlive the connection, not the client: what was begun is finished
	// rather than left in doubt.
	for i := range n.lanes {
		n.lanes[i] = make(chan *delivery, maxUnacknowledged+1)
		n.work.Go(func() { n.runLane(ctx, n.lanes[i]) })
	}
	n.work.Go(n.acknowledge)
	return n
}

// open dials, says who we are, and subscribes.
func (n *connection) open() error {
	c := n.client
	o := paho.NewClientOptions().AddBroker(c.cfg.Broker).SetClientID(c.cfg.ID).SetProtocolVersion(4).
		SetCleanSession(c.cfg.Clean).SetAutoReconnect(false).SetConnectRetry(false).SetAutoAckDisabled(true).SetOrderMatters(true).
		SetConnectTimeout(connectDeadline).SetWriteTimeout(connectDeadline).SetKeepAlive(clientKeepAlive).SetPingTimeout(clientKeepAlive / 2).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { n.receive(m) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { n.end(lost(err)) }).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return c.dial(n.ctx) })
	if c.cfg.Credentials != nil {
		o.SetCredentialsProvider(c.cfg.Credentials)
	}
	n.paho = paho.NewClient(o)
	ctx, cancel := context.WithTimeout(n.ctx, connectDeadline)
	defer cancel()
	if err := finished(ctx, n.paho.Connect()); err != nil {
		return connectFault(err)
	}
	if len(c.handlers) == 0 {
		return nil
	}
	filters := map[string]byte{}
	for _, h := range c.handlers {
		filters[h.filter] = 1
	}
	token := n.paho.SubscribeMultiple(filters, nil)
	if err := finished(ctx, token); err != nil {
		return &ClientFault{Reason: "the broker does not take subscriptions", Hint: "look at the broker's log", Err: err}
	}
	var refused []string
	for filter, code := range token.(*paho.SubscribeToken).Result() {
		if code > 2 {
			refused = append(refused, filter)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	// The others are served: a table for devices that are not here must not keep the
	// kiosks of a site apart.
	slices.Sort(refused)
	c.count(func(s *ClientStatus) { s.Refused += int64(len(refused)) })
	n.refused = &ClientFault{Reason: "the broker does not let this kiosk read " + strings.Join(refused, ", "), Hint: "give the kiosk's user the right to read it, in the broker's access list"}
	if len(refused) == len(filters) {
		return n.refused
	}
	return nil
}

// close ends the connection and waits for what it had begun.
func (n *connection) close() {
	n.end(context.Canceled)
	n.work.Wait()
	if n.paho != nil {
		n.settle()
		n.paho.Disconnect(100)
	}
}

// publish waits for the broker's acknowledgement. mqtt.ErrNotConnected says that
// nothing was sent; of what was, a connection that ends leaves it open.
func (n *connection) publish(ctx context.Context, topic string, payload []byte, retain bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.ctx, cancel)()
	switch err := finished(ctx, n.paho.Publish(topic, 1, retain, payload)); {
	case errors.Is(err, paho.ErrNotConnected):
		return fmt.Errorf("cannot publish: %w", mqtt.ErrNotConnected)
	case err != nil && n.ctx.Err() != nil:
		return fmt.Errorf("cannot publish: %w", context.Cause(n.ctx))
	case err != nil:
		return fmt.Errorf("cannot publish: %w", err)
	}
	return nil
}

// receive puts a message in line. It is called by paho's reader and must not
// wait: while it waits, no acknowledgement of ours would be seen.
func (n *connection) receive(m paho.Message) {
	if n.ctx.Err() != nil {
		return
	}
	d := &delivery{Message: m, done: make(chan error, 1)}
	select {
	case n.line <- d:
		n.lanes[maphash.String(n.seed, m.Topic())%lanes] <- d // has room for a full line
	default:
		n.client.count(func(s *ClientStatus) { s.Overrun++ })
		n.end(&ClientFault{Reason: errOverrun.Error(), Hint: "set the broker's limit of messages in flight to at most 256", Err: errOverrun})
	}
}

// runLane handles messages one after the other until one fails or the connection
// ends.
func (n *connection) runLane(ctx context.Context, lane chan *delivery) {
	for {
		var d *delivery
		select {
		case d = <-lane:
		case <-n.ctx.Done():
			return
		}
		if n.ctx.Err() != nil {
			return
		}
		err := n.handle(ctx, d)
		if err != nil {
			n.client.count(func(s *ClientStatus) { s.Failed++ })
			n.end(&ClientFault{Reason: "a message could not be made durable", Hint: "`clinicgate status` says what is wrong with the store", Err: err})
		}
		d.done <- err
	}
}

// handle gives nil for what needs no second delivery.
func (n *connection) handle(ctx context.Context, d *delivery) error {
	c := n.client
	m := mqtt.Message{Topic: d.Topic(), Payload: d.Payload(), QoS: d.Qos(), Retained: d.Retained()}
	key := deliveredAs(d.MessageID(), m)
	if d.Duplicate() {
		c.mu.Lock()
		again := c.handled.has(key)
		if again {
			c.status.Duplicates++
		}
		c.mu.Unlock()
		if again {
			return nil
		}
	}
	err := c.handle(ctx, m)
	if errors.Is(err, mqtt.ErrNotAccepted) {
		c.count(func(s *ClientStatus) { s.NotAccepted++ })
		err = nil
	}
	if err == nil && m.QoS > 0 {
		c.mu.Lock()
		c.handled.add(key)
		c.mu.Unlock()
	}
	return err
}

// acknowledge goes down the line until the connection ends. What it was waiting
// for then is kept for settle.
func (n *connection) acknowledge() {
	for {
		select {
		case n.head = <-n.line:
		case <-n.ctx.Done():
			return
		}
		select {
		case err := <-n.head.done:
			if err != nil {
				return
			}
			n.ack()
		case <-n.ctx.Done():
			return
		}
	}
}

// settle acknowledges what was handled while the connection was ended from here,
// so that it does not come again. All work is over.
func (n *connection) settle() {
	for {
		if n.head == nil {
			select {
			case n.head = <-n.line:
			default:
				return
			}
		}
		select {
		case err := <-n.head.done:
			if err != nil {
				return
			}
			n.ack()
		default:
			return // and nothing after it: acknowledgements keep the order
		}
	}
}

func (n *connection) ack() {
	n.head.Ack()
	n.head = nil
	n.client.count(func(s *ClientStatus) { s.Acknowledged++ })
}

// finished waits for a token.
func finished(ctx context.Context, t paho.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func lost(err error) error {
	if err == nil {
		return errEndedByBroker
	}
	if errors.Is(err, errPacketTooLarge) {
		return &ClientFault{Reason: errPacketTooLarge.Error(), Hint: "find who publishes such messages on the topics that this kiosk reads", Err: err}
	}
	return fmt.Errorf("%w: %w", errEndedByBroker, err)
}
