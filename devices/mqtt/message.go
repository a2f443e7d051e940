package mqtt

import (
	"context"
	"errors"
)

// Message is what a device or another kiosk said over MQTT.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	// Retained says that the broker had kept it: it may be from any time before.
	Retained bool
	// Client is the id of the connection that it came by, where the embedded
	// broker took it: proved where the client has a credential. Empty from an
	// external broker, which decides itself who may write where.
	Client string
}

// Way is a broker by which devices and the gateway reach each other.
type Way string

// The brokers: the gateway's own, and the clinic's.
const (
	Embedded Way = "embedded"
	External Way = "external"
)

// Way gives by which broker the message came.
func (m Message) Way() Way {
	if m.Client == "" {
		return External
	}
	return Embedded
}

// Intake takes a message and returns when it is durable. An error leaves it
// unacknowledged, so that it comes again; ErrNotAccepted acknowledges and counts
// it, because coming again would not help.
type Intake func(ctx context.Context, m Message) error

// ErrNotAccepted is what an intake returns for a message that will never be
// taken: malformed, or of a kind that the kiosk does not know.
var ErrNotAccepted = errors.New("message is not of a known form")

// ErrNotConnected: there is no broker to publish to now, and nothing was sent.
var ErrNotConnected = errors.New("no connection to the MQTT broker")
