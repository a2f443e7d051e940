package emulator

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// linkKey names a membership.
type linkKey struct{ channel, uuid string }

// link is a user's membership of a channel. The emulator's mu guards it.
type link struct{ record }

// end is the id on the given side.
func (k linkKey) end(kind objectKind) string {
	if kind == channelObject {
		return k.channel
	}
	return k.uuid
}

func newLinkKey(kind objectKind, id, other string) linkKey {
	if kind == channelObject {
		return linkKey{channel: id, uuid: other}
	}
	return linkKey{channel: other, uuid: id}
}

// listLinks lists the members of a channel, or the memberships of a user.
func (e *Emulator) listLinks(q *request, k objectKind) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.linkList(q, k)
}

func (e *Emulator) linkList(q *request, k objectKind) reply {
	id, other, in := q.channels[0], k.other(), parseIncludes(q)
	keys := slices.SortedFunc(maps.Keys(e.links), func(a, b linkKey) int { return cmp.Compare(a.end(other), b.end(other)) })
	var rows []row
	for _, key := range keys {
		if key.end(k) == id {
			full := e.linkFields(key, other)
			view := in.trim(e.linkFields(key, other), "")
			if in[string(other)] {
				view[string(other)] = in.trim(view[string(other)].(fields), string(other)+".")
			} else {
				view[string(other)] = fields{"id": key.end(other)}
			}
			rows = append(rows, row{full, view})
		}
	}
	return list(q, rows)
}

// linkFields is the membership seen from one side: with the other side's record,
// as far as that exists.
func (e *Emulator) linkFields(key linkKey, other objectKind) fields {
	out := fields{"custom": nil, "status": nil, "type": nil}
	maps.Copy(out, e.links[key].announced())
	end := &object{id: key.end(other)}
	if o := e.objects[other][end.id]; o != nil {
		end = o
	}
	out[string(other)] = end.full(other)
	return out
}

// linkBody is {"set":[{"uuid":{"id":..},"custom":..}],"delete":[..]}, with
// channel in place of uuid for memberships.
type linkBody struct {
	Set    []map[string]json.RawMessage `json:"set"`
	Delete []map[string]json.RawMessage `json:"delete"`
}

// setLinks adds, changes and removes links, all of them or none.
func (e *Emulator) setLinks(q *request, k objectKind) reply {
	invalid := refuseRecord(http.StatusBadRequest, "Request payload contained invalid input.")
	var body linkBody
	if json.Unmarshal(q.body, &body) != nil || len(body.Set)+len(body.Delete) > maxPage {
		return invalid
	}
	id, other := q.channels[0], k.other()
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := map[linkKey]*link{} // nil removes
	for _, one := range body.Set {
		far, ok := linkEnd(one, other)
		if !ok {
			return invalid
		}
		key := newLinkKey(k, id, far)
		was := record{}
		if l := e.links[key]; l != nil {
			was = l.record
		}
		now, bad := was.patch(one, linkTexts, e.opts.Now())
		if bad != "" || now.size() > maxRecord {
			return invalid
		}
		changed[key] = &link{now}
	}
	for _, one := range body.Delete {
		far, ok := linkEnd(one, other)
		if !ok {
			return invalid
		}
		changed[newLinkKey(k, id, far)] = nil
	}
	if len(e.links)+len(body.Set) > maxEntries {
		return refuseRecord(http.StatusBadRequest, "Too many memberships")
	}
	ordered := slices.SortedFunc(maps.Keys(changed), func(a, b linkKey) int { return cmp.Compare(a.end(other), b.end(other)) })
	for _, key := range ordered {
		l, event, data := changed[key], "set", fields{}
		if l == nil {
			if e.links[key] == nil {
				continue
			}
			event = "delete"
			delete(e.links, key)
		} else {
			e.links[key] = l
			data = l.announced()
		}
		data["channel"], data["uuid"] = fields{"id": key.channel}, fields{"id": key.uuid}
		e.announceObject(event, "membership", data, q.uuid, key.channel, key.uuid)
	}
	return e.linkList(q, k)
}

func linkEnd(one map[string]json.RawMessage, other objectKind) (string, bool) {
	var end struct{ ID string }
	err := json.Unmarshal(one[string(other)], &end)
	return end.ID, err == nil && validUser(end.ID)
}

// linkedChannels are the channels that a memberships body sets.
func linkedChannels(raw []byte) []string {
	var body linkBody
	_ = json.Unmarshal(raw, &body) // what is wrong with it, setLinks says
	var ids []string
	for _, one := range body.Set {
		if id, ok := linkEnd(one, channelObject); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
