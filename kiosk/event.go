package kiosk

import (
	"encoding/json"
	"fmt"

	"clinicgate/storage"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// NewEvent makes an event to append: body in canonical JSON (RFC 8785) under a
// fresh UUIDv7. Keep the event over retries, so that its id stays.
func NewEvent(d Definition, channel string, body any) (storage.Event, error) {
	return eventWithID(newID(), d, channel, body)
}

func eventWithID(id uuid.UUID, d Definition, channel string, body any) (storage.Event, error) {
	c, ok := ParseChannel(channel)
	if !ok || c.Family != d.Family {
		return storage.Event{}, fmt.Errorf("%s does not travel on channel %q", d.Name, channel)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return storage.Event{}, fmt.Errorf("cannot encode %s: %w", d.Name, err)
	}
	if text, err = jcs.Transform(text); err != nil {
		return storage.Event{}, fmt.Errorf("cannot bring %s into canonical form: %w", d.Name, err)
	}
	return storage.Event{ID: id, Channel: channel, Kind: d.Name, Body: text}, nil
}
