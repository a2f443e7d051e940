package pubnub

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Kind tells what a Message is.
type Kind uint8

const (
	KindMessage Kind = iota
	KindSignal
	KindObject // App Context changed
	KindAction // a reaction to a message
	KindFile
	KindPresence
	KindOther // a type that PubNub added later
)

const presenceSuffix = "-pnpres"

// PresenceChannel names the channel on which joins, leaves and changes of state
// on channel are told.
func PresenceChannel(channel string) string { return channel + presenceSuffix }

// Message is something that arrived on a channel, live or from history. Nothing
// in it is checked but its form: who may publish what is decided later.
type Message struct {
	Channel   string
	Payload   json.RawMessage // exactly the bytes that arrived
	Publisher string          // user id, as bound by PubNub where tokens are
	Timetoken Timetoken
	Kind      Kind
}

// Text gives the payload if it is a JSON string, which a ciphertext is.
func (m Message) Text() (string, bool) {
	if len(m.Payload) == 0 || m.Payload[0] != '"' {
		return "", false
	}
	var text string
	err := json.Unmarshal(m.Payload, &text)
	return text, err == nil
}

// batch is the answer to a poll.
type batch struct {
	next      Timetoken
	region    int
	messages  []Message // by timetoken
	malformed int       // messages left out
}

// parseBatch reads the answer of /v2/subscribe. One malformed message does not
// hide the others.
func parseBatch(body []byte) (batch, error) {
	var envelope struct {
		Position struct {
			Next   Timetoken `json:"t"`
			Region int       `json:"r"`
		} `json:"t"`
		Messages []json.RawMessage `json:"m"`
	}
	if json.Unmarshal(body, &envelope) != nil || envelope.Position.Next == 0 {
		return batch{}, errAnswer
	}
	b := batch{next: envelope.Position.Next, region: envelope.Position.Region}
	for _, raw := range envelope.Messages {
		var m struct {
			Channel   string          `json:"c"`
			Payload   json.RawMessage `json:"d"`
			Type      json.RawMessage `json:"e"`
			Publisher string          `json:"i"`
			Published struct {
				At Timetoken `json:"t"`
			} `json:"p"`
		}
		if json.Unmarshal(raw, &m) != nil || m.Channel == "" || m.Payload == nil || m.Published.At == 0 {
			b.malformed++
			continue
		}
		kind := parseKind(m.Type)
		if strings.HasSuffix(m.Channel, presenceSuffix) {
			kind = KindPresence
		}
		b.messages = append(b.messages, Message{m.Channel, m.Payload, m.Publisher, m.Published.At, kind})
	}
	sortMessages(b.messages)
	return b, nil
}

func sortMessages(list []Message) {
	slices.SortStableFunc(list, func(a, b Message) int { return cmp.Compare(a.Timetoken, b.Timetoken) })
}

// parseKind reads a message type, a number or (in PubNub's documentation) a
// string; absent and null mean a message.
func parseKind(raw json.RawMessage) Kind {
	switch text := string(bytes.Trim(raw, `"`)); text {
	case "", "null", "0":
		return KindMessage
	case "1", "2", "3", "4":
		return Kind(text[0] - '0')
	}
	return KindOther
}
