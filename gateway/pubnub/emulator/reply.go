package emulator

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
)

// JavaScript refuses a reply whose type names neither javascript nor json.
const contentType = `text/javascript; charset="UTF-8"`

// reply is what a handler answers. The zero value resets the connection.
type reply struct {
	status int
	header http.Header
	body   []byte
	cut    bool // send only half of the body, then break off
}

// answer encodes v as it stands: payloads keep their characters.
func answer(status int, v any) reply {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return refuse(http.StatusInternalServerError, "cannot encode reply", "emulator")
	}
	return reply{status: status, body: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}
}

// fields is one JSON object of a reply.
type fields = map[string]any

// refuse is the error form of subscribe, Access Manager and everything that has
// no form of its own.
func refuse(status int, message, service string) reply {
	return answer(status, fields{"status": status, "error": true, "message": message, "service": service})
}

func (e *Emulator) refusePublish(status int, reason string) reply {
	e.mu.Lock()
	tt := e.next()
	e.mu.Unlock()
	return answer(status, []any{0, reason, formatToken(tt)})
}

func refusePresence(status int, message string) reply {
	return answer(status, fields{"status": status, "error": 1, "message": message, "service": "Presence"})
}

func refuseHistory(status int, message string) reply {
	return answer(status, fields{"status": status, "error": true, "error_message": message, "channels": fields{}})
}

// refuseObject is the error form of App Context, message actions and grants,
// where error is an object. location may be empty.
func refuseObject(status int, message, source, location, in string) reply {
	err := fields{"message": message, "source": source}
	if location != "" {
		err["details"] = []fields{{"message": message, "location": location, "locationType": in}}
	}
	return answer(status, fields{"status": status, "error": err})
}

// refuseKind answers in the form the endpoint's clients expect.
func (e *Emulator) refuseKind(k Kind, status int, message string) reply {
	switch k {
	case Publish:
		return e.refusePublish(status, message)
	case Presence:
		return refusePresence(status, message)
	case History:
		return refuseHistory(status, message)
	case Objects:
		return refuseObject(status, message, "objects", "", "")
	case Actions:
		return refuseObject(status, message, "actions", "", "")
	}
	return refuse(status, message, "Access Manager")
}

// send writes the reply. Browsers may read it from any origin, as they may the
// real service.
func (r reply) send(w http.ResponseWriter) {
	if r.status == 0 {
		reset(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Access-Control-Allow-Origin", "*")
	for k, v := range r.header {
		h[k] = v
	}
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	if r.cut {
		_, _ = w.Write(r.body[:len(r.body)/2])
		_ = http.NewResponseController(w).Flush()
		reset(w)
		return
	}
	_, _ = w.Write(r.body)
}

// reset breaks the connection off: with a TCP reset where the connection is at
// hand, else by the server's own abort.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	inner := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = t.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
