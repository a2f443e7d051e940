package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/speech"
)

// Config is what the page is told. The zero value of what is optional works.
type Config struct {
	Listen      string        // the patient page, loopback only: "127.0.0.1:8470"; port 0 for any
	BoardListen string        // the board for other displays: "0.0.0.0:8471"; empty for none
	BoardHosts  []string      // optional: names, without port, by which displays reach BoardListen
	Clinic      string        // optional: the clinic's name on the start screen
	Zone        string        // optional: the clinic's time zone, for the board's clock; empty for the display's own
	Languages   []string      // tags in the order offered; the first is shown before a choice
	Texts       fs.FS         // optional: further {tag}.toml files, before the embedded ones
	IdleAfter   time.Duration // without a touch until everything is wiped; at least 25 s count, 0 is 60 s
	Speech      fs.FS         // optional: {tag}.speech packs; the page reads aloud in the languages that have one
	Private     bool          // what is read aloud is heard by the patient only: the kiosk has a headset and no loudspeaker
	PanelWidth  int           // optional: of the page's panel as it hangs, in millimetres; large text is measured by it
	Distance    int           // optional: from which the panel is read, in millimetres; 0 is 400
	TryDevices  bool          // a patient whose visit is by video tries camera and microphone

	ScanGap  time.Duration // optional: longest between two keys of a scanner that types into the page; 0 is 35 ms
	ScanEnds []string      // optional: keys that end its scan, "Enter" or "Tab"; nil is both, empty none: a pause ends it

	Departments               Departments // what the board shows
	BoardPanel, BoardDistance int         // the board's diagonal in inches, and the metres from which it is read; 0: 55 and 6
	BoardMute                 bool        // the board chimes and does not say a call, although there is speech

	Signs []string // room, department and provider names as the config has them: what the board may show
}

// Departments is what the board may show: by its address, or else as usual.
type Departments struct {
	All   []string // ids
	Usual []string // ids; none: all
}

// Deps is what the page stands on.
type Deps struct {
	CheckIn CheckIn
	Board   Board
	Tickets Tickets // optional: without it nothing is printed
	Logger  *slog.Logger
	Now     func() time.Time // optional: time.Now
	// Understand says what a scan is. kind is the device's word, empty where a scan
	// was typed into the page, as a keyboard scanner does; an empty value is a scan
	// that the device could not or must not hand on. It is pure. Optional: without
	// it all is a code.
	Understand func(value phi.Text, kind string) Read
	// Captured takes what a scanner typed into the page. What comes of it comes back
	// by Scan. Optional: without it the page takes it itself.
	Captured func(context.Context, phi.Text) error
	// Answered is told how long each act took, from its request to its answer.
	// Optional.
	Answered func(time.Duration)
	// Licences tells whether a driving licence would do now. It must not block.
	// Optional: without it the page does not ask for one.
	Licences func() bool
	// Technician is a page for who mends the kiosk, at /diag. Optional.
	Technician Technician
	Pass       PassStore // optional: without it the page is locked after a restart until the next launch
}

// Technician is a page beside the patient's, in the same browser.
type Technician interface {
	// Routes are those of the page; all ask for the browser's pass.
	Routes() []door.Route
	// Leave ends it, so that the browser comes back here, and reports whether a
	// browser showed it. why is a fixed word. It must not block or call back.
	Leave(why string) bool
}

// Server serves the patient page and the board. Make one with New.
type Server struct {
	deps   Deps
	log    *slog.Logger
	now    func() time.Time
	words  []Words
	signs  []string
	zone   string
	packs  fs.FS
	voices map[string]speech.Pack // by language; never changed after New
	quiet  time.Duration          // without a touch until the warning
	shows  Departments
	try    bool // see Config.TryDevices

	listener   net.Listener
	boards     net.Listener // nil for none
	gate       *door.Gate
	boardGate  *door.Gate
	static     map[string][]byte
	build      string // names the page's files: an open page of another build loads itself anew
	epoch      string // names this run
	cookie     string
	pass       PassStore
	actRate    *rate.Limiter
	launchRate *rate.Limiter
	boardSeats chan struct{}

	background sync.WaitGroup // acts under way; each has a deadline

	mu         sync.Mutex // guards what follows; never held over I/O
	base       context.Context
	stopped    bool
	live       *session
	ended      []ended // oldest first
	rev        uint64
	streams    map[*stream]struct{}
	launches   []launch
	browser    door.SecretHash
	hasBrowser bool
	launched   string    // the launch that browser came by
	refused    string    // the launch whose token was refused last
	lived      time.Time // last sign of life of that browser's page
	help       HelpState
	helpSince  time.Time
	present    bool // a sensor sees somebody before the kiosk

	measured      chan struct{} // see MeasuringChanged
	measuredToken string        // of the step that it was told of
}

const (
	defaultIdle = 60 * time.Second
	pageConns   = 64
	boardConns  = 256
	stopWithin  = time.Second
)

// New reads the texts, opens the listeners and prepares every static answer; it
// serves nothing yet. Where Run is never called, Close gives the ports back.
func New(cfg Config, deps Deps) (*Server, error) {
	if deps.CheckIn == nil || deps.Board == nil || deps.Logger == nil {
		return nil, errors.New("the page needs a check-in, a board and a logger")
	}
	if len(cfg.Languages) == 0 {
		return nil, errors.New("the page needs at least one language")
	}
	words, err := loadWords(cfg.Languages, cfg.Texts)
	if err != nil {
		return nil, err
	}
	s := &Server{
		deps: deps, log: deps.Logger, now: deps.Now, words: words, signs: slices.Clone(cfg.Signs), zone: cfg.Zone, pass: deps.Pass, shows: cfg.Departments, try: cfg.TryDevices,
		measured: make(chan struct{}, 1),
		epoch:    uuid.NewString(), streams: map[*stream]struct{}{}, base: context.Background(),
		actRate:    rate.NewLimiter(actsPerSec, actsAtOnce),
		launchRate: rate.NewLimiter(launchPerSec, launchesAtOnce),
		boardSeats: make(chan struct{}, boardStreams),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.pass == nil {
		s.pass = noPass{}
	}
	idle := cfg.IdleAfter
	if idle == 0 {
		idle = defaultIdle
	}
	s.quiet = max(idle-warnBefore, minQuiet)
	s.live = newSession(words[0].Tag, s.now())
	s.loadVoices(cfg.Speech)
	if err := s.loadFiles(cfg); err != nil {
		return nil, err
	}
	if hash, err := s.pass.Load(); err != nil {
		s.log.Warn("cannot read the browser's pass", "err", err)
	} else if len(hash) == len(s.browser) {
		copy(s.browser[:], hash)
		s.hasBrowser = true
	}
	if err := s.listen(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(cfg Config) error {
	l, err := listenLoopback(cfg.Listen)
	if err != nil {
		return err
	}
	s.listener = door.Bounded(l, pageConns)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	s.cookie = "clinicgate_" + port // cookies do not know ports
	s.gate = door.New("http", door.LoopbackHosts(port), s.holdsPass, s.handlerFailed,
		slices.Concat(s.pageRoutes(), s.boardRoutes(), s.staticRoutes(), s.voiceRoutes(), s.technicianRoutes()))
	s.boardGate = door.New("http", door.AnyAddress(cfg.BoardHosts), nil, s.handlerFailed,
		slices.Concat(s.boardRoutes(), s.staticRoutes(), s.voiceRoutes()))
	if cfg.BoardListen == "" {
		return nil
	}
	b, err := net.Listen("tcp", cfg.BoardListen)
	if err != nil {
		_ = l.Close()
		return fmt.Errorf("cannot open the board's listener: %w", err)
	}
	s.boards = door.Bounded(b, boardConns)
	return nil
}

func (s *Server) pageRoutes() []door.Route {
	return []door.Route{
		{Path: "/", Method: http.MethodGet, Class: door.Document, Serve: s.serveCheckIn},
		{Path: "/launch", Method: http.MethodGet, Class: door.Entrance, Serve: s.serveLaunch},
		{Path: "/alive", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: s.serveAlive},
		{Path: "/events", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: s.serveEvents},
		{Path: "/act", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: s.serveAct},
	}
}

// serveAlive answers a page that holds the pass, which is a sign of its life.
func (s *Server) serveAlive(w http.ResponseWriter, _ *http.Request) {
	s.noteAlive()
	w.WriteHeader(http.StatusNoContent)
}

// serveBoardAlive answers a board, of which nothing is noted.
func serveBoardAlive(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (s *Server) handlerFailed(path string) { s.log.Error("page handler failed", "path", path) }

// Addr returns the page's address, such as "127.0.0.1:8470".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// BoardAddr returns the board's own address, or "" without one.
func (s *Server) BoardAddr() string {
	if s.boards == nil {
		return ""
	}
	return s.boards.Addr().String()
}

// Close gives the ports back. Run does so itself.
func (s *Server) Close() error {
	err := s.listener.Close()
	if s.boards != nil {
		err = errors.Join(err, s.boards.Close())
	}
	return err
}

// Run serves until ctx ends and returns nil then. Acts under way are given
// their context's end and waited for.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.base = ctx
	s.mu.Unlock()
	servers := map[*http.Server]net.Listener{door.Server(ctx, s.log, s.gate): s.listener}
	if s.boards != nil {
		servers[door.Server(ctx, s.log, s.boardGate)] = s.boards
	}
	failed := make(chan error, len(servers))
	var running sync.WaitGroup
	for srv, l := range servers {
		running.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("cannot serve the page: %w", err)
			}
		})
	}
	running.Go(func() { s.watch(ctx) })
	s.log.Info("page serving", "addr", s.Addr(), "board", s.BoardAddr())

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer done()
	for srv := range servers {
		if srv.Shutdown(stop) != nil {
			_ = srv.Close()
		}
	}
	running.Wait()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.background.Wait()
	return err
}

// inBackground starts an act that outlives the request that asked for it, under
// the server's own context. The act has a deadline of its own. Server.mu is
// held.
func (s *Server) inBackground(job func(context.Context)) {
	if s.stopped {
		return
	}
	ctx := s.base
	s.background.Go(func() { job(ctx) })
}
