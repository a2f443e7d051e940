package diag

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/markup"
)

//go:embed assets pages languages
var files embed.FS

// The documents. Nothing about a person is in them.
const (
	padPage  = "pad.html"
	mainPage = "diag.html"
)

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json",
}

// first are the files that come before the code; all others come after it.
var first = []string{"pad.css", "pad.js"}

// words is one language, in the form that the pages' words.js reads.
type words struct {
	Tag    string                       `toml:"tag" json:"tag"`
	Name   string                       `toml:"name" json:"name"`
	Dir    string                       `toml:"-" json:"dir"`
	Text   map[string]string            `toml:"text" json:"text"`
	Plural map[string]map[string]string `toml:"-" json:"plural"`
}

var languages = []string{"en", "es"}

// Languages lists the tags of the page's languages.
func Languages() []string { return slices.Clone(languages) }

// loadFiles prepares every static answer and names the build after them.
func (s *Server) loadFiles() error {
	s.static = map[string][]byte{}
	for _, tag := range languages {
		data, err := files.ReadFile("languages/" + tag + ".toml")
		if err != nil {
			return fmt.Errorf("cannot read the texts of the diagnostics page: %w", err)
		}
		w := words{Dir: "ltr", Plural: map[string]map[string]string{}}
		if err := toml.Unmarshal(data, &w); err != nil {
			return fmt.Errorf("cannot read the texts of the diagnostics page in %s: %w", tag, err)
		}
		s.words = append(s.words, w)
		if s.static["/words/diag."+tag+".json"], err = json.Marshal(w); err != nil {
			return err
		}
	}
	slices.SortStableFunc(s.words, func(a, b words) int {
		switch s.cfg.Language {
		case a.Tag:
			return -1
		case b.Tag:
			return 1
		}
		return 0
	})
	assets, err := files.ReadDir("assets")
	if err != nil {
		return err
	}
	for _, f := range assets {
		if s.static[Path+"/"+f.Name()], err = files.ReadFile("assets/" + f.Name()); err != nil {
			return err
		}
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.static)) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(s.static[name]), s.static[name])
	}
	for _, name := range []string{padPage, mainPage} {
		source, err := files.ReadFile("pages/" + name)
		if err != nil {
			return err
		}
		sum.Write(source)
	}
	s.build = hex.EncodeToString(sum.Sum(nil)[:8])
	if s.pages, err = markup.Parse(files, "pages/*.html"); err != nil {
		return err
	}
	for _, name := range []string{padPage, mainPage} {
		if s.static[name], err = s.pages.Render(name, s.pageData()); err != nil {
			return fmt.Errorf("cannot make page %s: %w", name, err)
		}
	}
	return nil
}

// pageData is what the templates see.
type pageData struct {
	Build    string
	Words    []words
	First    words
	Keys     []string
	ScanGap  int    // ms
	ScanEnds string // with a blank between them
}

const usualScanGap = 35 * time.Millisecond

func (s *Server) pageData() pageData {
	ends := s.cfg.ScanEnds
	if ends == nil {
		ends = []string{"Enter", "Tab"}
	}
	return pageData{s.build, s.words, s.words[0], strings.Split("123456789", ""), int(cmp.Or(s.cfg.ScanGap, usualScanGap).Milliseconds()), strings.Join(ends, " ")}
}

// fileRoutes lists every file and every language by its full path.
func (s *Server) fileRoutes() (rs []door.Route) {
	for _, name := range slices.Sorted(maps.Keys(s.static)) {
		kind, body := mediaTypes[path.Ext(name)], s.static[name]
		if kind == "" {
			continue // a document
		}
		send := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		}
		r := door.Route{Path: name, Method: http.MethodGet, Class: door.Asset, Pass: true, Serve: send}
		if path.Ext(name) != ".json" && !slices.Contains(first, path.Base(name)) {
			r.Serve = s.only(func(w http.ResponseWriter, r *http.Request, _ *session) { send(w, r) })
		}
		rs = append(rs, r)
	}
	return rs
}

// servePage gives the page to the technician's session, and to the kiosk's browser the
// pad; while a patient is at the kiosk, the check-in.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	name := padPage
	if s.sessionOf(r) != nil {
		name = mainPage
	} else if !s.deps.Free() {
		w.Header().Set("Location", "/")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(s.static[name])
}
