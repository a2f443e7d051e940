package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"clinicgate/gateway/doctor"
)

const (
	headerTime = 3 * time.Second
	answerTime = 70 * time.Second // longer than all checks
	stopTime   = time.Second
	maxHeader  = 8 << 10
)

// Server answers on loopback. Make it with Listen; Run it once.
type Server struct {
	listener net.Listener
	collect  func(context.Context, *Page)
	checks   func(context.Context) []doctor.Report
}

// Listen binds an address of this machine. collect writes the metrics; checks
// gives how everything is.
func Listen(addr string, collect func(context.Context, *Page), checks func(context.Context) []doctor.Report) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for metrics: %w", err)
	}
	if at, err := netip.ParseAddrPort(l.Addr().String()); err != nil || !at.Addr().IsLoopback() {
		return nil, errors.Join(errors.New("metrics.listen is for loopback only"), l.Close())
	}
	return &Server{l, collect, checks}, nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close lets go of the address.
func (s *Server) Close() error { return s.listener.Close() }

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(io.Discard, "", 0), // net/http's lines may repeat what a client sent
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(s.listener)
	if stop() {
		_ = server.Close()
		return fmt.Errorf("metrics ended: %w", err)
	}
	<-stopped
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		var p Page
		s.collect(r.Context(), &p)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(p.Bytes())
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		h := HealthOf(s.checks(r.Context()))
		status := http.StatusOK
		if h.State == doctor.Fail {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, h)
	})
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, Health{Version: 1, State: doctor.OK})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !ownName(r.Host) {
			http.Error(w, "this is not a name of this machine", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// ownName reports whether a Host header names this machine, so that a page whose
// name was pointed here reads nothing.
func ownName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && addr.IsLoopback()
}

// Health is how the service is, without words about it.
type Health struct {
	Version int          `json:"version"`
	State   doctor.State `json:"state"` // the worst
	Checks  []Checked    `json:"checks,omitempty"`
}

// Checked is one check.
type Checked struct {
	ID    string       `json:"id"`
	State doctor.State `json:"state"`
	Since time.Time    `json:"since,omitzero"`
}

// HealthOf leaves out what is not for everybody on this machine.
func HealthOf(reports []doctor.Report) Health {
	h := Health{Version: 1, State: doctor.Worst(reports)}
	for _, r := range reports {
		h.Checks = append(h.Checks, Checked{r.ID, r.State, r.Since})
	}
	return h
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "cannot write the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
