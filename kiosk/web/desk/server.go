package desk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/markup"
	"clinicgate/storage"
)

// Config is what the desk is told. The zero value of what is optional works.
type Config struct {
	Listen       string   // address and port on the clinic's network; port 0 for any
	Hosts        []string // names and addresses, without port, by which desks reach it
	Certificate  string   // optional: PEM file with the certificate and its chain
	Key          string   // with Certificate: PEM file with its key
	Idle         time.Duration
	Staff        []Staff
	Organization kiosk.OrganizationID
	Clinic       string // optional: a name beside "Desk"
	Zone         string // the clinic's time zone, for the page's clock
	Language     string // of the page until somebody chooses: "en" or "es"
}

// Store is the part of the store that the desk keeps its browsers, PINs and
// certificates in; *storage.Store is one.
type Store interface {
	View(ctx context.Context, fn func(r *storage.Reader) error) error
	Update(ctx context.Context, fn func(tx *storage.Tx) error) error
}

// Deps is what the desk stands on.
type Deps struct {
	Clinic Clinic
	Store  Store
	Logger *slog.Logger
	// Now tells the time of day, for certificates and for what is kept. Once the
	// true time becomes known it may jump. Optional: time.Now.
	Now func() time.Time
	// Count tells how long something lasts, whatever becomes of the time of day: a
	// session must not outlive its idleness because a clock was set back. Optional:
	// time.Now, which counts monotonically.
	Count func() time.Time
}

// The views of the store that are the desk's own.
const (
	browserView = "desk-browser" // key: id
	pinView     = "desk-pin"     // key: id of the person
	tlsView     = "desk-tls"     // key: "authority", "leaf"
)

// Server serves the desk. Make one with New.
type Server struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	now     func() time.Time
	count   func() time.Time
	journal kiosk.Journal
	idle    time.Duration
	staff   map[string]Staff // by folded id
	nobody  pinRow           // stands for the PIN of who has none

	listener net.Listener
	gate     *door.Gate
	static   map[string][]byte
	words    []words
	pages    *markup.Pages
	build    string // names the page's files: an open page of another build loads itself anew
	epoch    string // names this run
	certs    *certificates

	turn       chan struct{} // held while a PIN is computed
	acts       *rate.Limiter
	logins     *rate.Limiter
	pairs      *rate.Limiter
	pairAudits *rate.Limiter
	again      chan struct{} // rings watch

	mu       sync.Mutex // guards what follows; never held over I/O
	browsers map[door.SecretHash]*browserRow
	pairing  *pairing
	sessions map[string]*session // by browser
	guesses  guesses
	streams  map[*stream]struct{}
	view     *View // nil while nobody is logged in
	rev      uint64
}

const (
	defaultIdle = 5 * time.Minute
	deskConns   = 96
	stopWithin  = time.Second
	viewEvery   = 5 * time.Second // waits and ages change by themselves
	viewPause   = 100 * time.Millisecond
	viewWithin  = 5 * time.Second
	certEvery   = time.Minute
)

// New reads the paired browsers, makes or reads the certificate and opens the
// listener; it serves nothing yet. Where Run is never called, Close gives the
// port back.
func New(ctx context.Context, cfg Config, deps Deps) (*Server, error) {
	if deps.Clinic == nil || deps.Store == nil || deps.Logger == nil {
		return nil, errors.New("the desk needs a clinic, a store and a logger")
	}
	if len(cfg.Hosts) == 0 {
		return nil, errors.New("the desk needs the names or addresses by which it is reached")
	}
	s := &Server{
		cfg: cfg, deps: deps, log: deps.Logger, now: deps.Now, count: deps.Count, journal: kiosk.Journal{Organization: cfg.Organization}, idle: cfg.Idle,
		staff: map[string]Staff{}, epoch: uuid.NewString(), turn: make(chan struct{}, 1), again: make(chan struct{}, 1),
		acts: rate.NewLimiter(20, 60), logins: rate.NewLimiter(2, 10), pairs: rate.NewLimiter(1, 10), pairAudits: rate.NewLimiter(rate.Every(3*time.Minute), 20),
		browsers: map[door.SecretHash]*browserRow{}, sessions: map[string]*session{}, guesses: guesses{}, streams: map[*stream]struct{}{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.count == nil {
		s.count = time.Now
	}
	if s.idle == 0 {
		s.idle = defaultIdle
	}
	for _, p := range cfg.Staff {
		if _, twice := s.staff[folded(string(p.ID))]; twice || p.ID.Validate() != nil {
			return nil, errors.New("a member of staff has no id of its own")
		}
		s.staff[folded(string(p.ID))] = p
	}
	s.nobody = newPIN("no PIN at all", s.now())
	if err := s.loadBrowsers(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.certs, err = newCertificates(ctx, cfg, deps.Store, s.now, s.log); err != nil {
		return nil, err
	}
	if err := s.loadFiles(); err != nil {
		return nil, err
	}
	return s, s.listen()
}

func folded(id string) string { return strings.ToLower(strings.TrimSpace(id)) }

func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot open the desk's listener: %w", err)
	}
	s.listener = l
	s.gate = door.New("https", door.ExactHosts(s.cfg.Hosts, s.port(), "443"), s.paired, s.handlerFailed, s.routes())
	return nil
}

func (s *Server) port() string { return strconv.Itoa(s.listener.Addr().(*net.TCPAddr).Port) }

func (s *Server) routes() []door.Route {
	return append(s.staticRoutes(),
		door.Route{Path: "/", Method: http.MethodGet, Class: door.Document, Serve: s.servePage},
		door.Route{Path: "/pair", Method: http.MethodPost, Class: door.Write, Serve: s.servePair},
		door.Route{Path: "/alive", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: serveAlive},
		door.Route{Path: "/events", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: s.serveEvents},
		door.Route{Path: "/login", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: s.serveLogin},
		door.Route{Path: "/act", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: s.serveAct},
	)
}

func serveAlive(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (s *Server) handlerFailed(path string) { s.log.Error("desk handler failed", "path", path) }

// Addr gives the address that the desk listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URLs gives the addresses that a desk's browser opens, the config's first one
// first.
func (s *Server) URLs() []string {
	var list []string
	for _, h := range s.cfg.Hosts {
		list = append(list, "https://"+net.JoinHostPort(h, s.port())+"/")
	}
	return list
}

// Close gives the port back. Run does so itself.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves until ctx ends and returns nil then.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := door.Server(ctx, s.log, s.gate)
	srv.TLSConfig = s.certs.config()
	var running sync.WaitGroup
	failed := make(chan error, 1)
	running.Go(func() {
		l := tls.NewListener(door.Bounded(s.listener, deskConns), srv.TLSConfig)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("cannot serve the desk: %w", err)
		}
	})
	running.Go(func() { s.watch(ctx) })
	s.log.Info("desk serving", "addr", s.Addr())

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer done()
	s.endAll(stop)
	if srv.Shutdown(stop) != nil {
		_ = srv.Close()
	}
	running.Wait()
	return err
}

// watch keeps the view fresh, the sessions short and the certificate valid.
func (s *Server) watch(ctx context.Context) {
	changed, cancel := s.deps.Clinic.Watch()
	defer cancel()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	fresh, cert := s.count(), s.count()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			// A burst of changes is one view.
			select {
			case <-ctx.Done():
				return
			case <-time.After(viewPause):
			}
		case <-second.C:
			s.endIdle(ctx)
			if now := s.count(); now.Sub(cert) >= certEvery {
				cert = now
				s.certs.renew(ctx)
			}
			if s.count().Sub(fresh) < viewEvery {
				continue
			}
		}
		fresh = s.count()
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("cannot read what the desk shows", "reason", err)
		}
	}
}

// refresh reads the view, if somebody may see it, and shows it.
func (s *Server) refresh(ctx context.Context) error {
	s.mu.Lock()
	wanted := len(s.sessions) > 0
	s.mu.Unlock()
	if !wanted {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, viewWithin)
	defer cancel()
	v, err := s.deps.Clinic.View(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the queue: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sessions) > 0 {
		s.view = &v
		s.changed()
	}
	return nil
}
