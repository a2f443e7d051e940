package diag

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/markup"
)

// Path is where the page is on the patient page's listener.
const Path = "/diag"

// Config is what the page is told.
type Config struct {
	Language string        // begins with: "en" or "es"
	ScanGap  time.Duration // as the check-in page's
	ScanEnds []string
}

// Deps is what the page stands on. All are needed but the clocks.
type Deps struct {
	Kiosk  Kiosk
	Logger *slog.Logger
	// Audit records an act.
	Audit func(context.Context, kiosk.Act, kiosk.AuditType, kiosk.AuditFacts) error
	// Free reports whether nobody checks in and nobody waits for help.
	Free func() bool
	// Captured takes what a scanner typed into the page.
	Captured func(context.Context, phi.Text) error
	Now      func() time.Time // the time of day, for people
	Count    func() time.Time // counts monotonically, for what lasts
}

// Server answers below Path. Make one with New; it serves while Run runs.
type Server struct {
	cfg    Config
	deps   Deps
	log    *slog.Logger
	now    func() time.Time
	count  func() time.Time
	none   door.SecretHash
	words  []words
	static map[string][]byte
	pages  *markup.Pages
	build  string

	acts     *rate.Limiter
	codeRate *rate.Limiter
	refusals *rate.Limiter
	checking chan struct{} // held while the checks run for the page
	ended    chan endOf

	mu      sync.Mutex // guards what follows; never held over I/O
	base    context.Context
	code    *issued
	live    *session
	pads    map[chan struct{}]struct{} // open pads; closed when they are to go
	shown   int                        // streams of open pages
	samples []Sample                   // oldest first
	taken   uint64                     // how many there ever were
}

const (
	sampleEvery = 15 * time.Second
	maxSamples  = int(time.Hour / sampleEvery)
	maxPads     = 4
	auditWithin = 3 * time.Second
)

// New prepares every static answer.
func New(cfg Config, deps Deps) (*Server, error) {
	if deps.Kiosk == nil || deps.Logger == nil || deps.Audit == nil || deps.Free == nil || deps.Captured == nil {
		return nil, errors.New("the diagnostics page needs a kiosk, a logger, an audit and the check-in page")
	}
	s := &Server{cfg: cfg, deps: deps, log: deps.Logger, now: deps.Now, count: deps.Count,
		acts: rate.NewLimiter(20, 60), codeRate: rate.NewLimiter(1, 5), refusals: rate.NewLimiter(rate.Every(3*time.Minute), 20),
		checking: make(chan struct{}, 1), ended: make(chan endOf, 16), pads: map[chan struct{}]struct{}{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.count == nil {
		s.count = time.Now
	}
	_, s.none = door.NewSecret()
	return s, s.loadFiles()
}

// Routes lists what is served below Path, for the listener of the check-in page: all
// of it is for the launched browser only.
func (s *Server) Routes() []door.Route {
	return append(s.fileRoutes(),
		door.Route{Path: Path, Method: http.MethodGet, Class: door.Document, Pass: true, Serve: s.servePage},
		door.Route{Path: Path + "/pad", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: s.servePad},
		door.Route{Path: Path + "/code", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: s.serveCode},
		door.Route{Path: Path + "/scan", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: s.serveScan},
		door.Route{Path: Path + "/alive", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: s.only(serveAlive)},
		door.Route{Path: Path + "/events", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: s.only(s.serveEvents)},
		door.Route{Path: Path + "/act", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: s.only(s.serveAct)},
		door.Route{Path: Path + "/check", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: s.only(s.serveCheck)},
	)
}

func serveAlive(w http.ResponseWriter, _ *http.Request, _ *session) {
	w.WriteHeader(http.StatusNoContent)
}

// Run takes the samples, ends what is idle and records what ended, until ctx ends.
// Then the page is closed.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.base = ctx
	s.mu.Unlock()
	s.sample()
	second, sample := time.NewTicker(time.Second), time.NewTicker(sampleEvery)
	defer second.Stop()
	defer sample.Stop()
	for {
		select {
		case <-ctx.Done():
			s.Leave("stopped")
			for {
				select {
				case e := <-s.ended:
					s.recordEnd(ctx, e)
				default:
					return nil
				}
			}
		case e := <-s.ended:
			s.recordEnd(ctx, e)
		case <-second.C:
			s.endIdle()
		case <-sample.C:
			s.sample()
		}
	}
}

func (s *Server) recordEnd(ctx context.Context, e endOf) {
	s.record(ctx, e.by, kiosk.DiagClosed, kiosk.AuditFacts{Action: e.why, Resource: "page", Session: e.id})
}

// sample adds to the last hour.
func (s *Server) sample() {
	m := s.deps.Kiosk.Measure()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) >= maxSamples {
		s.samples = s.samples[1:]
	}
	s.samples = append(s.samples[:len(s.samples):len(s.samples)], m) // what was handed out stays as it is
	s.taken++
}
