package exchange

import (
	"context"
	"strings"
)

// Bus is the site's MQTT broker as the exchange needs it.
type Bus interface {
	// Publish returns when the broker has the message. It is not retained.
	Publish(ctx context.Context, topic string, payload []byte) error
	// Subscribe calls handle for every message below a filter, now and after each
	// reconnection. The payload is handle's.
	Subscribe(filter string, handle func(ctx context.Context, topic string, payload []byte) error)
	// Connected has f called after each connection, once what is subscribed is in
	// force. f does not block.
	Connected(f func())
}

const (
	// leafHave is where a kiosk says what it has. It is no channel's name: those
	// have a dot.
	leafHave = "have"

	// maxPayload bounds a message: 20 KiB of text, encrypted, in base64.
	maxPayload = 32 << 10
)

func prefix(site string) string { return "clinicgate/" + site + "/x/" }

// Filter is what a kiosk reads: everything that is exchanged.
func Filter(site string) string { return prefix(site) + "+/+" }

// topic is where a kiosk writes what belongs to a channel. The broker lets each
// kiosk write below its own id only.
func topic(site, kiosk, leaf string) string { return prefix(site) + kiosk + "/" + leaf }

// parseTopic gives who wrote and what the message belongs to.
func parseTopic(site, t string) (writer, leaf string, ok bool) {
	rest, ok := strings.CutPrefix(t, prefix(site))
	if !ok {
		return "", "", false
	}
	writer, leaf, ok = strings.Cut(rest, "/")
	return writer, leaf, ok && writer != "" && leaf != "" && !strings.Contains(leaf, "/")
}
