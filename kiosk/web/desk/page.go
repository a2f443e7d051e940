package desk

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/markup"
)

//go:embed assets pages languages
var files embed.FS

// The documents. Nothing about a person is in them.
const (
	deskPage = "desk.html"
	pairPage = "pair.html"
)

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8", ".json": "application/json",
}

// loadFiles prepares every static answer and names the build after them.
func (s *Server) loadFiles() (err error) {
	if s.words, err = loadWords(s.cfg.Language); err != nil {
		return err
	}
	s.static = web.SharedAssets()
	for _, name := range []string{"desk.css", "desk.js", "pair.js"} {
		if s.static["/assets/"+name], err = files.ReadFile("assets/" + name); err != nil {
			return fmt.Errorf("cannot read the desk's files: %w", err)
		}
	}
	for _, w := range s.words {
		if s.static["/words/"+w.Tag+".json"], err = w.json(); err != nil {
			return err
		}
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.static)) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(s.static[name]), s.static[name])
	}
	for _, name := range []string{deskPage, pairPage} {
		source, err := files.ReadFile("pages/" + name)
		if err != nil {
			return fmt.Errorf("cannot read the desk's pages: %w", err)
		}
		sum.Write(source)
	}
	s.build = hex.EncodeToString(sum.Sum(nil)[:8])
	if s.pages, err = markup.Parse(files, "pages/*.html"); err != nil {
		return err
	}
	for _, name := range []string{deskPage, pairPage} {
		if _, err := s.page(name); err != nil {
			return err
		}
	}
	return nil
}

// pageData is what the templates see.
type pageData struct {
	Build, Clinic string
	Fingerprint   []string // in two lines, as certificate viewers break it
	Words         []words
	First         words
}

// page makes a document. The fingerprint in it is that of the moment.
func (s *Server) page(name string) ([]byte, error) {
	b, err := s.pages.Render(name, s.pageData())
	if err != nil {
		return nil, fmt.Errorf("cannot make page %s: %w", name, err)
	}
	return b, nil
}

func (s *Server) pageData() pageData {
	return pageData{s.build, s.cfg.Clinic, halves(s.Fingerprint()), s.words, s.words[0]}
}

func halves(fingerprint string) []string {
	parts := strings.Split(fingerprint, ":")
	return []string{strings.Join(parts[:len(parts)/2], " "), strings.Join(parts[len(parts)/2:], " ")}
}

// staticRoutes lists every file and every language, each by its full path.
func (s *Server) staticRoutes() []door.Route {
	var rs []door.Route
	for _, name := range slices.Sorted(maps.Keys(s.static)) {
		rs = append(rs, door.Route{Path: name, Method: http.MethodGet, Class: door.Asset, Serve: s.serveStatic(name)})
	}
	return rs
}

func (s *Server) serveStatic(name string) http.HandlerFunc {
	kind, body := mediaTypes[path.Ext(name)], s.static[name]
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	}
}

// servePage gives the desk to a paired browser, and to any other the page that
// asks for a code.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	name, status := pairPage, http.StatusUnauthorized
	if s.paired(r) {
		name, status = deskPage, http.StatusOK
	}
	body, err := s.page(name)
	if err != nil {
		door.Refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
