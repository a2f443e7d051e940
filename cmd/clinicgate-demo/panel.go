package main

import (
	"context"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// panel is the demo's control panel: a page, and the same actions as documented
// HTTP calls.
//
//	GET  /                   the page
//	GET  /kiosk              a fresh launch token of the check-in page, then the page itself
//	GET  /state              everything that the page shows, as JSON
//	GET  /ticket.png         the newest ticket that was printed as a picture
//	POST /action/{name}      see actions in this file
//
// It listens on loopback, refuses other Host values, and takes an action only
// from its own page (Origin) or with the header X-Demo-Action from the ready
// file.
type panel struct {
	listener net.Listener
	secret   string
	demo     *demo
}

//go:embed panel.html
var panelHTML []byte

//go:embed panel.js
var panelJS []byte

//go:embed panel.css
var panelCSS []byte

const actionHeader = "X-Demo-Action"

func (p *panel) url() string { return "http://" + p.listener.Addr().String() }

func (p *panel) run(ctx context.Context) error {
	mux := http.NewServeMux()
	static := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		}
	}
	mux.HandleFunc("GET /{$}", static("text/html; charset=utf-8", panelHTML))
	mux.HandleFunc("GET /panel.js", static("text/javascript; charset=utf-8", panelJS))
	mux.HandleFunc("GET /panel.css", static("text/css; charset=utf-8", panelCSS))
	mux.HandleFunc("GET /kiosk", p.kiosk)
	mux.HandleFunc("GET /state", p.state)
	mux.HandleFunc("GET /ticket.png", p.demo.hardware.ticket)
	mux.HandleFunc("POST /action/{name}", p.action)
	srv := &http.Server{Handler: p.guard(mux), ReadHeaderTimeout: 3 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 320 * time.Second, MaxHeaderBytes: 8 << 10}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		<-ctx.Done()
		_ = srv.Close()
	})
	if err := srv.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("panel: %w", err)
	}
	return nil
}

func (p *panel) guard(next http.Handler) http.Handler {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Host {
		case "127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port:
		default:
			http.Error(w, "not this host", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if r.Method == http.MethodPost && !p.allowed(r) {
			http.Error(w, "send this from the panel, or with the header "+actionHeader+" of the ready file", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowed tells whether a POST comes from the panel's own page or from a program
// that read the ready file.
func (p *panel) allowed(r *http.Request) bool {
	if got := r.Header.Get(actionHeader); got != "" {
		return subtle.ConstantTimeCompare([]byte(got), []byte(p.secret)) == 1
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Scheme == "http" && origin.Host == r.Host && r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// kiosk sends a browser to the check-in page, as often as it is asked.
func (p *panel) kiosk(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	address, err := p.demo.launch(ctx)
	if err != nil {
		http.Error(w, "the gateway does not answer yet; try again", http.StatusServiceUnavailable)
		return
	}
	p.demo.patients.standAside()
	http.Redirect(w, r, address, http.StatusSeeOther)
}

func (p *panel) state(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p.demo.picture(r.Context()))
}

// action runs one action. Its parameters are a JSON object.
//
//	network   {"state":"up|slow|cut"}
//	pubnub    {"status":403|429|503} or {"status":0} for healthy again
//	scan      {"code":"..."} scans it; without a code the next unused one
//	help      {} presses help on the check-in page
//	desk      {} says where the desk is, with a pairing code and a PIN
//	device    {"device":"scanner","state":"unplugged|plugged"}, {"device":"printer",
//	          "state":"well|paper-out|cover-open|jam|silent"}, {"device":"vitals",
//	          "state":"on|off|well|out-of-range"}, {"device":"presence",
//	          "state":"comes|leaves"}, {"device":"button|card|licence"}:
//	          what a person does with a device; a card and a licence are the next patient's
//	kill      {} ends the gateway with SIGKILL
//	limit     {"state":"exhausted|free"}
//	auto      {"perMinute":N}
func (p *panel) action(w http.ResponseWriter, r *http.Request) {
	var in actionInput
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		http.Error(w, "the body is a JSON object with the action's parameters", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 300*time.Second)
	defer cancel()
	said, err := p.demo.act(ctx, r.PathValue("name"), in)
	if err != nil {
		http.Error(w, strings.TrimSpace(err.Error()), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"done": said})
}

// actionInput are the parameters of all actions.
type actionInput struct {
	State     string  `json:"state"`
	Device    string  `json:"device"`
	Status    int     `json:"status"`
	Code      string  `json:"code"`
	PerMinute float64 `json:"perMinute"`
}
