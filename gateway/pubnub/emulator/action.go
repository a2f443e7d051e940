package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
)

// action is a mark that a user put on a message. The emulator's mu guards it.
type action struct {
	message, at int64
	uuid        string
	kind, value string
}

// actionTree is type, value, and who: the form history shows actions in.
type actionTree map[string]map[string][]fields

func (a action) fields() fields {
	return fields{
		"messageTimetoken": formatToken(a.message), "actionTimetoken": formatToken(a.at),
		"uuid": a.uuid, "type": a.kind, "value": a.value,
	}
}

func refuseAction(status int, message string) reply {
	return refuseObject(status, message, "actions", "", "")
}

func (e *Emulator) addAction(q *request) reply {
	var body struct{ Type, Value string }
	tt, ok := parseToken(unescape(q.args["timetoken"]))
	if err := json.Unmarshal(q.body, &body); err != nil || !ok || tt == 0 || body.Type == "" || body.Value == "" || q.uuid == "" {
		return refuseAction(http.StatusBadRequest, "Invalid action")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.channel(q.channels[0])
	a := action{message: tt, uuid: q.uuid, kind: body.Type, value: body.Value}
	for _, b := range c.actions {
		if b.message == a.message && b.uuid == a.uuid && b.kind == a.kind && b.value == a.value {
			return refuseAction(http.StatusConflict, "Action already added")
		}
	}
	a.at = e.next()
	c.actions = append(c.actions, a)
	c.actions = c.actions[max(0, len(c.actions)-e.opts.HistoryLimit):]
	e.announceAction("added", q.channels[0], a)
	return answer(http.StatusOK, fields{"status": http.StatusOK, "data": a.fields()})
}

// getActions pages back from start (exclusive) to end (inclusive), newest page
// first, each page oldest first.
func (e *Emulator) getActions(q *request) reply {
	s, bad := parseSpan(q)
	if bad != "" {
		return refuseAction(http.StatusBadRequest, "Invalid "+bad)
	}
	limit := q.number("limit", maxPage, 1, maxPage)
	e.mu.Lock()
	defer e.mu.Unlock()
	found := []fields{}
	for _, a := range e.channel(q.channels[0]).actions {
		if a.at >= s.since && (s.before == 0 || a.at < s.before) {
			found = append(found, a.fields())
		}
	}
	body := fields{"status": http.StatusOK}
	if more := len(found) - limit; more > 0 {
		found = found[more:]
		start := found[0]["actionTimetoken"].(string)
		body["more"] = fields{"url": q.path + "?start=" + start, "start": start, "limit": limit}
	}
	body["data"] = found
	return answer(http.StatusOK, body)
}

func (e *Emulator) removeAction(q *request) reply {
	message, ok := parseToken(unescape(q.args["timetoken"]))
	at, ok2 := parseToken(unescape(q.args["action"]))
	if !ok || !ok2 {
		return refuseAction(http.StatusBadRequest, "Invalid timetoken")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.channel(q.channels[0])
	i := slices.IndexFunc(c.actions, func(a action) bool { return a.message == message && a.at == at })
	if i < 0 {
		return refuseAction(http.StatusNotFound, "Action was not found.")
	}
	e.announceAction("removed", q.channels[0], c.actions[i])
	c.actions = slices.Delete(c.actions, i, i+1)
	return answer(http.StatusOK, fields{"status": http.StatusOK, "data": fields{}})
}

func (e *Emulator) announceAction(what, name string, a action) {
	body := fields{"source": "actions", "version": "1.0", "event": what, "data": fields{
		"messageTimetoken": formatToken(a.message), "actionTimetoken": formatToken(a.at), "type": a.kind, "value": a.value,
	}}
	e.deliver(&Message{Channel: name, Payload: answer(0, body).body, UUID: a.uuid, Timetoken: e.next()}, typeAction)
}

func (e *Emulator) actionsOn(name string, tt int64) actionTree {
	tree := actionTree{}
	for _, a := range e.channel(name).actions {
		if a.message != tt {
			continue
		}
		if tree[a.kind] == nil {
			tree[a.kind] = map[string][]fields{}
		}
		tree[a.kind][a.value] = append(tree[a.kind][a.value], fields{"uuid": a.uuid, "actionTimetoken": formatToken(a.at)})
	}
	return tree
}
