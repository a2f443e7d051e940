package bridge

import (
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"clinicgate/devices/mqtt"
)

// ClientState is where a Client stands.
type ClientState string

// The states of a Client.
const (
	ClientStopped    ClientState = "stopped"
	ClientConnecting ClientState = "connecting"
	ClientConnected  ClientState = "connected"
	// ClientContended: connections come to be and are ended soon, several in a
	// row. Most likely another client has the same id.
	ClientContended ClientState = "contended"
)

// ClientStatus is a snapshot of a Client. Counts are since the start.
type ClientStatus struct {
	State  ClientState
	Since  time.Time // of the state
	Reason string    // why there is no connection, or what the broker refused
	Hint   string

	Connections  int64
	Losses       int64
	Published    int64 // acknowledged by the broker
	Acknowledged int64 // messages acknowledged after their handler was done
	NotAccepted  int64 // of these: of no known form
	Failed       int64 // left to the broker because their handler could not take them
	Duplicates   int64 // came again although handled
	Overrun      int64 // connections ended because more came than is held
	Refused      int64 // subscriptions that the broker refused
}

// ClientFault says for a person why there is no connection.
type ClientFault struct {
	Reason, Hint string
	Err          error
}

func (f *ClientFault) Error() string {
	if f.Err == nil {
		return f.Reason
	}
	return f.Reason + ": " + f.Err.Error()
}

func (f *ClientFault) Unwrap() error { return f.Err }

// Status is a snapshot; it never waits for the network.
func (c *Client) Status() ClientStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

func (c *Client) count(f func(*ClientStatus)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.status)
}

// become records the state and logs each change of it, once.
func (c *Client) become(state ClientState, err error) {
	reason, hint := "", ""
	if err != nil {
		reason = err.Error()
		if f, ok := errors.AsType[*ClientFault](err); ok {
			reason, hint = f.Reason, f.Hint
		}
	}
	c.mu.Lock()
	was := c.status
	if was.State != state {
		c.status.State, c.status.Since = state, time.Now()
	}
	c.status.Reason, c.status.Hint = reason, hint
	c.mu.Unlock()
	switch {
	case was.State == state && was.Reason == reason:
	case state == ClientConnected:
		c.log.Info("connected to the MQTT broker", "broker", c.cfg.Broker)
		if reason != "" {
			c.log.Warn("the MQTT broker does not serve everything", "reason", reason, "hint", hint)
		}
	case reason != "":
		c.log.Warn("no connection to the MQTT broker", "state", string(state), "reason", reason, "hint", hint)
	}
}

// recent remembers messages that were handled and whose acknowledgement may not
// have reached the broker. A broker sends such a message again with its packet
// id and the DUP flag (MQTT 3.1.1, 4.4).
type recent struct {
	list []delivered
	next int
}

type delivered struct {
	packet uint16
	sum    [sha256.Size]byte
}

const maxRecent = 512

func deliveredAs(packet uint16, m mqtt.Message) delivered {
	h := sha256.New()
	h.Write([]byte(m.Topic))
	h.Write([]byte{0})
	h.Write(m.Payload)
	d := delivered{packet: packet}
	h.Sum(d.sum[:0])
	return d
}

func (r *recent) add(d delivered) {
	if len(r.list) < maxRecent {
		r.list = append(r.list, d)
		return
	}
	r.list[r.next] = d
	r.next = (r.next + 1) % maxRecent
}

func (r *recent) has(d delivered) bool { return slices.Contains(r.list, d) }
