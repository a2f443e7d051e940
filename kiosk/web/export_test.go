package web

import (
	"bytes"
	"context"
	"html/template"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/markup"
)

// Seams for tests on virtual time, which cannot use sockets.

func (s *Server) Handler() http.Handler      { return s.gate }
func (s *Server) Watching(c context.Context) { s.watch(c) }

// Pair is one cell of the state machine.
type Pair struct {
	From  State
	Event string
}

// Transitions copies the table.
func Transitions() map[Pair]State {
	out := map[Pair]State{}
	for from, row := range transitions {
		for e, to := range row {
			out[Pair{from, string(e)}] = to
		}
	}
	return out
}

// AllRoutes lists path, method and whether a pass is needed.
func (s *Server) AllRoutes() (paths []string, method map[string]string, pass map[string]bool) {
	method, pass = map[string]string{}, map[string]bool{}
	for _, r := range s.gate.Routes() {
		paths = append(paths, r.Path)
		method[r.Path], pass[r.Path] = r.Method, r.Pass
	}
	return paths, method, pass
}

func ParseAction(r io.Reader) error { _, err := parseAction(r); return err }
func CapitalHeight(mm int) float64  { return capitalHeight(mm) }
func CleanScan(s string) string     { return cleanScan(s) }

func Bounded(l net.Listener, limit int) net.Listener { return door.Bounded(l, limit) }

const MaxStreams, PageConns = maxStreams, pageConns

// ActionFields lists what a page may say of an act, so that none is forgotten where
// all have to be tried.
func ActionFields() (names []string) {
	for field := range reflect.ValueOf(action{}).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

var documents = []string{checkInPage, lockedPage, boardPage}

// StandardPages makes the documents by html/template.
func (s *Server) StandardPages(cfg Config) (map[string]string, error) {
	data := s.pageData(cfg)
	data.Build = s.build
	return standardPages(data)
}

func standardPages(data pageData) (map[string]string, error) {
	pages, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range documents {
		var b bytes.Buffer
		if err := pages.ExecuteTemplate(&b, name, data); err != nil {
			return nil, err
		}
		out[name] = b.String()
	}
	return out, nil
}

// PagesOf makes the documents with one text for every value, each as the product does
// and by html/template.
func (s *Server) PagesOf(cfg Config, text string) (map[string][2]string, error) {
	data := s.pageData(cfg)
	data.Build, data.Clinic, data.Capital = text, text, text
	data.Speaks, data.Calls, data.Rooms, data.ScanEnds = text, text, text, text
	data.KeyRows, data.Tongues = [][]string{{text}}, []kiosk.Tongue{{Tag: text, Name: text}}
	all := func(w Words) Words {
		texts := map[string]string{}
		for key := range w.Text {
			texts[key] = text
		}
		return Words{Tag: text, Name: text, Dir: text, Text: texts}
	}
	for i := range data.Words {
		data.Words[i].Words = all(data.Words[i].Words)
	}
	data.First = all(data.First)
	pages, err := markup.Parse(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	standard, err := standardPages(data)
	if err != nil {
		return nil, err
	}
	out := map[string][2]string{}
	for _, name := range documents {
		b, err := pages.Render(name, data)
		if err != nil {
			return nil, err
		}
		out[name] = [2]string{string(b), standard[name]}
	}
	return out, nil
}
