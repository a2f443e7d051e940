package pubnub

import (
	"errors"
	"time"

	pubnubsdk "github.com/pubnub/go/v7"
)

// ErrToken says that a text is no access token.
var ErrToken = errors.New("not an access token")

// Token is what an Access Manager token (v3) says about itself. Only the
// service can tell whether it is genuine and not revoked.
type Token struct {
	Issued  time.Time
	Expires time.Time
	User    string // the only user id that may use it; empty: anybody, which a kiosk's token must not be
	// Channels and Patterns name what it opens; patterns are regular expressions.
	Channels []string
	Patterns []string
}

const maxToken = 32 << 10

// ParseToken reads a token. It gives ErrToken for anything else.
func ParseToken(text string) (t Token, err error) {
	if text == "" || len(text) > maxToken {
		return Token{}, ErrToken
	}
	defer func() {
		// The SDK's CBOR reader indexes what it decodes without asking how long it is.
		if recover() != nil {
			t, err = Token{}, ErrToken
		}
	}()
	p, err := pubnubsdk.ParseToken(text)
	if err != nil || p.TTL <= 0 || p.Timestamp <= 0 {
		return Token{}, ErrToken
	}
	t.Issued = time.Unix(p.Timestamp, 0).UTC()
	t.Expires = t.Issued.Add(time.Duration(p.TTL) * time.Minute)
	t.User = p.AuthorizedUUID
	for name := range p.Resources.Channels {
		t.Channels = append(t.Channels, name)
	}
	for name := range p.Patterns.Channels {
		t.Patterns = append(t.Patterns, name)
	}
	return t, nil
}
