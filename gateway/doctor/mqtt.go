package doctor

import (
	"context"
	"time"
)

// Broker is the way to the external MQTT broker.
type Broker struct {
	Configured bool
	Connected  bool
	Since      time.Time // of that
	Reason     string    // why not
	Hint       string
}

// brokerGrace is how long a broker may be away without a word: it restarts.
const brokerGrace = time.Minute

// MQTTBroker looks whether the external broker takes and gives messages.
func MQTTBroker(status func() Broker) Check {
	return Check{ID: "mqtt-broker", Run: func(context.Context) Result {
		switch b := status(); {
		case !b.Configured:
			return Result{State: Skipped, Detail: "no external MQTT broker is configured"}
		case b.Connected:
			return Result{State: OK, Detail: "connected to the external MQTT broker"}
		case time.Since(b.Since) < brokerGrace:
			return Result{State: OK, Detail: "connecting to the external MQTT broker"}
		default:
			hint := b.Hint
			if hint == "" {
				hint = "look at the broker's log"
			}
			return Result{Warn, "the external MQTT broker does not serve: " + b.Reason, hint}
		}
	}}
}
