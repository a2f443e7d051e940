package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"clinicgate/kiosk/web/door"
)

// Away is what a kiosk shows while its gateway cannot start: every address of the
// check-in page sends people to the desk, in the languages of the config, and takes
// nobody in. It needs no store and no key. A page that was open goes there by
// itself, and back once a gateway lets its browser in again.
type Away struct {
	log      *slog.Logger
	listener net.Listener
	gate     *door.Gate
}

// NewAway opens the listener; it serves nothing yet. Of cfg it reads what the page's
// look depends on.
func NewAway(cfg Config, log *slog.Logger) (*Away, error) {
	words, err := loadWords(cfg.Languages, cfg.Texts)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("the page needs at least one language")
	}
	s := &Server{log: log, now: time.Now, words: words, pass: noPass{}}
	if err := s.loadFiles(cfg); err != nil {
		return nil, err
	}
	l, err := listenLoopback(cfg.Listen)
	if err != nil {
		return nil, err
	}
	locked := func(w http.ResponseWriter, _ *http.Request) { s.serveLocked(w) }
	// The board's page says by itself to ask at the desk while nothing comes.
	silent := func(w http.ResponseWriter, _ *http.Request) { door.Refuse(w, http.StatusServiceUnavailable) }
	a := &Away{log: log, listener: door.Bounded(l, pageConns)}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	a.gate = door.New("http", door.LoopbackHosts(port), func(*http.Request) bool { return false }, s.handlerFailed, slices.Concat([]door.Route{
		{Path: "/", Method: http.MethodGet, Class: door.Document, Serve: locked},
		{Path: "/launch", Method: http.MethodGet, Class: door.Entrance, Serve: locked},
		{Path: "/alive", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: silent},
		{Path: "/events", Method: http.MethodGet, Class: door.Read, Pass: true, Serve: silent},
		{Path: "/act", Method: http.MethodPost, Class: door.Write, Pass: true, Serve: silent},
		{Path: "/board", Method: http.MethodGet, Class: door.Document, Serve: s.servePage(boardPage)},
		{Path: "/board/alive", Method: http.MethodGet, Class: door.Read, Serve: silent},
		{Path: "/board/events", Method: http.MethodGet, Class: door.Read, Serve: silent},
	}, s.staticRoutes()))
	return a, nil
}

// Addr returns the page's address.
func (a *Away) Addr() string { return a.listener.Addr().String() }

// Run serves until ctx ends and returns nil then, with the port given back.
func (a *Away) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := door.Server(ctx, a.log, a.gate)
	context.AfterFunc(ctx, func() { _ = srv.Close() }) // nothing is under way that must end well
	if err := srv.Serve(a.listener); ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the page: %w", err)
	}
	return nil
}
