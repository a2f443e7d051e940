package door

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Route is one path. There are no patterns: a path that is not in the table
// does not exist, and each has exactly one method.
type Route struct {
	Path   string
	Method string
	Class  Class
	Pass   bool // only for a browser that holds the pass
	Serve  http.HandlerFunc
}

// Gate is a table of routes behind one door. Make it with New.
type Gate struct {
	scheme      string
	hosts       Hosts
	crossOrigin *http.CrossOriginProtection
	routes      map[string]Route
	admitted    func(*http.Request) bool // holds the pass?
	failed      func(path string)        // a handler panicked
}

// New makes a gate for pages of a scheme, "http" or "https". admitted tells
// whether a request holds the pass; failed is told the path of a handler that
// panicked, and nothing of the request.
func New(scheme string, h Hosts, admitted func(*http.Request) bool, failed func(path string), routes []Route) *Gate {
	g := &Gate{
		scheme: scheme, hosts: h, crossOrigin: http.NewCrossOriginProtection(), routes: map[string]Route{},
		admitted: admitted, failed: failed,
	}
	for _, r := range routes {
		g.routes[r.Path] = r
	}
	return g
}

// Routes lists the table, by path.
func (g *Gate) Routes() []Route {
	return slices.SortedFunc(maps.Values(g.routes), func(a, b Route) int { return strings.Compare(a.Path, b.Path) })
}

const maxQueryBytes = 256

// ServeHTTP lets through what every check of the route's class allows.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		Refuse(w, http.StatusMisdirectedRequest)
		return
	}
	rt, ok := g.routes[r.URL.Path]
	if !ok {
		Refuse(w, http.StatusNotFound)
		return
	}
	if r.Method != rt.Method {
		w.Header().Set("Allow", rt.Method)
		Refuse(w, http.StatusMethodNotAllowed)
		return
	}
	if len(r.URL.RawQuery) > maxQueryBytes {
		Refuse(w, http.StatusRequestURITooLong)
		return
	}
	if status := g.admit(r, rt.Class); status != 0 {
		Refuse(w, status)
		return
	}
	if rt.Pass && !g.admitted(r) {
		Refuse(w, http.StatusUnauthorized)
		return
	}
	rt.Serve(w, r)
}

// Refuse answers with the status's own words and nothing of the request.
func Refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.ToLower(http.StatusText(status)) + "\n"))
}

// Answer gives v as JSON.
func Answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		Refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
