package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// span is a stretch of a channel's history: older than before (exclusive) and
// not older than since.
type span struct {
	since, before int64
	oldestFirst   bool
}

// parseSpan reads start and end; the second result names a bad one. Newest
// first, start is where to begin walking back; oldest first, it is where to begin
// walking on, exclusive too.
func parseSpan(q *request) (span, string) {
	start, ok := parseToken(q.query["start"])
	if !ok {
		return span{}, "start"
	}
	end, ok := parseToken(q.query["end"])
	if !ok {
		return span{}, "end"
	}
	s := span{since: end, before: start, oldestFirst: q.query["reverse"] == "true"}
	if s.oldestFirst {
		s.since, s.before = start+1, end+1
		if end == 0 {
			s.before = 0
		}
	}
	return s, ""
}

// page returns up to n messages of a span, oldest first. Callers hold mu.
func (e *Emulator) page(name string, s span, n int) []*stored {
	c := e.channels[name]
	if c == nil {
		return nil
	}
	lo, hi := seek(c.stored, s.since), len(c.stored)
	if s.before > 0 {
		hi = seek(c.stored, s.before)
	}
	if lo >= hi {
		return nil
	}
	in := c.stored[lo:hi]
	step := slices.Backward(in)
	if s.oldestFirst {
		step = slices.All(in)
	}
	var out []*stored
	for _, m := range step {
		if len(out) == n {
			break
		}
		if e.readable(m) {
			out = append(out, m)
		}
	}
	if !s.oldestFirst {
		slices.Reverse(out)
	}
	return out
}

// seek finds the first message at or after a timetoken.
func seek(all []*stored, tt int64) int {
	i, _ := slices.BinarySearchFunc(all, tt, func(m *stored, tt int64) int {
		switch {
		case m.Timetoken < tt:
			return -1
		case m.Timetoken > tt:
			return 1
		}
		return 0
	})
	return i
}

func (e *Emulator) readable(m *stored) bool {
	return !m.visible.After(time.Now()) && (m.expires.IsZero() || m.expires.After(e.opts.Now()))
}

// item is one message of a v3 page.
type item struct {
	Message    json.RawMessage `json:"message"`
	Timetoken  string          `json:"timetoken"`
	UUID       *string         `json:"uuid,omitempty"`
	Type       *int            `json:"message_type,omitempty"`
	CustomType string          `json:"custom_message_type,omitempty"`
	Meta       json.RawMessage `json:"meta,omitempty"`
	Actions    actionTree      `json:"actions,omitempty"`
}

func (e *Emulator) fetch(q *request) reply {
	most := maxPage
	if len(q.channels) > 1 {
		most = maxPageMany
	}
	return e.history(q, most, false)
}

func (e *Emulator) fetchWithActions(q *request) reply {
	if len(q.channels) != 1 {
		return refuseHistory(http.StatusBadRequest, "Invalid Arguments: channel")
	}
	return e.history(q, maxPageMany, true)
}

func (e *Emulator) history(q *request, most int, actions bool) reply {
	s, refused, ok := e.checkHistory(q)
	if !ok {
		return refused
	}
	n := q.number("max", most, 1, most)
	e.mu.Lock()
	defer e.mu.Unlock()
	channels := fields{}
	for _, name := range q.channels {
		page := e.page(name, s, n)
		if len(page) == 0 {
			continue
		}
		items := make([]item, 0, len(page))
		for _, m := range page {
			items = append(items, e.item(q, m, actions))
		}
		key := name
		if q.query["encode_channels"] != "false" {
			key = url.PathEscape(name)
		}
		channels[key] = items
	}
	return answer(http.StatusOK, fields{
		"status": http.StatusOK, "error": false, "error_message": "", "channels": channels,
	})
}

func (e *Emulator) item(q *request, m *stored, actions bool) item {
	i := item{Message: m.Payload, Timetoken: formatToken(m.Timetoken)}
	if q.flag("include_uuid") {
		i.UUID = &m.UUID
	}
	if q.flag("include_message_type") {
		i.Type = new(int)
	}
	if q.flag("include_custom_message_type") {
		i.CustomType = m.CustomType
	}
	if q.flag("include_meta") {
		if i.Meta = m.Meta; i.Meta == nil {
			i.Meta = json.RawMessage(`""`)
		}
	}
	if actions {
		i.Actions = e.actionsOn(m.Channel, m.Timetoken)
	}
	return i
}

// checkHistory refuses what cannot be read at all.
func (e *Emulator) checkHistory(q *request) (span, reply, bool) {
	s, bad := parseSpan(q)
	switch {
	case e.opts.NoPersistence:
		return s, refuseHistory(http.StatusForbidden, "Message persistence is not enabled for this keyset"), false
	case bad != "":
		return s, refuseHistory(http.StatusBadRequest, "Invalid Arguments: "+bad), false
	case len(q.channels) == 0 || len(q.channels) > maxHistories:
		return s, refuseHistory(http.StatusBadRequest, "Invalid Arguments: channel"), false
	}
	return s, reply{}, true
}

// fetchV2 answers [[items], first, last] with numeric timetokens.
func (e *Emulator) fetchV2(q *request) reply {
	s, refused, ok := e.checkHistory(q)
	if !ok {
		return refused
	}
	n := q.number("count", maxPage, 1, maxPage)
	e.mu.Lock()
	defer e.mu.Unlock()
	page := e.page(q.channels[0], s, n)
	items := []any{}
	first, last := int64(0), int64(0)
	for i, m := range page {
		if i == 0 {
			first = m.Timetoken
		}
		last = m.Timetoken
		if !q.flag("include_token") && !q.flag("include_meta") {
			items = append(items, m.Payload)
			continue
		}
		one := fields{"message": m.Payload}
		if q.flag("include_token") {
			one["timetoken"] = m.Timetoken
		}
		if q.flag("include_meta") {
			one["meta"] = m.Meta
		}
		items = append(items, one)
	}
	return answer(http.StatusOK, []any{items, first, last})
}

// messageCounts counts what is strictly newer than one timetoken for all
// channels, or one for each.
func (e *Emulator) messageCounts(q *request) reply {
	if _, refused, ok := e.checkHistory(q); !ok {
		return refused
	}
	tokens := splitPlain(q.query["channelsTimetoken"])
	if one := q.query["timetoken"]; one != "" {
		tokens = []string{one}
	}
	if len(tokens) == 1 {
		tokens = slices.Repeat(tokens, len(q.channels))
	}
	if len(tokens) != len(q.channels) {
		return refuseHistory(http.StatusBadRequest, "Invalid Arguments: channelsTimetoken")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	counts := map[string]int{}
	for i, name := range q.channels {
		tt, err := strconv.ParseInt(tokens[i], 10, 64)
		if err != nil || tt < 0 {
			return refuseHistory(http.StatusBadRequest, "Invalid Arguments: timetoken")
		}
		counts[name] = 0
		if c := e.channels[name]; c != nil {
			for _, m := range c.stored[seek(c.stored, tt+1):] {
				if e.readable(m) {
					counts[name]++
				}
			}
		}
	}
	return answer(http.StatusOK, fields{
		"status": http.StatusOK, "error": false, "error_message": "", "channels": counts,
	})
}

// deleteMessages removes a range, older bound first.
func (e *Emulator) deleteMessages(q *request) reply {
	if _, refused, ok := e.checkHistory(q); !ok {
		return refused
	}
	if e.opts.NoDelete {
		return refuseHistory(http.StatusForbidden, "Delete from history is not enabled for this keyset")
	}
	start, _ := parseToken(q.query["start"])
	end, _ := parseToken(q.query["end"])
	low, high := start+1, end+1
	if e.opts.DeleteStartInclusive {
		low, high = start, end
	}
	if q.query["start"] == "" {
		low = 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range q.channels {
		c := e.channels[name]
		if c == nil {
			continue
		}
		lo, hi := seek(c.stored, low), len(c.stored)
		if q.query["end"] != "" {
			hi = seek(c.stored, high)
		}
		if lo >= hi {
			continue
		}
		for _, m := range c.stored[lo:hi] {
			e.bytes -= m.size
		}
		c.stored = slices.Delete(c.stored, lo, hi)
	}
	return answer(http.StatusOK, fields{"status": http.StatusOK, "error": false, "error_message": ""})
}
