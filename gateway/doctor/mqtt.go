package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Broker is the way to the external MQTT broker.
type Broker struct {
	Configured bool
	Connected  bool
	Since      time.Time // of that
	Reason     string    // why not, or what it does not serve
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
		case b.Connected && b.Reason != "":
			return Result{Warn, "connected to the external MQTT broker, but " + b.Reason, b.Hint}
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

// Listener is the embedded MQTT broker. Counts are since the start.
type Listener struct {
	On        bool
	Connected int64 // clients now
	Durable   int64 // messages

	Logins    int64     // connections that did not prove who they are
	Forbidden int64     // messages, wills and subscriptions against the rules
	TooMany   int64     // connections refused because there were too many, or they came too often
	HalfOpen  int64     // connections that never said who they are
	Last      time.Time // when the last of these was
}

// abuseRemembered is how long doctor tells of a client that was refused.
const abuseRemembered = time.Hour

// MQTTClients looks whether somebody tries at the embedded broker what they may not do.
func MQTTClients(status func() Listener) Check {
	return Check{ID: "mqtt-clients", Run: func(context.Context) Result {
		l := status()
		if !l.On {
			return Result{State: Skipped, Detail: "the embedded MQTT broker is off"}
		}
		if l.Last.IsZero() || time.Since(l.Last) >= abuseRemembered {
			return Result{State: OK, Detail: fmt.Sprintf("%d MQTT clients; %d messages were made durable since the start", l.Connected, l.Durable)}
		}
		var what []string
		for _, w := range []struct {
			n    int64
			what string
		}{{l.Logins, "without proof of who they are"}, {l.Forbidden, "on topics or in forms that are not theirs"}, {l.TooMany, "too many or too often"}, {l.HalfOpen, "that never said who they are"}} {
			if w.n > 0 {
				what = append(what, fmt.Sprintf("%d %s", w.n, w.what))
			}
		}
		return Result{Warn, "MQTT clients were refused since the start, the last within the hour: " + strings.Join(what, ", "),
			"the service's log names the addresses of those without proof: is it a device with an old credential, or a machine that does not belong there?"}
	}}
}
