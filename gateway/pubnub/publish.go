package pubnub

import (
	"context"
	"encoding/json"
	"net/url"

	sdk "github.com/pubnub/go/v7"
)

// PublishOptions go with one message.
type PublishOptions struct {
	Store    bool // keep in the channel's history
	TTLHours int  // how long history keeps it; 0: as the keyset says
}

// publishLimit is PubNub's bound on channel and payload as in a URL, less its
// own envelope.
const publishLimit = 32<<10 - 100

// Fits reports whether PubNub takes text, which Cipher.Encrypt made, as one
// message on channel.
func Fits(channel, text string) bool {
	return len(url.QueryEscape(channel))+len(url.QueryEscape(text))+len("%22%22") < publishLimit
}

// Publish sends text, which Cipher.Encrypt made, as a JSON string. The
// timetoken says that PubNub accepted it, not that anybody has read it.
//
// It is sent at most once: with Class Unknown PubNub may have it or not, and
// the caller sends the same text again under the message id inside it.
func (c *Client) Publish(ctx context.Context, channel, text string, opts PublishOptions) (Timetoken, error) {
	switch {
	case !isName(channel):
		return 0, badName("publish")
	case !Fits(channel, text):
		return 0, &Error{Op: "publish", Class: Refused, Reason: ReasonTooLarge}
	}
	x := &exchange{op: "publish", mutates: true}
	var accepted Timetoken
	err := c.viaSDK(ctx, x, func(ctx context.Context, pn *sdk.PubNub) error {
		_, _, err := pn.PublishWithContext(ctx).Channel(channel).Message(text).
			UsePost(true).ShouldStore(opts.Store).TTL(opts.TTLHours).Execute()
		if err != nil {
			return err
		}
		// The SDK takes [0,"reason","digits"] for a success.
		accepted, err = parseAccepted(x.body)
		return err
	})
	if err != nil {
		return 0, err
	}
	return accepted, nil
}

// parseAccepted reads [1,"Sent","17000000000000001"].
func parseAccepted(body []byte) (Timetoken, error) {
	var (
		list    []json.RawMessage
		one     int
		at      Timetoken
		problem = json.Unmarshal(body, &list)
	)
	if problem != nil || len(list) != 3 {
		return 0, errAnswer
	}
	if json.Unmarshal(list[0], &one) != nil || one != 1 || json.Unmarshal(list[2], &at) != nil || at == 0 {
		return 0, errAnswer
	}
	return at, nil
}

// parseTime reads [17000000000000001], all digits.
func parseTime(body []byte) (Timetoken, error) {
	var list []Timetoken
	if json.Unmarshal(body, &list) != nil || len(list) != 1 || list[0] == 0 {
		return 0, errAnswer
	}
	return list[0], nil
}
