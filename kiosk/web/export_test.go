package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"

	"clinicgate/kiosk/web/door"
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
