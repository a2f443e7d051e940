package diag_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/diag"
)

const patient = "Canary, Wanda"

var technician = kiosk.Actor{Kind: kiosk.ActorStaff, ID: "tess"}

// machine is a made-up kiosk.
type machine struct {
	mu       sync.Mutex
	n        int
	judged   []string
	levels   []string
	tried    []string
	tested   time.Time // of the first device
	readings chan diag.Trial
	lines    []diag.Line
}

func (m *machine) Facts(context.Context) diag.Facts {
	return diag.Facts{Rows: []diag.Fact{{Key: "version", Value: "v1.2.3"}, {Key: "kiosk", Value: "lobby-1"}, {Key: "started", Value: "2026-11-22T08:00:00Z"},
		{Key: "clock", Value: "clock-trusted"}, {Key: "link", Value: "offline"}, {Key: "used", Value: "12 / 1024 MiB"}},
		Addresses: []diag.Address{{Interface: "eth0", Address: "192.0.2.7/24", Up: true}, {Interface: "wlan0"}}}
}

func (m *machine) Devices(context.Context) []diag.Device {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []diag.Device{
		{ID: "front-scanner", Class: "scanner", State: "attached", Where: "/dev/ttyACM0", Test: diag.Reads, Tested: m.tested, Passed: true},
		{ID: "help-lamp", Class: "lamp", State: "attached", Test: diag.Does, Tested: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), Passed: true},
		{ID: "tickets", Class: "printer", State: "lost", Reason: "no paper", Hint: "put in a roll", Test: diag.Does},
	}
}

func (m *machine) Check(_ context.Context, each func(diag.Finding)) string {
	each(diag.Finding{ID: "disk-free", State: "ok", Detail: "900 MiB are free"})
	each(diag.Finding{ID: "net-dns", State: "fail", Detail: "no name server answers", Hint: "check the DNS server", Since: time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)})
	each(diag.Finding{ID: "pubnub-answer", State: "skipped", Detail: "not looked at because net-dns failed", Because: "net-dns"})
	each(diag.Finding{ID: "roster-age", State: "warn", Detail: "there are no appointments", Hint: "`clinicgate roster import FILE`"})
	return "0417-AB"
}

func (m *machine) Log(ctx context.Context, q diag.LogQuery) (diag.Log, error) {
	m.mu.Lock()
	all := m.lines
	m.mu.Unlock()
	out := diag.Log{Next: uint64(len(all)), Components: []string{"gateway", "page"}, Lines: []diag.Line{}}
	if q.After >= uint64(len(all)) {
		if q.After > 0 {
			<-ctx.Done()
		}
		return out, nil
	}
	for _, l := range all[q.After:] {
		if (q.Component == "" || q.Component == l.Component) && (q.Level == "debug" || l.Level != "debug") {
			out.Lines = append(out.Lines, l)
		}
	}
	return out, nil
}

func (m *machine) SetLevel(_ context.Context, by kiosk.Actor, component, level string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if component == "nothing" {
		return &diag.Refusal{Message: "no part of that name", Next: "parts are: gateway"}
	}
	m.levels = append(m.levels, by.ID+" "+component+" "+level)
	return nil
}

func (m *machine) Await(ctx context.Context, _ kiosk.Actor, _ string) (diag.Trial, error) {
	select {
	case t := <-m.readings:
		return t, nil
	case <-time.After(3 * time.Second):
		return diag.Trial{}, nil
	case <-ctx.Done():
		return diag.Trial{}, ctx.Err()
	}
}

func (m *machine) Try(_ context.Context, _ kiosk.Actor, device string) (diag.Trial, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if device == "tickets" {
		return diag.Trial{}, &diag.Refusal{Message: "the device did not do it: no paper", Next: "put in a roll"}
	}
	m.tried = append(m.tried, device)
	return diag.Trial{Read: true, Good: true, Micros: 4200}, nil
}

func (m *machine) Judge(_ context.Context, by kiosk.Actor, device string, passed bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.judged = append(m.judged, by.ID+" "+device+map[bool]string{true: " passed", false: " failed"}[passed])
	return nil
}

func (m *machine) Measure() diag.Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	return diag.Sample{At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Add(time.Duration(m.n) * 15 * time.Second), Queued: uint64(m.n * m.n % 23), Append: float64(m.n%7) + 1.5, Tap: -1}
}

// desk is a check-in that knows nobody.
type desk struct {
	mu   sync.Mutex
	help web.HelpState
}

func (*desk) Identify(context.Context, web.Identify) (web.Identified, error) {
	return web.Identified{Outcome: web.Refused, Sentence: "not-found", Again: true}, nil
}
func (*desk) Finish(context.Context, web.Finish) (web.Done, error)        { return web.Done{}, nil }
func (*desk) Move(context.Context, web.Move) (web.Identified, error)      { return web.Identified{}, nil }
func (*desk) EndSession(context.Context, string, web.Ending) error        { return nil }
func (*desk) Help(context.Context, string, web.HelpKind, uuid.UUID) error { return nil }
func (*desk) Board(...string) web.BoardView                               { return web.BoardView{} }
func (*desk) Watch() (<-chan struct{}, func())                            { return nil, func() {} }
func (d *desk) HelpState() web.HelpState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.help
}

func (d *desk) calls(h web.HelpState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.help = h
}

// kit is a technician's page beside a check-in page.
type kit struct {
	t       *testing.T
	kiosk   *machine
	desk    *desk
	page    *web.Server
	diag    *diag.Server
	scanned chan string
	later   atomic.Int64 // ns by which what lasts has gone on

	mu      sync.Mutex
	audited []string
}

func newKit(t *testing.T, language string) *kit {
	t.Helper()
	k := &kit{t: t, kiosk: &machine{readings: make(chan diag.Trial, 8)}, desk: &desk{}, scanned: make(chan string, 8)}
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i, text := range []string{"gateway runs kiosk=lobby-1", "a check found something check=net-dns", "link is down", "browser launched"} {
		k.kiosk.lines = append(k.kiosk.lines, diag.Line{Time: at.Add(time.Duration(i) * time.Second), Level: []string{"info", "warn", "error", "debug"}[i], Component: []string{"gateway", "gateway", "gateway", "page"}[i], Text: text})
	}
	log := slog.New(slog.DiscardHandler)
	var err error
	k.diag, err = diag.New(diag.Config{Language: language}, diag.Deps{Kiosk: k.kiosk, Logger: log, Audit: k.audit,
		Count: func() time.Time { return time.Now().Add(time.Duration(k.later.Load())) },
		Free:  func() bool { return k.page.Free() },
		Captured: func(_ context.Context, code phi.Text) error {
			k.scanned <- code.Reveal()
			return k.page.Scan(t.Context(), code, "")
		}})
	if err != nil {
		t.Fatal(err)
	}
	k.page, err = web.New(web.Config{Listen: "127.0.0.1:0", Clinic: "Riverside Clinic", Languages: []string{language, "ar"}},
		web.Deps{CheckIn: k.desk, Board: k.desk, Logger: log, Technician: k.diag})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kit) audit(_ context.Context, act kiosk.Act, kind kiosk.AuditType, f kiosk.AuditFacts) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.audited = append(k.audited, string(kind)+" "+act.Actor.ID+" "+f.Action)
	return nil
}

func (k *kit) record() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.audited, "\n")
}

// run serves until the test ends or stop is called.
func (k *kit) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = k.page.Run(ctx) })
	all.Go(func() { _ = k.diag.Run(ctx) })
	stop = func() { cancel(); all.Wait() }
	k.t.Cleanup(stop)
	k.eventually("the page's server runs", k.diag.Running)
	return stop
}

func (k *kit) eventually(what string, holds func() bool) {
	k.t.Helper()
	for range 400 {
		if holds() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	k.t.Fatalf("never: %s\n%s", what, k.record())
}

// ask is a request as the page makes it, changed by pairs; "" deletes a header.
func (k *kit) ask(method, path, body string, cookies []*http.Cookie, pairs ...string) *http.Response {
	k.t.Helper()
	r, err := http.NewRequestWithContext(k.t.Context(), method, "http://"+k.page.Addr()+path, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	if r.Header.Set("Sec-Fetch-Site", "same-origin"); method == "POST" {
		for name, v := range map[string]string{"Content-Type": "application/json", "Clinicgate-Page": "1", "Origin": "http://" + k.page.Addr()} {
			r.Header.Set(name, v)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		switch {
		case pairs[i] == "Host":
			r.Host = pairs[i+1]
		case pairs[i+1] == "":
			r.Header.Del(pairs[i])
		default:
			r.Header.Set(pairs[i], pairs[i+1])
		}
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = w.Body.Close() })
	return w
}

// launched gives the cookie of the kiosk's browser.
func (k *kit) launched() []*http.Cookie {
	k.t.Helper()
	path, err := k.page.NewLaunch(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return k.ask("GET", path, "", nil, "Sec-Fetch-Site", "none").Cookies()
}

// opened gives the cookies of the kiosk's browser with the page open.
func (k *kit) opened() []*http.Cookie {
	k.t.Helper()
	pass := k.launched()
	code, _ := k.diag.Open(technician)
	w := k.ask("POST", "/diag/code", `{"code":"`+strings.ReplaceAll(code, " ", "")+`"}`, pass)
	if w.StatusCode != 200 {
		k.t.Fatalf("the code gave %d", w.StatusCode)
	}
	return append(pass, w.Cookies()...)
}
