package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"clinicgate/gateway/doctor"
)

const (
	version = "v1"

	maxBody       = 64 << 10
	maxRosterBody = 24 << 20 // a CSV of 16 MiB in base64

	callTimeout   = 30 * time.Second
	streamTimeout = 2 * time.Hour
	writeTimeout  = 15 * time.Second // of one line of a stream

	progressEvery = 200 * time.Millisecond
)

// endpoint is one row of the table: its name is its path below /v1/ and the
// subcommand that asks for it.
type endpoint struct {
	name   string
	roles  Roles
	method string
	body   int64 // bytes at most
	serve  func(ctx context.Context, by Caller, body []byte, w http.ResponseWriter) error
	told   bool // has no audit event of its own, so that its use gets one
}

// tell gives an endpoint whose use is recorded as access.
func tell(e endpoint) endpoint {
	e.told = true
	return e
}

// endpoints is the whole API: what there is and who may use it.
func endpoints(b Backend) []endpoint {
	const (
		people = Desk | Technician | Admin
		tech   = Technician | Admin
		desk   = Desk | Admin
	)
	return []endpoint{
		read("status", people, b.Status.Status),
		read("sync/status", people, b.Status.Sync),
		looks("doctor/look", people, b.Doctor.Look),
		tell(stream("validate", tech, b.Doctor.Validate)),
		act("doctor/fix", tech, b.Doctor.Fix),
		tell(read("devices/list", tech, b.Status.Devices)),
		act("devices/await", tech, b.Tests.Await),
		act("devices/try", tech, b.Tests.Try),
		act("devices/judge", tech, b.Tests.Judge),
		act("devices/replace", tech, b.Tests.Replace),
		act("devices/credential", Admin, b.MQTT.Credential), // whoever has it speaks as the device
		tell(act("devices/watch", tech, b.MQTT.Watch)),
		read("log/levels", tech, b.Log.Levels),
		tell(act("log/level", tech, b.Log.SetLevel)),
		tell(act("log/tail", tech, b.Log.Tail)),
		makes("bundle/make", tech, b.Bundle.Make),
		tell(act("diag/open", tech, b.Diag.Open)),
		tell(act("diag/close", tech, b.Diag.Close)),
		read("diag/status", tech, b.Diag.Status),

		act("page/launch", KioskSession|Admin, b.Page.Launch),
		read("page/seen", KioskSession|Admin, b.Page.Seen),

		read("queue/list", desk, b.Queue.List),
		act("queue/reveal", desk, b.Queue.Reveal),
		act("queue/admit", desk, b.Queue.Admit),
		act("queue/walk-in", desk, b.Queue.WalkIn),
		act("queue/match", desk, b.Queue.Match),
		act("queue/call", desk, b.Queue.Call),
		act("queue/status", desk, b.Queue.SetStatus),
		act("queue/remove", desk, b.Queue.Remove),
		act("queue/priority", desk, b.Queue.SetPriority),
		act("queue/transfer", desk, b.Queue.Transfer),
		act("queue/undo", desk, b.Queue.Undo),
		act("provider/status", desk, b.Queue.SetProvider),
		read("help/list", people, b.Queue.Help),
		act("help/acknowledge", people, b.Queue.AcknowledgeHelp),

		act("consent/list", desk, b.Consent.List),
		act("consent/revoke", desk, b.Consent.Revoke),
		act("consent/signature", desk, b.Consent.Signature),

		act("desk/pair", desk, b.Desk.Pair),
		read("desk/browsers", desk, b.Desk.Browsers),
		act("desk/revoke", desk, b.Desk.Revoke),
		act("desk/pin", Admin|PINs, b.Desk.SetPIN), // whoever sets a PIN can act under that name
		read("desk/certificate", people, b.Desk.Certificate),

		act("break-glass/open", people, b.Glass.Open),
		read("break-glass/list", people, b.Glass.List),
		act("break-glass/end", people, b.Glass.End),

		upload("roster/import", desk, b.Roster.Import),
		read("roster/held", people, b.Roster.Held),
		act("roster/accept", desk, b.Roster.Accept),
		act("roster/refuse", desk, b.Roster.Refuse),

		tell(read("keys/list", tech, b.Keys.List)),
		act("keys/import", Admin, b.Keys.Import),
		act("keys/rotate", Admin, b.Keys.Rotate),
		act("keys/erase", Admin, b.Keys.Erase),
		act("keys/recovery", Admin, b.Keys.SetRecovery),

		tell(act("audit/list", tech, b.Audit.List)),
		tell(stream("audit/verify", tech, b.Audit.Verify)),
		tell(stream("store/check", tech, b.Store.Check)),
		tell(stream("store/compact", Admin, b.Store.Compact)),
		tell(stream("retention/run", Admin, b.Store.Retain)),
		act("token/read", tech, b.Token.Read),
		stream("store/backup", Admin, b.Store.Backup),

		read("upgrade/look", Admin, b.Upgrade.Look),
		act("upgrade/record", Admin, b.Upgrade.Record),
	}
}

// None is the answer or the parameters of what has none.
type None struct{}

// Progress says how far long work is. Total is 0 where it is not known.
type Progress struct {
	Done  uint64 `json:"done"`
	Total uint64 `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"` // "records", "pages"
}

// line is one line of a stream; exactly one member is set.
type line struct {
	Progress *Progress       `json:"progress,omitempty"`
	Check    *doctor.Report  `json:"check,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

func read[Out any](name string, roles Roles, f func(context.Context, Caller) (Out, error)) endpoint {
	return endpoint{name: name, roles: roles, method: http.MethodGet, serve: func(ctx context.Context, by Caller, _ []byte, w http.ResponseWriter) error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		out, err := f(ctx, by)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, out)
	}}
}

func act[In, Out any](name string, roles Roles, f func(context.Context, Caller, In) (Out, error)) endpoint {
	return endpoint{name: name, roles: roles, method: http.MethodPost, body: maxBody, serve: func(ctx context.Context, by Caller, body []byte, w http.ResponseWriter) error {
		in, err := decode[In](body)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		out, err := f(ctx, by, in)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, out)
	}}
}

func upload[In, Out any](name string, roles Roles, f func(context.Context, Caller, In) (Out, error)) endpoint {
	e := act(name, roles, f)
	e.body = maxRosterBody
	return e
}

// stream tells how far the work is while it goes on.
func stream[In, Out any](name string, roles Roles, f func(context.Context, Caller, In, func(Progress)) (Out, error)) endpoint {
	return lines(name, roles, func(ctx context.Context, by Caller, in In, w *lineWriter) (Out, error) {
		return f(ctx, by, in, w.progress)
	})
}

// lines answers with a line for whatever f writes, and with its result or its error
// in the last one.
func lines[In, Out any](name string, roles Roles, f func(context.Context, Caller, In, *lineWriter) (Out, error)) endpoint {
	return endpoint{name: name, roles: roles, method: http.MethodPost, body: maxBody, serve: func(ctx context.Context, by Caller, body []byte, w http.ResponseWriter) error {
		in, err := decode[In](body)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, streamTimeout)
		defer cancel()
		w.Header().Set("Content-Type", "application/x-ndjson")
		written := lineWriter{w: w, gone: cancel}
		out, err := f(ctx, by, in, &written)
		if err != nil {
			written.write(line{Error: failure(err)})
			return nil
		}
		result, err := json.Marshal(out)
		if err != nil {
			return err
		}
		written.write(line{Result: result})
		return nil
	}}
}

// begun is lines whose first line comes at once: a caller who gets none knows that the
// service hangs.
func begun[In, Out any](name string, roles Roles, unit string, f func(context.Context, Caller, In, *lineWriter) (Out, error)) endpoint {
	return lines(name, roles, func(ctx context.Context, by Caller, in In, w *lineWriter) (Out, error) {
		w.write(line{Progress: &Progress{Unit: unit}})
		return f(ctx, by, in, w)
	})
}

// lineWriter writes the lines of one stream. When the caller is gone it ends
// the work.
type lineWriter struct {
	w    http.ResponseWriter
	gone context.CancelFunc

	mu   sync.Mutex // guards the writer and last: work may report from several goroutines
	last time.Time
}

func (l *lineWriter) progress(p Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.last) >= progressEvery {
		l.last = now
		l.writeLocked(line{Progress: &p})
	}
}

func (l *lineWriter) write(v line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeLocked(v)
}

func (l *lineWriter) writeLocked(v line) {
	c := http.NewResponseController(l.w)
	_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := errors.Join(json.NewEncoder(l.w).Encode(v), c.Flush()); err != nil {
		l.gone()
	}
}

// decode reads the one JSON object of a body. The error does not repeat it.
func decode[In any](body []byte) (in In, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, &Error{Code: Invalid, Message: "request is not the JSON object that this endpoint expects", Next: "use the `clinicgate` of the same version as the service"}
	}
	if _, err := d.Token(); err != io.EOF {
		return in, &Error{Code: Invalid, Message: "request has something after its JSON object"}
	}
	return in, nil
}

func answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a caller who is gone needs no answer
	return nil
}
