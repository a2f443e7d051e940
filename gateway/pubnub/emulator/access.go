package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	tokenExpired = "Token is expired"
	tokenRevoked = "Token is revoked"
	tokenInvalid = "Invalid token"
	maxTokens    = 10_000 // parsed ones remembered
)

// need is one permission that a call requires; kind is chan, grp or uuid as in a
// token.
type need struct {
	kind, name string
	mask       Permission
}

// anyToken is the need of calls whose permission the notes do not name.
func anyToken(*request) []need { return nil }

// signed is for calls that only the secret key may make; see authorize.
func signed(*request) []need { return nil }

func needs(kind string, names []string, mask Permission) []need {
	var out []need
	for _, name := range names {
		out = append(out, need{kind, name, mask})
	}
	return out
}

func onChannels(mask Permission) func(*request) []need {
	return func(q *request) []need { return needs("chan", q.channels, mask) }
}

func onChannelsAndGroups(mask Permission) func(*request) []need {
	return func(q *request) []need {
		return append(needs("chan", q.channels, mask), needs("grp", q.groups, mask)...)
	}
}

// onGroup is manage for an edit, read for a look.
func onGroup(q *request) []need {
	mask := MayManage
	if q.query["add"] == "" && q.query["remove"] == "" && !strings.HasSuffix(q.path, "/remove") {
		mask = MayRead
	}
	return []need{{"grp", unescape(q.args["id"]), mask}}
}

func onObject(kind objectKind, mask Permission) func(*request) []need {
	return func(q *request) []need { return []need{{kind.resource(), q.channels[0], mask}} }
}

// onLinks is manage on the channel for its members; for a user's memberships
// update on the user, and join on each channel once the body is read.
func onLinks(kind objectKind) func(*request) []need {
	if kind == channelObject {
		return onObject(kind, MayManage)
	}
	return func(q *request) []need {
		return append(onObject(kind, MayUpdate)(q), needs("chan", linkedChannels(q.body), MayJoin)...)
	}
}

func (k objectKind) resource() string {
	if k == channelObject {
		return "chan"
	}
	return "uuid"
}

// authorize lets a call pass by signature or by token. Calls under /v3/pam always
// need the signature; time is never checked; the rest only with Access Manager on.
func (e *Emulator) authorize(rt *route, q *request) (reply, bool) {
	if rt.kind == Access || e.opts.AccessManager && q.query["signature"] != "" {
		if e.signatureHolds(q) {
			return reply{}, true
		}
		return refuse(http.StatusForbidden, "Invalid Signature", "Access Manager"), false
	}
	if rt.needs == nil || !e.opts.AccessManager {
		return reply{}, true
	}
	wanted := rt.needs(q)
	text := q.query["auth"]
	if text == "" {
		return forbidden(wanted), false
	}
	t, err := e.token(text)
	if err != nil {
		return refuse(http.StatusForbidden, tokenInvalid, "Access Manager"), false
	}
	q.token = t
	if refused, ok := e.checkToken(q); !ok {
		return refused, false
	}
	if t.uuid != "" && t.uuid != q.uuid {
		return forbidden(wanted), false
	}
	denied := slices.DeleteFunc(wanted, func(n need) bool { return t.allows(n.kind, n.name, n.mask) })
	if len(denied) > 0 {
		return forbidden(denied), false
	}
	return reply{}, true
}

// forbidden names what was denied.
func forbidden(denied []need) reply {
	payload := map[string][]string{}
	for _, n := range denied {
		key := map[string]string{"chan": "channels", "grp": "channel-groups", "uuid": "uuids"}[n.kind]
		payload[key] = append(payload[key], n.name)
	}
	return answer(http.StatusForbidden, fields{
		"message": "Forbidden", "payload": payload, "error": true, "service": "Access Manager",
		"status": http.StatusForbidden,
	})
}

// checkToken looks at what changes while a token lives: time and revocation.
func (e *Emulator) checkToken(q *request) (reply, bool) {
	if q.token == nil {
		return reply{}, true
	}
	e.mu.Lock()
	_, revoked := e.revoked[q.token.text]
	e.mu.Unlock()
	switch {
	case revoked:
		return refuse(http.StatusForbidden, tokenRevoked, "Access Manager"), false
	case !e.opts.Now().Before(q.token.expires):
		return refuse(http.StatusForbidden, tokenExpired, "Access Manager"), false
	}
	return reply{}, true
}

// expiry returns a channel that delivers when the token ends; it never does for
// no token.
func (e *Emulator) expiry(t *token) (<-chan time.Time, func()) {
	if t == nil {
		return nil, func() {}
	}
	timer := time.NewTimer(t.expires.Sub(e.opts.Now()))
	return timer.C, func() { timer.Stop() }
}

// token parses a token once.
func (e *Emulator) token(text string) (*token, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.tokens[text]; t != nil {
		return t, nil
	}
	t, err := parseTokenText(text, e.opts.SecretKey)
	if err != nil {
		return nil, err
	}
	if len(e.tokens) >= maxTokens {
		clear(e.tokens)
	}
	e.tokens[text] = t
	return t, nil
}
