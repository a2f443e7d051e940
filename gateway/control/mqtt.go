package control

import (
	"context"
	"time"
)

// MQTT is the MQTT clients and what devices say.
type MQTT interface {
	// Credential makes a client's credential. The one before is void.
	Credential(context.Context, Caller, MQTTClient) (MQTTCredential, error)
	// Watch waits for what devices say next.
	Watch(context.Context, Caller, DeviceWatch) (DeviceWatched, error)
}

// MQTTClient names a configured client of the embedded broker.
type MQTTClient struct {
	ID string `json:"id"`
}

// MQTTCredential is a client's new credential. It is for the person who sets the
// device up, not for a log, and is told once.
type MQTTCredential struct {
	ID         string `json:"id"`
	Credential string `json:"credential"`
}

// DeviceWatch asks for what devices say. After is Next of the answer before, 0 the
// first time: then waiting begins now.
type DeviceWatch struct {
	ID    string `json:"id,omitempty"`    // only this device; empty: all
	Topic string `json:"topic,omitempty"` // only MQTT messages of this filter
	After uint64 `json:"after"`
}

// DeviceWatched is what was said. It may be nothing.
type DeviceWatched struct {
	Seen []DeviceSeen `json:"seen"`
	Next uint64       `json:"next"`
	// Missed says that more was said than is held between two questions.
	Missed bool `json:"missed,omitempty"`
}

// DeviceSeen is a reading or a message, without what was read or said.
type DeviceSeen struct {
	At       time.Time `json:"at"`
	Device   string    `json:"device,omitempty"`
	Class    string    `json:"class,omitempty"`
	Kind     string    `json:"kind,omitempty"`
	Verdict  string    `json:"verdict,omitempty"`
	Why      string    `json:"why,omitempty"` // of a verdict other than good, or why it was not taken
	Length   int       `json:"length"`
	Accepted bool      `json:"accepted"`

	Topic    string   `json:"topic,omitempty"` // of an MQTT message; then:
	Retained bool     `json:"retained,omitempty"`
	Shape    string   `json:"shape,omitempty"` // names of members and kinds of values
	Read     []string `json:"read,omitempty"`  // how the tables read it, values about a person masked
}

// MQTTCredential makes a client's credential.
func (c *Client) MQTTCredential(ctx context.Context, in MQTTClient) (MQTTCredential, error) {
	return call[MQTTCredential](ctx, c, "devices/credential", in)
}

// WatchDevices waits up to 20 s for what devices say next.
func (c *Client) WatchDevices(ctx context.Context, in DeviceWatch) (DeviceWatched, error) {
	return call[DeviceWatched](ctx, c, "devices/watch", in)
}
