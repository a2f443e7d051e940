package emulator

import (
	"maps"
	"net/http"
	"slices"
)

// group is a named set of channels. The emulator's mu guards it.
type group struct {
	channels map[string]struct{}
}

// members lists a group's channels, sorted; a missing group has none.
func (g *group) members() []string {
	if g == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(g.channels))
}

func groupReply(more fields) reply {
	body := fields{"status": http.StatusOK, "service": "channel-registry", "error": false}
	maps.Copy(body, more)
	return answer(http.StatusOK, body)
}

func (e *Emulator) listGroups(*request) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := append([]string{}, slices.Sorted(maps.Keys(e.groups))...)
	return groupReply(fields{"payload": fields{"groups": names, "namespace": ""}})
}

// editGroup adds, removes, or lists.
func (e *Emulator) editGroup(q *request) reply {
	name := unescape(q.args["id"])
	add, remove := splitPlain(q.query["add"]), splitPlain(q.query["remove"])
	if !validName(name) || slices.ContainsFunc(add, func(c string) bool { return !validName(c) }) {
		return refuse(http.StatusBadRequest, "Invalid name", "channel-registry")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.groups[name]
	if len(add) == 0 && len(remove) == 0 {
		return groupReply(fields{"payload": fields{"channels": append([]string{}, g.members()...), "group": name}})
	}
	if g == nil && len(e.groups) >= maxEntries {
		return refuse(http.StatusBadRequest, "Too many groups", "channel-registry")
	}
	after := map[string]struct{}{}
	for _, c := range g.members() {
		after[c] = struct{}{}
	}
	for _, c := range add {
		after[c] = struct{}{}
	}
	for _, c := range remove {
		delete(after, c)
	}
	if len(after) > maxInGroup {
		return refuse(http.StatusBadRequest, "Maximum channels in a group exceeded", "channel-registry")
	}
	e.groups[name] = &group{after}
	if len(after) == 0 {
		delete(e.groups, name)
	}
	e.regroup()
	return groupReply(fields{"message": "OK"})
}

func (e *Emulator) removeGroup(q *request) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.groups, unescape(q.args["id"]))
	e.regroup()
	return groupReply(fields{"message": "OK"})
}

// regroup lets held polls look at their groups again.
func (e *Emulator) regroup() {
	close(e.regrouped)
	e.regrouped = make(chan struct{})
}
