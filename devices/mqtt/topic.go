package mqtt

import (
	"fmt"
	"strings"
)

// Topic is a place in the gateway's own scheme:
// clinic/{site}/{kiosk}/{class}/{device}/{leaf}.
type Topic struct {
	Site, Kiosk, Class, Device string
	Leaf                       Leaf
}

// Leaf says what is published at a topic.
type Leaf string

// The leaves of a device.
const (
	LeafState   Leaf = "state"   // retained by the device: how it is
	LeafEvent   Leaf = "event"   // what happened
	LeafCommand Leaf = "command" // from the gateway
	LeafAck     Leaf = "ack"     // the device did a command
)

func (t Topic) String() string {
	return strings.Join([]string{"clinic", t.Site, t.Kiosk, t.Class, t.Device, string(t.Leaf)}, "/")
}

const maxLevel = 40

// ParseTopic reads a topic of the scheme. Levels are 1 to 40 of A-Z a-z 0-9 _ -.
func ParseTopic(s string) (Topic, error) {
	levels := strings.Split(s, "/")
	if len(levels) != 6 || levels[0] != "clinic" {
		return Topic{}, fmt.Errorf("topic is not clinic/site/kiosk/class/device/leaf")
	}
	for _, l := range levels {
		if !ValidLevel(l) {
			return Topic{}, fmt.Errorf("topic has an empty, too long or unusual level")
		}
	}
	t := Topic{levels[1], levels[2], levels[3], levels[4], Leaf(levels[5])}
	switch t.Leaf {
	case LeafState, LeafEvent, LeafCommand, LeafAck:
		return t, nil
	}
	return Topic{}, fmt.Errorf("topic ends in none of state, event, command, ack")
}

// ValidLevel reports whether a text can be a level of our own topics, as ids are:
// 1 to 40 of A-Z a-z 0-9 _ -.
func ValidLevel(l string) bool {
	if l == "" || len(l) > maxLevel {
		return false
	}
	for _, c := range []byte(l) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
		if !ok {
			return false
		}
	}
	return true
}
