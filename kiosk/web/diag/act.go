package diag

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/door"
)

const (
	maxActBytes = 1 << 10
	maxScan     = 4096
	waitWithin  = 10 * time.Second // for a line or a reading; the page asks again
	actWithin   = 15 * time.Second
	checkWithin = 65 * time.Second
	lineWithin  = 3 * time.Second
	logLines    = 300
)

// action is what the page posts to /diag/act.
type action struct {
	Act       string `json:"act"`
	Device    string `json:"device,omitempty"`    // await, try, judge
	Passed    bool   `json:"passed,omitempty"`    // judge
	After     uint64 `json:"after,omitempty"`     // log
	Component string `json:"component,omitempty"` // log, level
	Level     string `json:"level,omitempty"`     // log, level
}

var errAction = errors.New("not an action of the page")

// decode reads one JSON object and nothing else. The error does not repeat it.
func decode(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		return errAction
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errAction
	}
	return nil
}

func parseAction(r io.Reader) (a action, err error) {
	err = decode(r, &a)
	if len(a.Device) > 64 || len(a.Component) > 64 || len(a.Level) > 8 {
		err = errAction
	}
	return a, err
}

// serveAct does one thing and answers with what came of it.
//
//	200  it was done
//	409  it was not: {"refused": "failed", "why": ..., "next": ...}
func (s *Server) serveAct(w http.ResponseWriter, r *http.Request, x *session) {
	if !s.acts.Allow() {
		door.Refuse(w, http.StatusTooManyRequests)
		return
	}
	a, err := parseAction(http.MaxBytesReader(w, r.Body, maxActBytes))
	if err != nil {
		door.Refuse(w, http.StatusBadRequest)
		return
	}
	if a.Act != "log" && a.Act != "await" { // those go on by themselves
		s.touched(x)
	}
	ctx, cancel := context.WithTimeout(r.Context(), actWithin)
	defer cancel()
	out, err := s.do(ctx, x, a)
	var no *Refusal
	switch {
	case x.ctx.Err() != nil:
		door.Refuse(w, http.StatusUnauthorized)
	case err == nil:
		door.Answer(w, http.StatusOK, out)
	case errors.Is(err, errAction):
		door.Refuse(w, http.StatusBadRequest)
	case errors.As(err, &no):
		door.Answer(w, http.StatusConflict, said{"failed", no.Message, no.Next})
	default:
		s.log.Warn("diagnostics act failed", "act", a.Act, "err", err)
		door.Answer(w, http.StatusConflict, said{Refused: "failed"})
	}
}

type said struct {
	Refused string `json:"refused"`
	Why     string `json:"why,omitempty"`
	Next    string `json:"next,omitempty"`
}

func (s *Server) do(ctx context.Context, x *session, a action) (any, error) {
	k := s.deps.Kiosk
	switch a.Act {
	case "active":
		return struct{}{}, nil
	case "leave":
		s.Leave("left")
		return struct{}{}, nil
	case "log":
		ctx, cancel := context.WithTimeout(ctx, waitWithin)
		defer cancel()
		return k.Log(ctx, LogQuery{After: a.After, Component: a.Component, Level: a.Level, Lines: logLines})
	case "level":
		return struct{}{}, k.SetLevel(ctx, x.by, a.Component, a.Level)
	case "await":
		t, err := k.Await(ctx, x.by, a.Device)
		if t.Read {
			s.touched(x)
		}
		return t, err
	case "try":
		return k.Try(ctx, x.by, a.Device)
	case "judge":
		return struct{}{}, k.Judge(ctx, x.by, a.Device, a.Passed)
	}
	return nil, errAction
}

// checked is a line of what serveCheck answers; exactly one member is set.
type checked struct {
	Check *Finding `json:"check,omitempty"`
	Code  string   `json:"code,omitempty"`
	Busy  bool     `json:"busy,omitempty"`
}

// serveCheck runs the checks and writes each finding as a line of JSON, then the
// support code.
func (s *Server) serveCheck(w http.ResponseWriter, r *http.Request, x *session) {
	s.touched(x)
	var none struct{}
	if decode(http.MaxBytesReader(w, r.Body, maxActBytes), &none) != nil {
		door.Refuse(w, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	control, lines := http.NewResponseController(w), json.NewEncoder(w)
	ctx, cancel := context.WithTimeout(r.Context(), checkWithin)
	defer cancel()
	tell := func(c checked) {
		_ = control.SetWriteDeadline(time.Now().Add(lineWithin))
		if errors.Join(lines.Encode(c), control.Flush()) != nil {
			cancel()
		}
	}
	select {
	case s.checking <- struct{}{}:
		defer func() { <-s.checking }()
	default:
		tell(checked{Busy: true})
		return
	}
	code := s.deps.Kiosk.Check(ctx, func(f Finding) { tell(checked{Check: &f}) })
	tell(checked{Code: code})
}

// serveScan takes what a scanner typed into the pad or the page. Unless its scanner is
// under test, it is a patient's, and the check-in page comes back.
func (s *Server) serveScan(w http.ResponseWriter, r *http.Request) {
	if !s.acts.Allow() {
		door.Refuse(w, http.StatusTooManyRequests)
		return
	}
	var in struct {
		Code string `json:"code"`
	}
	if decode(http.MaxBytesReader(w, r.Body, 8*maxScan), &in) != nil || len(in.Code) > maxScan {
		door.Refuse(w, http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), actWithin)
	defer cancel()
	if err := s.deps.Captured(ctx, phi.New(in.Code)); err != nil {
		s.log.Warn("scan of the diagnostics page was not taken", "err", err)
	}
	w.WriteHeader(http.StatusNoContent)
}
