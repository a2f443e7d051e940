package bridge

import (
	"strings"

	"clinicgate/devices/mqtt"
)

// Kind is what a client of the embedded broker is.
type Kind string

// The kinds of clients that have a credential.
const (
	KindDevice Kind = "device"
	KindKiosk  Kind = "kiosk"
)

// Party is a client that proves who it is.
type Party struct {
	ID   string // client id and user name; the common name of its certificate
	Kind Kind
	// Class restricts a device to its topics of one class; empty: any.
	Class string
	// Topics are filters that a device may read and write besides its own: a
	// program such as Zigbee2MQTT speaks for many devices.
	Topics []string
}

// rights are the topics of one connected client.
type rights struct {
	Party
	site, kiosk string
}

// mayWrite: a device below its own id, but not its commands; a kiosk below its
// own id in the exchange, its own devices' commands, and how they are: it sends these
// to every broker that it is at. The topic is concrete.
func (r rights) mayWrite(topic string) bool {
	t, err := mqtt.ParseTopic(topic)
	if r.Kind == KindKiosk {
		rest, ok := strings.CutPrefix(topic, "clinicgate/"+r.site+"/x/"+r.ID+"/")
		return ok && rest != "" || r.isHealth(topic) || err == nil && t.Site == r.site && t.Kiosk == r.ID && t.Leaf == mqtt.LeafCommand
	}
	return err == nil && r.owns(t) && t.Leaf != mqtt.LeafCommand || r.granted(topic)
}

// mayRead: a device its commands, a kiosk the exchange, its own devices and how
// devices are. It is
// asked for the filter of a subscription, and again for each message.
func (r rights) mayRead(filter string) bool {
	if r.Kind == KindKiosk {
		return strings.HasPrefix(filter, "clinicgate/"+r.site+"/x/") || mqtt.Covers(HealthFilter(r.site), filter) || mqtt.Covers("clinic/"+r.site+"/"+r.ID+"/#", filter)
	}
	t, err := mqtt.ParseTopic(filter)
	return err == nil && r.owns(t) && t.Leaf == mqtt.LeafCommand || r.granted(filter)
}

// mayKeep: a device its state, a kiosk what is no exchange. The client may write there.
func (r rights) mayKeep(topic string) bool {
	t, err := mqtt.ParseTopic(topic)
	if r.Kind == KindKiosk {
		return err == nil || r.isHealth(topic)
	}
	return err != nil || t.Leaf == mqtt.LeafState
}

// isHealth reports whether a topic is how a device of this kiosk is.
func (r rights) isHealth(topic string) bool {
	device, ok := strings.CutPrefix(topic, HealthTopic(r.site, r.ID, ""))
	return ok && mqtt.ValidLevel(device)
}

func (r rights) owns(t mqtt.Topic) bool {
	return t.Device == r.ID && t.Site == r.site && t.Kiosk == r.kiosk && (r.Class == "" || r.Class == t.Class)
}

func (r rights) granted(filter string) bool {
	for _, g := range r.Topics {
		if mqtt.Covers(g, filter) {
			return true
		}
	}
	return false
}

// HealthTopic is where the kiosk keeps how one of its devices is, for who looks
// after a site's devices.
func HealthTopic(site, kiosk, device string) string {
	return "clinicgate/" + site + "/health/" + kiosk + "/" + device
}

// HealthFilter is all HealthTopics of a site.
func HealthFilter(site string) string { return "clinicgate/" + site + "/health/#" }
