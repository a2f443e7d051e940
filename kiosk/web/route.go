package web

import (
	"net/http"
	"strings"
)

// route is one path. There are no patterns: a path that is not in the table
// does not exist, and each has exactly one method.
type route struct {
	path   string
	method string
	class  class
	pass   bool // only for the browser that holds the pass
	serve  http.HandlerFunc
}

// gate is a table of routes behind one door.
type gate struct {
	hosts       hosts
	crossOrigin *http.CrossOriginProtection
	routes      map[string]route
	admitted    func(*http.Request) bool // holds the pass?
	failed      func(path string)        // a handler panicked
}

func newGate(h hosts, admitted func(*http.Request) bool, failed func(string), routes []route) *gate {
	g := &gate{
		hosts: h, crossOrigin: http.NewCrossOriginProtection(), routes: map[string]route{},
		admitted: admitted, failed: failed,
	}
	for _, r := range routes {
		g.routes[r.path] = r
	}
	return g
}

const maxQueryBytes = 256

// ServeHTTP lets through what every check of the route's class allows.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			// The value is not logged: it may hold what the patient typed.
			g.failed(r.URL.Path)
			panic(http.ErrAbortHandler)
		}
	}()
	if !g.hosts(r.Host) {
		refuse(w, http.StatusMisdirectedRequest)
		return
	}
	rt, ok := g.routes[r.URL.Path]
	if !ok {
		refuse(w, http.StatusNotFound)
		return
	}
	if r.Method != rt.method {
		w.Header().Set("Allow", rt.method)
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	if len(r.URL.RawQuery) > maxQueryBytes {
		refuse(w, http.StatusRequestURITooLong)
		return
	}
	if status := g.admit(r, rt.class); status != 0 {
		refuse(w, status)
		return
	}
	if rt.pass && !g.admitted(r) {
		refuse(w, http.StatusUnauthorized)
		return
	}
	rt.serve(w, r)
}

// refuse answers with the status's own words and nothing of the request.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.ToLower(http.StatusText(status)) + "\n"))
}
