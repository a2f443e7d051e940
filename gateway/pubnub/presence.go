package pubnub

import (
	"context"
	"encoding/json"
	"net/url"

	sdk "github.com/pubnub/go/v7"
)

// Occupant is a user who is present on a channel. State is not encrypted by
// PubNub; values that are no strings are given as their JSON.
type Occupant struct {
	UserID string
	State  map[string]string
}

// SetState sets this client's own state on a channel. PubNub forgets it when
// the client leaves.
func (c *Client) SetState(ctx context.Context, channel string, state map[string]string) error {
	if !isName(channel) {
		return badName("set state")
	}
	values := make(map[string]any, len(state))
	for key, value := range state {
		values[key] = value
	}
	x := &exchange{op: "set state", mutates: true}
	return c.viaSDK(ctx, x, func(ctx context.Context, pn *sdk.PubNub) error {
		_, _, err := pn.SetStateWithContext(ctx).Channels([]string{channel}).State(values).Execute()
		return err
	})
}

// HereNow gives who is on a channel, at most 1,000.
func (c *Client) HereNow(ctx context.Context, channel string) (present []Occupant, err error) {
	if !isName(channel) {
		return nil, badName("here now")
	}
	err = c.rest(ctx, &exchange{op: "here now"}, request{
		path:  "/v2/presence/sub-key/" + c.cfg.SubscribeKey + "/channel/" + url.PathEscape(channel),
		query: url.Values{"state": {"1"}, "disable-uuids": {"0"}, "limit": {"1000"}},
	}, func(body []byte) (err error) {
		present, err = parseHereNow(body)
		return err
	})
	return present, err
}

func parseHereNow(body []byte) ([]Occupant, error) {
	var reply struct {
		Users []json.RawMessage `json:"uuids"`
	}
	if json.Unmarshal(body, &reply) != nil || reply.Users == nil {
		return nil, errAnswer
	}
	var present []Occupant
	for _, raw := range reply.Users {
		var o struct {
			UserID string                     `json:"uuid"`
			State  map[string]json.RawMessage `json:"state"`
		}
		// A user without state may come as a string.
		if json.Unmarshal(raw, &o.UserID) != nil && json.Unmarshal(raw, &o) != nil {
			return nil, errAnswer
		}
		present = append(present, Occupant{o.UserID, textValues(o.State)})
	}
	return present, nil
}

// PresenceEvent is what a presence channel tells. An interval event lists
// users in Join, Leave and Timeout; the others name one.
type PresenceEvent struct {
	Action               string // join, leave, timeout, state-change, interval
	UserID               string
	State                map[string]string
	Join, Leave, Timeout []string
	Occupancy            int
}

// Presence reads the payload of a message of KindPresence.
func (m Message) Presence() (PresenceEvent, bool) {
	var p struct {
		Action    string                     `json:"action"`
		UserID    string                     `json:"uuid"`
		Data      map[string]json.RawMessage `json:"data"`
		Join      []string                   `json:"join"`
		Leave     []string                   `json:"leave"`
		Timeout   []string                   `json:"timeout"`
		Occupancy int                        `json:"occupancy"`
	}
	if m.Kind != KindPresence || json.Unmarshal(m.Payload, &p) != nil || p.Action == "" {
		return PresenceEvent{}, false
	}
	return PresenceEvent{p.Action, p.UserID, textValues(p.Data), p.Join, p.Leave, p.Timeout, p.Occupancy}, true
}
