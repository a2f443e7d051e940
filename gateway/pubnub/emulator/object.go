package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// objectKind is one of the two families of App Context records.
type objectKind string

const (
	channelObject objectKind = "channel"
	uuidObject    objectKind = "uuid"
)

func (k objectKind) plural() string { return string(k) + "s" }

func (k objectKind) other() objectKind {
	if k == channelObject {
		return uuidObject
	}
	return channelObject
}

// texts are the text fields a record of this kind may have; the last two are
// shown only when asked for.
func (k objectKind) texts() []string {
	if k == channelObject {
		return []string{"name", "description", "status", "type"}
	}
	return []string{"name", "externalId", "profileUrl", "email", "status", "type"}
}

var linkTexts = []string{"status", "type"}

// record is what channels, users and links have in common: text fields, custom
// scalars that are replaced whole, and a fingerprint of both.
type record struct {
	texts   map[string]string
	custom  map[string]any // nil when never set
	updated time.Time
	etag    string
}

// object is the metadata of a channel or a user. The emulator's mu guards it.
type object struct {
	id string
	record
}

func refuseRecord(status int, message string) reply {
	return refuseObject(status, message, "objects", "", "")
}

// patch applies the members of body that the record may have: a text or null for
// each text field, an object of scalars or null for custom. Absent members stay.
// It returns what is wrong, or nothing.
func (r record) patch(body map[string]json.RawMessage, texts []string, now time.Time) (record, string) {
	r.texts, r.custom = maps.Clone(r.texts), maps.Clone(r.custom)
	if r.texts == nil {
		r.texts = map[string]string{}
	}
	for _, name := range texts {
		raw, ok := body[name]
		if !ok {
			continue
		}
		var text *string
		if json.Unmarshal(raw, &text) != nil {
			return r, name
		}
		delete(r.texts, name)
		if text != nil {
			r.texts[name] = *text
		}
	}
	if raw, ok := body["custom"]; ok {
		r.custom = nil
		if json.Unmarshal(raw, &r.custom) != nil {
			return r, "custom"
		}
		for key, v := range r.custom {
			if v == nil || !scalar(v) {
				return r, "custom." + key
			}
		}
	}
	content, _ := json.Marshal([]any{r.texts, r.custom})
	sum := sha256.Sum256(content)
	r.etag, r.updated = base64.RawURLEncoding.EncodeToString(sum[:12]), now
	return r, ""
}

func (r record) size() int {
	n := 0
	for _, v := range r.texts {
		n += len(v)
	}
	custom, _ := json.Marshal(r.custom)
	return n + len(custom)
}

// stamp adds the members every form of a record has.
func (r record) stamp(out fields) {
	out["updated"] = r.updated.UTC().Format("2006-01-02T15:04:05.000000Z")
	out["eTag"] = r.etag
}

// announced is the form in events: only what is set, because Go v7 panics on a
// null.
func (r record) announced() fields {
	out := fields{}
	for k, v := range r.texts {
		out[k] = v
	}
	if r.custom != nil {
		out["custom"] = r.custom
	}
	r.stamp(out)
	return out
}

// full is the record with every member, for filters and sorting.
func (o *object) full(k objectKind) fields {
	out := fields{"id": o.id, "custom": nil}
	for _, name := range k.texts() {
		out[name] = nil
	}
	maps.Copy(out, o.announced())
	return out
}

// includes is what a caller asked to see beyond the plain record.
type includes map[string]bool

func parseIncludes(q *request) includes {
	in := includes{}
	for _, name := range splitPlain(q.query["include"]) {
		in[name] = true
	}
	return in
}

// trim takes away what a caller did not ask for; prefix is empty or the record's
// place in another with a dot.
func (in includes) trim(full fields, prefix string) fields {
	for _, name := range []string{"custom", "status", "type"} {
		if !in[prefix+name] {
			delete(full, name)
		}
	}
	return full
}

func (e *Emulator) getObject(q *request, k objectKind) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := e.objects[k][q.channels[0]]
	if o == nil {
		return refuseRecord(http.StatusNotFound, "Requested object was not found.")
	}
	return e.objectReply(q, k, o)
}

func (e *Emulator) objectReply(q *request, k objectKind, o *object) reply {
	return answer(http.StatusOK, fields{"status": http.StatusOK, "data": parseIncludes(q).trim(o.full(k), "")})
}

// setObject merges the body into the record, unless If-Match names another state.
func (e *Emulator) setObject(q *request, k objectKind) reply {
	var body map[string]json.RawMessage
	if json.Unmarshal(q.body, &body) != nil || body == nil {
		return refuseRecord(http.StatusBadRequest, "Request payload contained invalid input.")
	}
	id := q.channels[0]
	if k == channelObject && !validName(id) || !validUser(id) {
		return refuseRecord(http.StatusBadRequest, "Invalid object id.")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	o := e.objects[k][id]
	if want := strings.Trim(q.header.Get("If-Match"), `"`); want != "" && want != "*" && (o == nil || o.etag != want) {
		return refuseObject(http.StatusPreconditionFailed, "Channel to update has been modified after it was read.", "objects", "If-Match", "header")
	}
	if o == nil {
		if len(e.objects[k]) >= maxEntries {
			return refuseRecord(http.StatusBadRequest, "Too many objects")
		}
		o = &object{id: id}
	}
	changed, bad := o.patch(body, k.texts(), e.opts.Now())
	if bad != "" {
		return refuseObject(http.StatusBadRequest, "Request payload contained invalid input.", "objects", bad, "body")
	}
	if changed.size() > maxRecord {
		return refuseRecord(http.StatusRequestEntityTooLarge, "Object is too large.")
	}
	o.record = changed
	e.objects[k][id] = o
	data := o.announced()
	data["id"] = id
	e.announceObject("set", string(k), data, q.uuid, id)
	return e.objectReply(q, k, o)
}

// removeObject removes the record and its links. What never was is removed too.
func (e *Emulator) removeObject(q *request, k objectKind) reply {
	id := q.channels[0]
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.objects[k][id] != nil {
		delete(e.objects[k], id)
		for key := range e.links {
			if key.end(k) == id {
				delete(e.links, key)
			}
		}
		e.announceObject("delete", string(k), fields{"id": id}, q.uuid, id)
	}
	return answer(http.StatusOK, fields{"status": http.StatusOK, "data": nil})
}

// announceObject delivers an App Context event on the given channels.
func (e *Emulator) announceObject(event, kind string, data fields, uuid string, channels ...string) {
	body := answer(0, fields{"source": "objects", "version": "2.0", "event": event, "type": kind, "data": data}).body
	for _, name := range channels {
		e.deliver(&Message{Channel: name, Payload: body, UUID: uuid, Timetoken: e.next()}, typeObject)
	}
}

func (e *Emulator) listObjects(q *request, k objectKind) reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	in := parseIncludes(q)
	var rows []row
	for _, id := range slices.Sorted(maps.Keys(e.objects[k])) {
		o := e.objects[k][id]
		rows = append(rows, row{o.full(k), in.trim(o.full(k), "")})
	}
	return list(q, rows)
}
