package gateway

import (
	"context"

	"clinicgate/gateway/pubnub"
)

// service is PubNub as the uplink and the downlink want it.
type service struct{ *pubnub.Client }

// Publish sends a ciphertext to be kept in history.
func (s service) Publish(ctx context.Context, channel, payload string) (pubnub.Timetoken, error) {
	return s.Client.Publish(ctx, channel, payload, pubnub.PublishOptions{Store: true})
}

// Listen hands over live messages until ctx ends, and the zero Message after
// every (re)connection.
func (s service) Listen(ctx context.Context, channels []string, ring func(pubnub.Message)) error {
	sub := s.Subscribe(0)
	if err := sub.SetChannels(channels...); err != nil {
		return err
	}
	return sub.Run(ctx, ring)
}

// follow calls back each time the link comes back, until ctx ends.
func (s service) follow(ctx context.Context, back func()) {
	was, changed := s.Link()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		var up bool
		if up, changed = s.Link(); up && !was {
			back()
		}
		was = up
	}
}
