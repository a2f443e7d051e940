package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"clinicgate/kiosk/web/door"
)

// Ticket is a public number: a kiosk's letter and a counter of the clinic day.
// It has no room for anything else.
type Ticket struct {
	Letter byte // 'A' to 'Z'
	Number uint16
}

var ticketForm = regexp.MustCompile(`^([A-Z])-([0-9]{3,5})$`)

// ParseTicket reads "A-017".
func ParseTicket(s string) (Ticket, error) {
	m := ticketForm.FindStringSubmatch(s)
	if m == nil {
		return Ticket{}, errors.New("ticket number is not of the form A-017")
	}
	n, err := strconv.ParseUint(m[2], 10, 16)
	if err != nil {
		return Ticket{}, errors.New("ticket number is too large")
	}
	return Ticket{m[1][0], uint16(n)}, nil
}

// String gives "A-017".
func (t Ticket) String() string { return fmt.Sprintf("%c-%03d", t.Letter, t.Number) }

const (
	boardStreams = 64
	maxCalled    = 12
	maxNext      = 24
)

// boardPicture is what a display gets. Rooms, departments and providers appear
// only as the config has them, so nothing that a person typed can reach it.
type boardPicture struct {
	Build     string          `json:"build"`
	Zone      string          `json:"zone,omitempty"` // for the clock
	Called    []boardCall     `json:"called"`
	Next      []string        `json:"next"`
	Waits     []boardWait     `json:"waits"`
	Providers []boardProvider `json:"providers"`
}

type boardCall struct {
	Ticket string `json:"ticket"`
	Room   string `json:"room,omitempty"` // empty: ask at the desk
	Times  int    `json:"times"`
}

type boardWait struct {
	Department string `json:"department"`
	Low        int    `json:"low"`
	High       int    `json:"high"`
}

type boardProvider struct {
	Name   string `json:"name"`
	Room   string `json:"room,omitempty"`
	Status string `json:"status"`
}

// picture makes what a display may show of a view.
func (s *Server) picture(v BoardView) boardPicture {
	p := boardPicture{Build: s.build, Zone: s.zone, Called: []boardCall{}, Next: []string{}, Waits: []boardWait{}, Providers: []boardProvider{}}
	for _, c := range firstOf(v.Called, maxCalled) {
		p.Called = append(p.Called, boardCall{c.Ticket.String(), s.sign(c.Room), c.Times})
	}
	for _, t := range firstOf(v.Next, maxNext) {
		p.Next = append(p.Next, t.String())
	}
	for _, w := range v.Waits {
		if d := s.sign(w.Department); d != "" && w.High > 0 {
			p.Waits = append(p.Waits, boardWait{d, w.Low, w.High})
		}
	}
	for _, d := range v.Providers {
		status := d.Status
		switch status {
		case ProviderAvailable, ProviderBusy, ProviderAway, ProviderOffline:
		default:
			status = ProviderOffline
		}
		if name := s.sign(d.Name); name != "" {
			p.Providers = append(p.Providers, boardProvider{name, s.sign(d.Room), string(status)})
		}
	}
	return p
}

func firstOf[T any](list []T, n int) []T { return list[:min(n, len(list))] }

// roomForm is a room's number as people write it: "3", "12B", "R-204".
var roomForm = regexp.MustCompile(`^(\pL{1,4}[ .-]?)?[0-9]{1,4}\pL?$`)

// sign returns a text that hangs on a door or stands in the config, or "". A
// room that a provider's app sends is free text: it is shown only if it is one
// of the clinic's own signs or plainly a number.
func (s *Server) sign(text string) string {
	if slices.Contains(s.signs, text) || roomForm.MatchString(text) {
		return text
	}
	return ""
}

// BoardHandler serves the board, its files and its events, for a listener of
// its own: read-only, no cookie, nothing of the check-in page. Host must be an
// address, "localhost" or one of Config.BoardHosts.
func (s *Server) BoardHandler() http.Handler { return s.boardGate }

func (s *Server) boardRoutes() []door.Route {
	return []door.Route{
		{Path: "/board", Method: http.MethodGet, Class: door.Document, Serve: s.serveBoard},
		{Path: "/board/alive", Method: http.MethodGet, Class: door.Read, Serve: serveBoardAlive},
		{Path: "/board/events", Method: http.MethodGet, Class: door.Read, Serve: s.serveBoardEvents},
	}
}

const maxDepartments = 20 // of one address

// departments gives those that a display's address asks for, as in
// /board?department=cardiology&department=imaging, else the usual ones. One that the
// clinic does not have is refused: a display that shows nobody's calls would be taken
// for a quiet day.
func (s *Server) departments(r *http.Request) (list []string, ok bool) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query) > 1 || len(query) == 1 && !query.Has("department") || len(query["department"]) > maxDepartments {
		return nil, false
	}
	for _, d := range query["department"] {
		if !slices.Contains(s.shows.All, d) {
			return nil, false
		}
	}
	if !query.Has("department") {
		return s.shows.Usual, true
	}
	return query["department"], true
}

// serveBoard gives the board's page.
func (s *Server) serveBoard(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.departments(r); !ok {
		door.Refuse(w, http.StatusNotFound)
		return
	}
	s.servePage(boardPage)(w, r)
}

// serveBoardEvents sends the board at once, after each change, and a beat each
// second.
func (s *Server) serveBoardEvents(w http.ResponseWriter, r *http.Request) {
	departments, ok := s.departments(r)
	if !ok {
		door.Refuse(w, http.StatusNotFound)
		return
	}
	select {
	case s.boardSeats <- struct{}{}:
		defer func() { <-s.boardSeats }()
	default:
		door.Refuse(w, http.StatusServiceUnavailable)
		return
	}
	changed, cancel := s.deps.Board.Watch()
	defer cancel()
	var shown []byte
	door.Live{Wake: changed, Refresh: waitRefreshBeats, Show: func(out *door.EventWriter) error {
		b, err := json.Marshal(s.picture(s.deps.Board.Board(departments...)))
		if err != nil || string(b) == string(shown) {
			return err
		}
		shown = b
		return out.Send("board", json.RawMessage(b))
	}}.Serve(w, r)
}

// waitRefreshBeats: waits change with time alone.
const waitRefreshBeats = 15
