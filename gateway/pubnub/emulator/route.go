package emulator

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// route is one row of the service's address book. Segments in braces are taken
// as arguments; {pub} and {sub} must be the keyset's keys, {channels} is a list,
// {channel} and {id} a single name. A last {json} takes the rest of the path.
type route struct {
	methods string
	path    []string
	kind    Kind
	needs   func(*request) []need
	serve   func(*Emulator, *request) reply
}

func routes() []route {
	row := func(methods, path string, kind Kind, needs func(*request) []need, serve func(*Emulator, *request) reply) route {
		return route{methods, strings.Split(path, "/"), kind, needs, serve}
	}
	const (
		get    = "GET"
		patch  = "PATCH"
		post   = "POST"
		remove = "DELETE"
		here   = "v2/presence/sub-key/{sub}"
	)
	read, write, join := onChannels(MayRead), onChannels(MayWrite), onChannelsAndGroups(MayRead)
	rows := []route{
		row(get, "publish/{pub}/{sub}/0/{channel}/{callback}/{json}", Publish, write, (*Emulator).publish),
		row(post, "publish/{pub}/{sub}/0/{channel}/{callback}", Publish, write, (*Emulator).publish),
		row(get, "signal/{pub}/{sub}/0/{channel}/{callback}/{json}", Publish, write, (*Emulator).signal),
		row(post, "signal/{pub}/{sub}/0/{channel}/{callback}", Publish, write, (*Emulator).signal),

		row(get, "v2/subscribe/{sub}/{channels}/{callback}", Subscribe, join, (*Emulator).subscribe),

		row(get, here+"/channel/{channels}/heartbeat", Presence, join, (*Emulator).heartbeat),
		row(get, here+"/channel/{channels}/leave", Presence, join, (*Emulator).leave),
		row(get, here+"/channel/{channels}/uuid/{id}/data", Presence, join, (*Emulator).setState),
		row(get, here+"/channel/{channels}/uuid/{id}", Presence, join, (*Emulator).getState),
		row(get, here+"/uuid/{id}", Presence, anyToken, (*Emulator).whereNow),

		row(get, "v3/history/sub-key/{sub}/channel/{channels}", History, read, (*Emulator).fetch),
		row(get, "v3/history-with-actions/sub-key/{sub}/channel/{channels}", History, read, (*Emulator).fetchWithActions),
		row(get, "v2/history/sub-key/{sub}/channel/{channels}", History, read, (*Emulator).fetchV2),
		row(get, "v3/history/sub-key/{sub}/message-counts/{channels}", History, read, (*Emulator).messageCounts),
		row(remove, "v3/history/sub-key/{sub}/channel/{channels}", History, onChannels(MayDelete), (*Emulator).deleteMessages),

		row(post, "v1/message-actions/{sub}/channel/{channel}/message/{timetoken}", Actions, write, (*Emulator).addAction),
		row(get, "v1/message-actions/{sub}/channel/{channel}", Actions, read, (*Emulator).getActions),
		row(remove, "v1/message-actions/{sub}/channel/{channel}/message/{timetoken}/action/{action}", Actions, onChannels(MayDelete), (*Emulator).removeAction),

		row(get, "v1/channel-registration/sub-key/{sub}/channel-group", Groups, anyToken, (*Emulator).listGroups),
		row(get, "v1/channel-registration/sub-key/{sub}/channel-group/{id}", Groups, onGroup, (*Emulator).editGroup),
		row(get, "v1/channel-registration/sub-key/{sub}/channel-group/{id}/remove", Groups, onGroup, (*Emulator).removeGroup),

		row(post, "v3/pam/{sub}/grant", Access, signed, (*Emulator).grant),
		row(remove, "v3/pam/{sub}/grant/{token}", Access, signed, (*Emulator).revoke),

		row(get, "time/{callback}", Time, nil, (*Emulator).time),
	}
	for _, spelled := range []string{"sub-key", "sub_key"} { // Go v7 uses the underscore
		rows = append(rows,
			row(get, "v2/presence/"+spelled+"/{sub}/channel/{channels}", Presence, join, (*Emulator).hereNow),
			row(get, "v2/presence/"+spelled+"/{sub}", Presence, anyToken, (*Emulator).hereNow))
	}
	for _, kind := range []objectKind{channelObject, uuidObject} {
		serve := func(f func(*Emulator, *request, objectKind) reply) func(*Emulator, *request) reply {
			return func(e *Emulator, q *request) reply { return f(e, q, kind) }
		}
		at := "v2/objects/{sub}/" + kind.plural()
		rows = append(rows,
			row(get, at, Objects, anyToken, serve((*Emulator).listObjects)),
			row(get, at+"/{id}", Objects, onObject(kind, MayGet), serve((*Emulator).getObject)),
			row(patch, at+"/{id}", Objects, onObject(kind, MayUpdate), serve((*Emulator).setObject)),
			row(remove, at+"/{id}", Objects, onObject(kind, MayDelete), serve((*Emulator).removeObject)),
			row(get, at+"/{id}/"+kind.other().plural(), Objects, onObject(kind, MayGet), serve((*Emulator).listLinks)),
			row(patch, at+"/{id}/"+kind.other().plural(), Objects, onLinks(kind), serve((*Emulator).setLinks)))
	}
	return rows
}

// match returns the arguments when the path is the route's.
func (r *route) match(method string, segments []string) (map[string]string, bool) {
	if r.methods != method {
		return nil, false
	}
	n := len(r.path)
	if r.path[n-1] == "{json}" && len(segments) > n {
		segments = append(slices.Clone(segments[:n-1]), strings.Join(segments[n-1:], "/"))
	}
	if len(segments) != n {
		return nil, false
	}
	for i, want := range r.path {
		if want[0] != '{' && want != segments[i] {
			return nil, false
		}
	}
	args := map[string]string{}
	for i, want := range r.path {
		if want[0] == '{' {
			args[want[1:len(want)-1]] = segments[i]
		}
	}
	return args, true
}

// ServeHTTP answers one call.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := newRequest(r)
	e.traffic.add(q)
	select {
	case <-e.done:
		reset(w)
		return
	default:
	}
	if r.Method == http.MethodOptions {
		allowBrowser(w)
		return
	}
	rt := e.route(q)
	if rt == nil {
		refuse(http.StatusNotFound, "Not Found", "emulator").send(w)
		return
	}
	q.fault = e.faults.plan(q.kind, q.channels)
	e.run(rt, q, err).send(w)
}

// run lets faults act around the handler.
func (e *Emulator) run(rt *route, q *request, bodyErr error) reply {
	if !e.pause(q, q.fault.delay, nil) {
		return reply{}
	}
	f := q.fault.final
	if f != nil && !f.rule.Accept && f.rule.Action != Truncate {
		return e.fail(q, f, reply{})
	}
	rep := e.handle(rt, q, bodyErr)
	if f != nil {
		return e.fail(q, f, rep)
	}
	return rep
}

func (e *Emulator) handle(rt *route, q *request, bodyErr error) reply {
	if rt.kind != Publish && len(q.uri) > maxURI {
		return e.refuseKind(rt.kind, http.StatusRequestURITooLong, "Request URI Too Long")
	}
	if errors.Is(bodyErr, errBodyTooLarge) {
		return e.refuseKind(rt.kind, e.opts.OversizeStatus, "Request Entity Too Large")
	}
	if bodyErr != nil {
		return e.refuseKind(rt.kind, http.StatusBadRequest, "Invalid Body")
	}
	if pub, ok := q.args["pub"]; ok && unescape(pub) != e.opts.PublishKey {
		return e.refuseKind(rt.kind, http.StatusBadRequest, "Invalid Key")
	}
	if sub, ok := q.args["sub"]; ok && unescape(sub) != e.opts.SubscribeKey {
		return e.refuseKind(rt.kind, http.StatusBadRequest, "Invalid Subscribe Key")
	}
	if refused, ok := e.authorize(rt, q); !ok {
		return refused
	}
	return rt.serve(e, q)
}

func (e *Emulator) route(q *request) *route {
	segments := strings.Split(strings.TrimPrefix(q.path, "/"), "/")
	for i := range e.routes {
		rt := &e.routes[i]
		args, ok := rt.match(q.method, segments)
		if !ok {
			continue
		}
		q.kind, q.args = rt.kind, args
		if list, ok := args["channels"]; ok {
			q.channels = splitList(list)
		} else if name, ok := args["channel"]; ok {
			q.channels = []string{unescape(name)}
		} else if id, ok := args["id"]; ok && rt.kind == Objects {
			q.channels = []string{unescape(id)}
		}
		return rt
	}
	return nil
}

// allowBrowser answers the question a browser asks before a PATCH or DELETE.
func allowBrowser(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, If-Match")
	w.WriteHeader(http.StatusNoContent)
}

// time tells the keyset's clock, as a number.
func (e *Emulator) time(*request) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	return answer(http.StatusOK, []int64{max(e.last, e.opts.Now().UnixNano()/100)})
}
