package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/desk"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"
)

const (
	patient = "Canary, Wanda"
	anaPIN  = "730184"
	benPIN  = "195308"
)

var (
	admin   = kiosk.Actor{Kind: kiosk.ActorStaff, ID: "root"}
	entryID = kiosk.EntryID(uuid.MustParse("7f9a3f62-5a1e-4b53-9a8e-3f6f6f0f1a01"))
	helpID  = "7f9a3f62-5a1e-4b53-9a8e-3f6f6f0f1a02"
)

// room is a made-up clinic that remembers what was done to it.
type room struct {
	mu      sync.Mutex
	did     []kiosk.Act // guarded by mu, as all below
	acts    []desk.Act
	refuse  error
	amend   func(*desk.View) // what has changed since the morning
	changed chan struct{}
}

func (r *room) Watch() (<-chan struct{}, func()) { return r.changed, func() {} }

func (r *room) View(context.Context) (desk.View, error) {
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	return desk.View{
		Day: "2026-11-23", Online: false, Departments: []desk.Department{{ID: "cardiology", Name: "Cardiology"}}, Rooms: []string{"101"},
		Reasons: []string{"medicine", "paperwork"},
		Entries: []desk.Entry{{ID: entryID, Ticket: "A-001", Name: phi.New(patient), Department: "cardiology", Provider: "dr-a", Status: kiosk.Waiting,
			Priority: kiosk.Normal, CheckIn: at, LastBy: "staff:ana"}},
		Providers: []desk.Provider{{ID: "dr-a", Name: "Dr. A", Department: "cardiology", Status: kiosk.Available, Room: "101"}},
		Help:      []desk.Help{{ID: helpID, Kind: "ill", Department: "cardiology", Kiosk: "lobby-1", At: at}},
	}, nil
}

func (r *room) Do(_ context.Context, act kiosk.Act, in desk.Act) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	r.did, r.acts = append(r.did, act), append(r.acts, in)
	return nil
}

func (r *room) Day(context.Context) (desk.Day, error) {
	return desk.Day{Day: "2026-11-23", Rows: []desk.Row{{At: time.Now(), Name: phi.New(patient), Department: "Cardiology", Ticket: "A-001", Status: kiosk.Waiting}}}, nil
}

func (r *room) Expected(context.Context) ([]desk.Expected, error) {
	return []desk.Expected{{Appointment: "apt-1", Name: phi.New(patient), Born: phi.New("1980-02-29"), At: time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC), Department: "cardiology"}}, nil
}

func (r *room) done() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.did)
}

// kit is a desk on a real store.
type kit struct {
	t     *testing.T
	cfg   desk.Config
	dir   string
	keys  *storagetest.Keys
	store *storage.Store
	room  *room
	log   *lockedBuffer
	now   func() time.Time
	count func() time.Time
	full  bool // a busy morning, for pictures
	*desk.Server
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newKit(t *testing.T, change func(*kit)) *kit {
	t.Helper()
	k := &kit{t: t, dir: t.TempDir(), room: &room{changed: make(chan struct{}, 1)}, log: &lockedBuffer{}, now: time.Now}
	k.cfg = desk.Config{Listen: "127.0.0.1:0", Hosts: []string{"desk.clinic.example", "127.0.0.1"}, Organization: "riverside", Zone: "America/New_York",
		Language: "en", Staff: []desk.Staff{
			{ID: "ana", Name: "Ana", Roles: []desk.Role{desk.RoleDesk}},
			{ID: "ben", Name: "Ben", Roles: []desk.Role{desk.RoleHelp}},
			{ID: "cleo", Name: "Cleo", Roles: []desk.Role{desk.RoleView}},
		}}
	k.keys = storagetest.NewKeys("lobby-1").Preload("queue", "consent", "audit", "telemetry", "roster", storage.ClassStore, storage.ClassView)
	if change != nil {
		change(k)
	}
	k.open()
	t.Cleanup(k.close)
	return k
}

func (k *kit) open() {
	k.t.Helper()
	var err error
	boot := uuid.New()
	start := k.now()
	k.store, _, err = storage.Open(context.Background(), storage.Options{Dir: k.dir, Kiosk: "lobby-1", Kinds: kiosk.Kinds(), Keys: k.keys, NoSync: true,
		Now: func() storage.Instant {
			return storage.Instant{Wall: k.now(), Boot: boot, Mono: k.now().Sub(start), Synced: true}
		}})
	if err != nil {
		k.t.Fatal(err)
	}
	k.Server, err = desk.New(context.Background(), k.cfg, desk.Deps{Clinic: k.clinic(), Store: k.store, Now: k.now, Count: k.count,
		Logger: slog.New(slog.NewTextHandler(k.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		k.t.Fatal(err)
	}
}

// busy gives the clinic of a busy morning; it is there with tag e2e.
var busy func(*room) desk.Clinic

func (k *kit) clinic() desk.Clinic {
	if k.full {
		return busy(k.room)
	}
	return k.room
}

func (k *kit) close() {
	_ = k.Server.Close()
	if err := k.store.Close(context.Background()); err != nil {
		k.t.Errorf("close: %v", err)
	}
}

// reopen is a restart of the service.
func (k *kit) reopen() {
	k.t.Helper()
	k.close()
	k.open()
}

func (k *kit) host() string {
	_, port, err := net.SplitHostPort(k.Addr())
	if err != nil {
		k.t.Fatal(err)
	}
	return "desk.clinic.example:" + port
}

// own is what our page sends with a write.
func (k *kit) own(pairs ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Clinicgate-Page": {"1"}, "Origin": {"https://" + k.host()},
		"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
	for i := 0; i < len(pairs); i += 2 {
		h.Del(pairs[i])
		if pairs[i+1] != "" {
			h.Set(pairs[i], pairs[i+1])
		}
	}
	return h
}

// ask sends any request and gives the answer.
func (k *kit) ask(method, path, host string, h http.Header, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = host
	r.Header = h.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	k.Handler().ServeHTTP(w, r)
	return w
}

func (k *kit) post(path, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	return k.ask("POST", path, k.host(), k.own(), body, cookies...)
}

// pair pairs a browser and gives its cookie.
func (k *kit) pair() *http.Cookie {
	k.t.Helper()
	code, _, err := k.Pair(admin, "front desk")
	if err != nil {
		k.t.Fatal(err)
	}
	w := k.post("/pair", fmt.Sprintf(`{"code":%q}`, code))
	if w.Code != http.StatusOK || len(w.Result().Cookies()) != 1 {
		k.t.Fatalf("pair: %d %s", w.Code, w.Body)
	}
	return w.Result().Cookies()[0]
}

func (k *kit) pin(id kiosk.StaffID, pin string) {
	k.t.Helper()
	if err := k.SetPIN(context.Background(), admin, id, pin); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) login(staff, pin string, c *http.Cookie) *httptest.ResponseRecorder {
	body, _ := json.Marshal(map[string]string{"staff": staff, "pin": pin})
	return k.post("/login", string(body), c)
}

// in pairs a browser, logs a person in and gives both ids.
func (k *kit) in(staff kiosk.StaffID, pin string) (c *http.Cookie, session string) {
	k.t.Helper()
	c = k.pair()
	k.pin(staff, pin)
	if w := k.login(string(staff), pin, c); w.Code != http.StatusOK {
		k.t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	return c, k.see(c).Session
}

// act posts one event of a session.
func (k *kit) act(c *http.Cookie, session, event, rest string) *httptest.ResponseRecorder {
	id, _ := uuid.NewV7()
	return k.post("/act", fmt.Sprintf(`{"request":%q,"session":%q,"event":%q%s}`, id, session, event, rest), c)
}

// seen is a picture as far as tests look.
type seen struct {
	Session string
	Person  string
	May     []string
	Clinic  *struct {
		Entries []struct {
			Name    string
			MayUndo bool
		}
	}
	raw string
}

// see reads the first picture of a browser's events; the zero one for none.
func (k *kit) see(c *http.Cookie) (s seen) {
	k.t.Helper()
	events := k.listen(c)
	defer events.stop()
	return events.next(k.t)
}

// events is an open page.
type events struct {
	pictures chan seen
	locked   chan struct{}
	stop     func()
	status   int
}

type pipeWriter struct {
	*io.PipeWriter
	header http.Header
	status int
}

func (p *pipeWriter) Header() http.Header { return p.header }
func (p *pipeWriter) WriteHeader(s int)   { p.status = s }
func (p *pipeWriter) Flush()              {}

func (k *kit) listen(c *http.Cookie) *events {
	k.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := httptest.NewRequest("GET", "/events", nil).WithContext(ctx)
	r.Host = k.host()
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(c)
	in, out := io.Pipe()
	w := &pipeWriter{PipeWriter: out, header: http.Header{}}
	e := &events{pictures: make(chan seen, 100), locked: make(chan struct{}, 1)}
	var running sync.WaitGroup
	running.Go(func() { k.Handler().ServeHTTP(w, r); _ = out.Close() })
	running.Go(func() {
		data, rest := make([]byte, 64<<10), ""
		for {
			n, err := in.Read(data)
			rest += string(data[:n])
			for {
				one, more, ok := strings.Cut(rest, "\n\n")
				if !ok {
					break
				}
				rest = more
				name, body, _ := strings.Cut(strings.TrimPrefix(one, "event: "), "\ndata: ")
				switch name {
				case "view":
					s := seen{raw: body}
					if json.Unmarshal([]byte(body), &s) == nil {
						e.pictures <- s
					}
				case "locked":
					e.locked <- struct{}{}
				}
			}
			if err != nil {
				return
			}
		}
	})
	e.stop = func() { cancel(); _ = in.Close(); running.Wait() }
	return e
}

func (e *events) next(t *testing.T) seen {
	t.Helper()
	select {
	case s := <-e.pictures:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("no picture came")
		return seen{}
	}
}

// audits lists the audit events of the store as "TYPE actor action outcome".
func (k *kit) audits() (list []string) {
	k.t.Helper()
	records, err := k.store.Read(context.Background(), kiosk.AuditChannel("riverside"), "", storage.Cursor{}, 10_000)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, r := range records {
		var e kiosk.AuditEvent
		if err := json.Unmarshal(r.Body, &e); err != nil {
			k.t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s:%s %s %s", e.EventType, e.Actor.Role, e.Actor.UserID, e.Action, e.Outcome))
	}
	return list
}

func (k *kit) audited(want string) int {
	k.t.Helper()
	n := 0
	for _, a := range k.audits() {
		if a == want {
			n++
		}
	}
	return n
}

// onDisk reports whether the store's files hold a text.
func (k *kit) onDisk(text string) bool {
	k.t.Helper()
	found := false
	_ = filepath.WalkDir(k.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || bytes.Contains(data, []byte(text))
		return err
	})
	return found
}

func contains[T comparable](list []T, v T) bool { return slices.Contains(list, v) }
