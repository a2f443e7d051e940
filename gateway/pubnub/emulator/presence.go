package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// occupant is a user on a channel. It is there while a poll is held, and until
// deadline after that.
type occupant struct {
	polls    int
	timeout  time.Duration
	deadline time.Time
}

// presence is who is where, and their state. The emulator's mu guards it.
type presence struct {
	here      map[string]map[string]*occupant       // channel, user
	states    map[string]map[string]json.RawMessage // channel, user
	kept      int                                   // states
	occupants int
	sweep     time.Time // when a timer will look for the absent
}

func newPresence() presence {
	return presence{
		here:   map[string]map[string]*occupant{},
		states: map[string]map[string]json.RawMessage{},
	}
}

// attend joins the caller to its channels for as long as its poll is held, and
// returns what withdraw gives back. Callers hold mu.
func (e *Emulator) attend(q *request, states map[string]json.RawMessage) []*occupant {
	if q.uuid == "" {
		return nil
	}
	var held []*occupant
	timeout := e.timeout(q)
	for _, name := range e.audible(q) {
		if o := e.touch(name, q.uuid, timeout, states[name]); o != nil {
			o.polls++
			held = append(held, o)
		}
	}
	return held
}

func (e *Emulator) withdraw(held []*occupant) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range held {
		o.polls--
		o.deadline = time.Now().Add(o.timeout)
		e.watch(o.deadline)
	}
}

// audible lists the channels a call makes its user present on: its own and those
// of its groups, not presence channels. Callers hold mu.
func (e *Emulator) audible(q *request) []string {
	names := slices.Clone(q.channels)
	for _, g := range q.groups {
		if !strings.HasSuffix(g, presenceSuffix) {
			names = append(names, e.groups[g].members()...)
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, presenceSuffix) })
	slices.Sort(names)
	return slices.Compact(names)
}

func (e *Emulator) timeout(q *request) time.Duration {
	if s, err := strconv.Atoi(q.query["heartbeat"]); err == nil && s > 0 && s <= 24*3600 {
		return time.Duration(s) * time.Second
	}
	return e.opts.PresenceTimeout
}

// touch keeps a user present, announcing a join or a changed state. It returns
// nil when there is no room for one more. Callers hold mu.
func (e *Emulator) touch(name, uuid string, timeout time.Duration, state json.RawMessage) *occupant {
	changed := state != nil && string(e.presence.states[name][uuid]) != string(state)
	if state != nil {
		e.keepState(name, uuid, state)
	}
	o := e.presence.here[name][uuid]
	switch {
	case o == nil && e.presence.occupants >= maxEntries:
		return nil
	case o == nil:
		o = &occupant{}
		if e.presence.here[name] == nil {
			e.presence.here[name] = map[string]*occupant{}
		}
		e.presence.here[name][uuid] = o
		e.presence.occupants++
		e.announce("join", name, uuid, e.presence.states[name][uuid])
	case changed:
		e.announce("state-change", name, uuid, state)
	}
	o.timeout, o.deadline = timeout, time.Now().Add(timeout)
	e.watch(o.deadline)
	return o
}

// depart removes a user and their state, announcing why.
func (e *Emulator) depart(action, name, uuid string) {
	here := e.presence.here[name]
	if here[uuid] == nil {
		return
	}
	e.presence.occupants--
	delete(here, uuid)
	if len(here) == 0 {
		delete(e.presence.here, name)
	}
	if states := e.presence.states[name]; states[uuid] != nil {
		e.presence.kept--
		delete(states, uuid)
		if len(states) == 0 {
			delete(e.presence.states, name)
		}
	}
	e.announce(action, name, uuid, nil)
}

// keepState tells whether there was room.
func (e *Emulator) keepState(name, uuid string, state json.RawMessage) bool {
	states := e.presence.states[name]
	if states == nil {
		states = map[string]json.RawMessage{}
		e.presence.states[name] = states
	}
	if states[uuid] == nil {
		if e.presence.kept >= maxEntries {
			return false
		}
		e.presence.kept++
	}
	states[uuid] = state
	return true
}

// watch makes sure that a timer looks at the occupants at the given time.
func (e *Emulator) watch(at time.Time) {
	now := time.Now()
	if e.presence.sweep.After(now) && !e.presence.sweep.After(at) {
		return
	}
	e.presence.sweep = at
	e.after(at.Sub(now), e.timeOut)
}

// timeOut removes those whose deadline has passed and looks ahead to the next.
func (e *Emulator) timeOut() {
	now := time.Now()
	var next time.Time
	for _, name := range slices.Sorted(maps.Keys(e.presence.here)) {
		for _, uuid := range slices.Sorted(maps.Keys(e.presence.here[name])) {
			switch o := e.presence.here[name][uuid]; {
			case o.polls > 0:
			case !o.deadline.After(now):
				e.depart("timeout", name, uuid)
			case next.IsZero() || o.deadline.Before(next):
				next = o.deadline
			}
		}
	}
	if !next.IsZero() {
		e.watch(next)
	}
}

// announce delivers a presence event.
func (e *Emulator) announce(action, name, uuid string, state json.RawMessage) {
	body := fields{
		"action": action, "uuid": uuid, "timestamp": e.opts.Now().Unix(),
		"occupancy": len(e.presence.here[name]),
	}
	if state != nil {
		body["data"] = state
	}
	e.deliver(&Message{Channel: name + presenceSuffix, Payload: answer(0, body).body, Timetoken: e.next()}, typeMessage)
}

// parseStates reads a JSON object keyed by channel; absent is none.
func parseStates(text string) (map[string]json.RawMessage, bool) {
	var states map[string]json.RawMessage
	if text == "" {
		return nil, true
	}
	err := json.Unmarshal([]byte(text), &states)
	for _, s := range states {
		if !isObject(s) {
			return nil, false
		}
	}
	return states, err == nil
}

func isObject(raw json.RawMessage) bool {
	var o map[string]json.RawMessage
	return json.Unmarshal(raw, &o) == nil && o != nil
}

func presenceOK(more fields) reply {
	body := fields{"status": http.StatusOK, "message": "OK", "service": "Presence"}
	maps.Copy(body, more)
	return answer(http.StatusOK, body)
}

func (e *Emulator) heartbeat(q *request) reply {
	states, ok := parseStates(q.query["state"])
	if !ok || q.uuid == "" {
		return refusePresence(http.StatusBadRequest, "Invalid heartbeat")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range e.audible(q) {
		e.touch(name, q.uuid, e.timeout(q), states[name])
	}
	return presenceOK(nil)
}

func (e *Emulator) leave(q *request) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range e.audible(q) {
		e.depart("leave", name, q.uuid)
	}
	return presenceOK(fields{"action": "leave"})
}

func (e *Emulator) whereNow(q *request) reply {
	uuid := unescape(q.args["id"])
	e.mu.Lock()
	defer e.mu.Unlock()
	names := []string{}
	for name, here := range e.presence.here {
		if here[uuid] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return presenceOK(fields{"payload": fields{"channels": names}})
}

func (e *Emulator) setState(q *request) reply {
	state := json.RawMessage(q.query["state"])
	if !isObject(state) {
		return refusePresence(http.StatusBadRequest, "Invalid JSON specified.")
	}
	uuid := unescape(q.args["id"])
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range e.audible(q) {
		changed := string(e.presence.states[name][uuid]) != string(state)
		if !e.keepState(name, uuid, state) {
			return refusePresence(http.StatusBadRequest, "Too many states")
		}
		if changed && e.presence.here[name][uuid] != nil {
			e.announce("state-change", name, uuid, state)
		}
	}
	return presenceOK(fields{"payload": state})
}

func (e *Emulator) getState(q *request) reply {
	uuid := unescape(q.args["id"])
	e.mu.Lock()
	defer e.mu.Unlock()
	names := e.audible(q)
	states := map[string]json.RawMessage{}
	for _, name := range names {
		states[name] = json.RawMessage("{}")
		if s := e.presence.states[name][uuid]; s != nil {
			states[name] = s
		}
	}
	if len(names) == 1 && len(q.groups) == 0 {
		return presenceOK(fields{"payload": states[names[0]], "uuid": uuid, "channel": names[0]})
	}
	return presenceOK(fields{"payload": fields{"channels": states}, "uuid": uuid})
}

// hereNow lists occupants of one channel, of several, or of all.
func (e *Emulator) hereNow(q *request) reply {
	withState := q.flag("state")
	withUsers := !q.flag("disable-uuids") && !q.flag("disable_uuids")
	limit, offset := q.number("limit", maxOccupants, 0, maxOccupants), q.number("offset", 0, 0, maxEntries)
	e.mu.Lock()
	defer e.mu.Unlock()
	names := e.audible(q)
	_, listed := q.args["channels"]
	if !listed {
		names = slices.Sorted(maps.Keys(e.presence.here))
	}
	total, channels := 0, fields{}
	for _, name := range names {
		here := e.presence.here[name]
		entry := fields{"occupancy": len(here)}
		total += len(here)
		if withUsers {
			users := slices.Sorted(maps.Keys(here))
			users = users[min(offset, len(users)):]
			entry["uuids"] = e.occupants(name, users[:min(limit, len(users))], withState)
		}
		channels[name] = entry
	}
	if listed && len(names) == 1 && len(q.groups) == 0 {
		return presenceOK(channels[names[0]].(fields))
	}
	return presenceOK(fields{"payload": fields{
		"total_channels": len(names), "total_occupancy": total, "channels": channels,
	}})
}

func (e *Emulator) occupants(name string, users []string, withState bool) []any {
	out := make([]any, 0, len(users))
	for _, uuid := range users {
		if !withState {
			out = append(out, uuid)
			continue
		}
		entry := fields{"uuid": uuid}
		if s := e.presence.states[name][uuid]; s != nil {
			entry["state"] = s
		}
		out = append(out, entry)
	}
	return out
}
