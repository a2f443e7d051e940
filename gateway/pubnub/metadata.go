package pubnub

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

// Metadata is what App Context holds about a channel or user. PubNub does not
// encrypt it: what is about a person must be sealed (Cipher) before.
type Metadata struct {
	Name   string            // "" leaves the name as it is
	Custom map[string]string // replaced as a whole; empty leaves it as it is
	ETag   string            // of what was read; not written
}

// ChannelMetadata reads a channel's metadata; ErrNotFound if it has none.
func (c *Client) ChannelMetadata(ctx context.Context, channel string) (Metadata, error) {
	return c.readMetadata(ctx, "channels", channel)
}

// UserMetadata reads a user's metadata; ErrNotFound if there is none.
func (c *Client) UserMetadata(ctx context.Context, user string) (Metadata, error) {
	return c.readMetadata(ctx, "uuids", user)
}

// SetChannelMetadata writes a channel's metadata and gives the new ETag. With
// ifMatch, an ETag that was read, it fails with ErrConflict if somebody else
// wrote since.
func (c *Client) SetChannelMetadata(ctx context.Context, channel string, md Metadata, ifMatch string) (etag string, err error) {
	return c.writeMetadata(ctx, "channels", channel, md, ifMatch)
}

// SetUserMetadata is SetChannelMetadata for a user.
func (c *Client) SetUserMetadata(ctx context.Context, user string, md Metadata, ifMatch string) (etag string, err error) {
	return c.writeMetadata(ctx, "uuids", user, md, ifMatch)
}

func (c *Client) readMetadata(ctx context.Context, kind, id string) (md Metadata, err error) {
	if !isName(id) {
		return Metadata{}, badName("read metadata")
	}
	x := &exchange{op: "read metadata"}
	err = c.rest(ctx, x, c.metadataRequest(kind, id), func(body []byte) (err error) {
		md, err = parseMetadata(body)
		return err
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusNotFound && x.json {
		e.Class, e.wraps = Refused, ErrNotFound
	}
	return md, err
}

func (c *Client) writeMetadata(ctx context.Context, kind, id string, md Metadata, ifMatch string) (etag string, err error) {
	if !isName(id) {
		return "", badName("write metadata")
	}
	r := c.metadataRequest(kind, id)
	r.method, r.ifMatch = http.MethodPatch, ifMatch
	r.body, err = json.Marshal(struct {
		Name   string            `json:"name,omitempty"`
		Custom map[string]string `json:"custom,omitempty"`
	}{md.Name, md.Custom})
	if err != nil {
		return "", err
	}
	x := &exchange{op: "write metadata", mutates: true}
	err = c.rest(ctx, x, r, func(body []byte) error {
		md, err := parseMetadata(body)
		etag = md.ETag
		return err
	})
	return etag, err
}

func (c *Client) metadataRequest(kind, id string) request {
	return request{
		path:  "/v2/objects/" + c.cfg.SubscribeKey + "/" + kind + "/" + url.PathEscape(id),
		query: url.Values{"include": {"custom"}},
	}
}

func parseMetadata(body []byte) (Metadata, error) {
	var reply struct {
		Data *struct {
			Name   string                     `json:"name"`
			Custom map[string]json.RawMessage `json:"custom"`
			ETag   string                     `json:"eTag"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &reply) != nil || reply.Data == nil {
		return Metadata{}, errAnswer
	}
	return Metadata{reply.Data.Name, textValues(reply.Data.Custom), reply.Data.ETag}, nil
}

// textValues gives strings as they are and other scalars as their JSON.
func textValues(raw map[string]json.RawMessage) map[string]string {
	values := make(map[string]string, len(raw))
	for key, value := range raw {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		values[key] = text
	}
	return values
}
