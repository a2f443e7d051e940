package web

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/markup"
)

//go:embed assets pages
var files embed.FS

// The documents. Each is static for the life of the process: made once from its
// template (package markup) and the texts of the chosen languages, with nothing
// about a person.
const (
	checkInPage = "checkin.html"
	lockedPage  = "locked.html"
	boardPage   = "board.html"
)

// mediaTypes are the kinds of file that the page has.
var mediaTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
	".txt":   "text/plain; charset=utf-8",
}

// pageData is what the templates see.
type pageData struct {
	Build   string
	Clinic  string
	Words   []greeting // in the order offered
	First   Words      // the one shown before a choice
	Many    bool       // more languages than fit one below the other
	KeyRows [][]string
	Tongues []kiosk.Tongue

	PanelWidth                int    // mm; 0: not known
	Capital                   string // mm, of capitals in large text
	BoardPanel, BoardDistance int    // see Config
	ScanGap                   int    // ms, see Config
	ScanEnds                  string // keys, with a blank between them
	Speaks                    string // languages that are read aloud, with a blank between them
	Private                   bool   // and heard by the patient only
	Calls                     string // languages in which the board says a call, likewise
	Rooms                     string // words for "room" on signs, likewise
	Technician                bool   // there is a page of the technician's
}

// greeting is a language among those that a screen shows at once.
type greeting struct {
	Words
	Leads bool // its sentence is the heading, which a screen has one of
}

func greetings(all []Words) []greeting {
	var gs []greeting
	for i, w := range all {
		gs = append(gs, greeting{Words: w, Leads: i == 0})
	}
	return gs
}

const (
	usualPanel    = 55
	usualDistance = 6
	usualScanGap  = 35 * time.Millisecond
)

// callLanguages is in how many languages a call is said: the next one waits for it.
const callLanguages = 2

// keyRows is the on-screen pad: digits, then letters in the order of the
// alphabet, so that a person who never typed finds them.
var keyRows = [][]string{
	{"1", "2", "3", "4", "5", "6", "7", "8", "9", "0"},
	{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J"},
	{"K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"},
	{"U", "V", "W", "X", "Y", "Z"},
}

// loadFiles prepares every static answer and names the build after them.
func (s *Server) loadFiles(cfg Config) error {
	s.static = map[string][]byte{}
	sum := sha256.New()
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		b = lean(name, b)
		s.static["/"+name] = b
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot read the page's files: %w", err)
	}
	for _, w := range s.words {
		b, err := w.json()
		if err != nil {
			return err
		}
		s.static["/words/"+w.Tag+".json"] = b
		sum.Write(b)
		for _, part := range laterWords {
			if b, err = w.partJSON(part); err != nil {
				return err
			}
			s.static["/words/"+w.Tag+"."+part+".json"] = b
			sum.Write(b)
		}
	}
	pages, err := markup.Parse(files, "pages/*.html")
	if err != nil {
		return err
	}
	data := s.pageData(cfg)
	fmt.Fprintf(sum, "%s %d %s %d %d %t %q %d %s %t\n", data.Clinic, data.PanelWidth, data.Capital, data.BoardPanel, data.BoardDistance, data.Private, data.Calls, data.ScanGap, data.ScanEnds, data.Technician)
	for _, tag := range s.Speaks() {
		fmt.Fprintf(sum, "%s %x\n", tag, s.voices[tag].Sum)
	}
	for _, name := range []string{checkInPage, lockedPage, boardPage, "icons.html"} {
		source, err := files.ReadFile("pages/" + name)
		if err != nil {
			return fmt.Errorf("cannot read the pages: %w", err)
		}
		sum.Write(source)
	}
	s.build = hex.EncodeToString(sum.Sum(nil)[:8])
	data.Build = s.build
	for _, name := range []string{checkInPage, lockedPage, boardPage} {
		if s.static[name], err = pages.Render(name, data); err != nil {
			return fmt.Errorf("cannot make page %s: %w", name, err)
		}
	}
	return nil
}

// pageData gathers what the templates see, but for the build.
func (s *Server) pageData(cfg Config) pageData {
	speaks := s.Speaks()
	calls := firstOf(speaks, callLanguages)
	if cfg.BoardMute {
		calls = nil
	}
	data := pageData{Clinic: cfg.Clinic, Words: greetings(s.words), First: s.words[0], Many: len(s.words) > 2, KeyRows: keyRows, Tongues: kiosk.Tongues(),
		PanelWidth: cfg.PanelWidth, Capital: fmt.Sprintf("%.2f", capitalHeight(cfg.Distance)),
		BoardPanel: cmp.Or(cfg.BoardPanel, usualPanel), BoardDistance: cmp.Or(cfg.BoardDistance, usualDistance),
		ScanGap: int(cmp.Or(cfg.ScanGap, usualScanGap).Milliseconds()), ScanEnds: "Enter Tab",
		Speaks: strings.Join(speaks, " "), Private: cfg.Private, Calls: strings.Join(calls, " "), Rooms: s.roomWords(), Technician: s.deps.Technician != nil}
	if cfg.ScanEnds != nil {
		data.ScanEnds = strings.Join(cfg.ScanEnds, " ")
	}
	return data
}

// staticRoutes lists every file and every language, each by its full path.
func (s *Server) staticRoutes() []door.Route {
	var rs []door.Route
	for _, name := range slices.Sorted(maps.Keys(s.static)) {
		if name[0] != '/' {
			continue // a document: served by its own route
		}
		kind, ok := mediaTypes[path.Ext(name)]
		if !ok {
			kind = "application/json"
		}
		rs = append(rs, door.Route{Path: name, Method: http.MethodGet, Class: door.Asset, Serve: s.serveStatic(name, kind, http.StatusOK)})
	}
	return rs
}

func (s *Server) serveStatic(name, kind string, status int) http.HandlerFunc {
	body := s.static[name]
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func (s *Server) servePage(name string) http.HandlerFunc {
	return s.serveStatic(name, "text/html; charset=utf-8", http.StatusOK)
}

// serveCheckIn gives the page to the browser that was launched, and to any
// other the sentence that sends people to the desk.
func (s *Server) serveCheckIn(w http.ResponseWriter, r *http.Request) {
	if !s.holdsPass(r) {
		s.serveLocked(w)
		return
	}
	if s.try {
		door.WithCamera(w.Header())
	}
	s.servePage(checkInPage)(w, r)
}

func (s *Server) serveLocked(w http.ResponseWriter) {
	s.serveStatic(lockedPage, "text/html; charset=utf-8", http.StatusUnauthorized)(w, nil)
}
