package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"clinicgate/gateway/config"
)

const (
	maxConns      = 32 // long works among them
	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	idleTimeout   = time.Minute
	stopTimeout   = 2 * time.Second
)

// Server answers on the control channel. Make it with New; Open, then Run, once.
type Server struct {
	cfg      config.Control
	log      *slog.Logger
	table    map[string]endpoint
	identify func(net.Conn) (Peer, error)
	resolve  resolver
	listener net.Listener
	leave    chan struct{} // closed by Leave
	leaving  sync.Once
	left     chan struct{} // closed when nothing is answered any more
	accesses Accesses
	glasses  BreakGlasses
	told     told
}

// New makes a Server. It starts nothing.
func New(cfg config.Control, b Backend, log *slog.Logger) (*Server, error) {
	if err := b.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, table: map[string]endpoint{}, leave: make(chan struct{}), left: make(chan struct{}), identify: peerOf, resolve: resolvePrincipal, accesses: b.Access, glasses: b.Glass}
	for _, e := range endpoints(b) {
		s.table["/"+version+"/"+e.name] = e
	}
	return s, nil
}

// Open binds the channel, so that a second service on this machine is noticed
// before anything else starts. One that an earlier server answered on is taken over
// with those who wait on it.
func (s *Server) Open(on *Channel) error {
	if err := on.bind(s.cfg); err != nil {
		return err
	}
	s.listener = limit(on.turn(), maxConns)
	return nil
}

// Run answers until ctx ends or Leave is called, then gives open requests two
// seconds. It returns when ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		return errors.New("control channel was not opened")
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			// Windows can tell the client only after it has sent something, so
			// this is asked for when the first request is there.
			return context.WithValue(ctx, peerKey{}, sync.OnceValues(func() (Peer, error) { return s.identify(c.(*limitedConn).Conn) }))
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	select {
	case err := <-ended:
		_ = server.Close()
		return fmt.Errorf("control channel ended: %w", err)
	case <-ctx.Done():
	case <-s.leave:
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		_ = server.Close()
	}
	<-ended
	close(s.left)
	<-ctx.Done()
	return nil
}

// Leave ends the answering of a server that runs, and returns when what was asked is
// answered. Who asks from then on waits for the channel's next server.
func (s *Server) Leave(ctx context.Context) {
	s.leaving.Do(func() { close(s.leave) })
	select {
	case <-s.left:
	case <-ctx.Done():
	}
}

type peerKey struct{}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			// What was panicked with may hold what is in a body, so only its type
			// is said.
			kind := fmt.Sprintf("%T", p)
			s.log.Error("control handler broke", "endpoint", s.table[r.URL.Path].name, "kind", kind)
			_ = answer(w, http.StatusInternalServerError, refused{&Error{Code: Failed, Message: "the service made a mistake (" + kind + ")", Next: "report this with the version from `clinicgate version`"}})
		}
	}()
	if err := s.handle(w, r); err != nil {
		f := failure(err)
		if answer(w, statusOf[f.Code], refused{f}) != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
}

// refused is the answer to a request that was not done.
type refused struct {
	Error *Error `json:"error"`
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) error {
	peer, err := r.Context().Value(peerKey{}).(func() (Peer, error))()
	if err != nil {
		s.log.Warn("control caller is unknown", "err", err)
		return &Error{Code: Denied, Message: "the system does not tell which account this is"}
	}
	roles := rolesOf(peer, s.cfg.Roles, s.resolve)
	caller := callerOf(peer, roles)
	if roles != 0 {
		caller.Roles |= s.glasses.Granted(caller.Actor)
	}
	e, ok := s.table[r.URL.Path]
	if !ok {
		if !strings.HasPrefix(r.URL.Path, "/"+version+"/") {
			return &Error{Code: NotFound, Message: "this service speaks version " + version + " of the control API", Next: "use the `clinicgate` of the same version as the service"}
		}
		return &Error{Code: NotFound, Message: "no such endpoint", Next: "use the `clinicgate` of the same version as the service"}
	}
	if caller.Roles&e.roles == 0 {
		s.log.Warn("control request denied", "endpoint", e.name, "actor", caller.Actor.String(), "roles", roles.String())
		s.record(r.Context(), Access{caller, e.name, true}, tellRefused)
		return lacks(peer.Name, e.roles)
	}
	if r.Method != e.method {
		return &Error{Code: Invalid, Message: "this endpoint wants " + e.method}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, e.body))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &Error{Code: Invalid, Message: fmt.Sprintf("request is larger than %d bytes", e.body)}
	} else if err != nil {
		return &Error{Code: Invalid, Message: "request ended early"}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if roles&e.roles == 0 {
		if err := s.glasses.Used(r.Context(), caller, e.roles, e.name); err != nil {
			return err
		}
	}
	if e.method == http.MethodPost {
		s.log.Info("control act", "endpoint", e.name, "actor", caller.Actor.String())
	}
	switch {
	case e.told && e.method == http.MethodPost:
		s.record(r.Context(), Access{By: caller, Endpoint: e.name}, 0)
	case e.told:
		s.record(r.Context(), Access{By: caller, Endpoint: e.name}, tellReads)
	}
	return e.serve(r.Context(), caller, body, w)
}
