package emulator

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const maxTTL = 24 * 365 * 100 // hours

var customType = regexp.MustCompile(`^[A-Za-z0-9_-]{3,50}$`)

// publish accepts a message or a fire.
func (e *Emulator) publish(q *request) reply {
	m, refused, ok := e.message(q)
	if !ok {
		return refused
	}
	m.Fire = q.query["norep"] == "true"
	m.Store = !m.Fire && q.query["store"] != "0" && !e.opts.NoPersistence
	hours, err := strconv.ParseFloat(q.query["ttl"], 64)
	if q.query["ttl"] != "" && (err != nil || !(hours >= 0 && hours <= maxTTL)) {
		return e.refusePublish(http.StatusBadRequest, "Invalid TTL")
	}
	return e.sent(m, time.Duration(hours*float64(time.Hour)), q)
}

// signal accepts up to 64 bytes that are never stored.
func (e *Emulator) signal(q *request) reply {
	m, refused, ok := e.message(q)
	if !ok {
		return refused
	}
	if len(m.Payload) > maxSignal {
		return e.refusePublish(e.opts.OversizeStatus, oversizeReason(e.opts.OversizeStatus))
	}
	m.Signal = true
	return e.sent(m, 0, q)
}

func (e *Emulator) sent(m *Message, ttl time.Duration, q *request) reply {
	e.mu.Lock()
	tt := e.acceptFor(m, ttl, q.fault.publish)
	e.mu.Unlock()
	return reply{status: http.StatusOK, body: []byte(`[1,"Sent","` + formatToken(tt) + `"]`)}
}

// message checks a publish in the order the service does: name, size, depth,
// then content.
func (e *Emulator) message(q *request) (*Message, reply, bool) {
	no := func(status int, reason string) (*Message, reply, bool) {
		return nil, e.refusePublish(status, reason), false
	}
	name := q.channels[0]
	payload := q.body
	if q.method == http.MethodGet {
		payload = []byte(unescape(q.args["json"]))
	}
	switch {
	case !validName(name):
		return no(http.StatusBadRequest, "Invalid Channel")
	case len(q.uuid) > 0 && !validUser(q.uuid):
		return no(http.StatusBadRequest, "Invalid UUID")
	case encodedSize(name)+encodedSize(payload)+envelopeSize >= maxPublish:
		return no(e.opts.OversizeStatus, oversizeReason(e.opts.OversizeStatus))
	case len(q.uri) > maxURI:
		return no(http.StatusRequestURITooLong, "Request URI Too Long")
	case !e.opts.NoWildcard && strings.Count(name, ".") > maxDots:
		return no(http.StatusBadRequest, "Wildcard maximum depth exceeded")
	case !json.Valid(payload):
		return no(http.StatusBadRequest, "Invalid JSON")
	}
	m := &Message{Channel: name, Payload: payload, UUID: q.uuid, CustomType: q.query["custom_message_type"]}
	if meta := q.query["meta"]; meta != "" {
		if !json.Valid([]byte(meta)) {
			return no(http.StatusBadRequest, "Invalid Meta")
		}
		m.Meta = json.RawMessage(meta)
	}
	if m.CustomType != "" && !customType.MatchString(m.CustomType) {
		return no(http.StatusBadRequest, "Invalid Custom Message Type")
	}
	m.Seq, _ = strconv.Atoi(q.query["seqn"])
	return m, reply{}, true
}

func oversizeReason(status int) string {
	if status == http.StatusBadRequest {
		return "Message Too Large"
	}
	return "Request Entity Too Large"
}

// validUser allows what a channel may not hold, within the length.
func validUser(id string) bool {
	return id != "" && len([]rune(id)) <= maxName
}
