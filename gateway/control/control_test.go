package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
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

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/upgrade"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/auditlog"
)

// backend answers everything, remembers the last caller, and does what a test
// put into a field.
type backend struct {
	caller chan control.Caller
	verify func(context.Context, func(control.Progress)) (control.AuditReport, error)
	call   func(control.CallEntry) (control.QueueEntry, error)
	make   func()

	mu       sync.Mutex
	accesses []control.Access // guarded by mu
	granted  control.Roles    // to everybody
	used     []string         // guarded by mu
	deaf     bool             // no use can be put on record
}

func (b *backend) seen(by control.Caller) {
	select {
	case b.caller <- by:
	default:
	}
}

type statuses struct{ *backend }

func (b statuses) Status(_ context.Context, by control.Caller) (control.Status, error) {
	b.seen(by)
	return control.Status{Version: "test", Kiosk: "lobby-1"}, nil
}
func (b statuses) Sync(context.Context, control.Caller) (s control.SyncStatus, err error) { return }
func (b statuses) Devices(context.Context, control.Caller) (d control.Devices, err error) { return }

type bundles struct{ *backend }

func (b bundles) Make(context.Context, control.Caller, control.BundleWanted, func(control.Progress)) (m control.BundleMade, err error) {
	if b.make != nil {
		b.make()
	}
	return
}

type logs struct{ *backend }

func (b logs) SetLevel(_ context.Context, _ control.Caller, l control.LogLevel) (control.LogLevel, error) {
	return l, nil
}
func (b logs) Levels(context.Context, control.Caller) (l control.LogLevels, err error) { return }
func (b logs) Tail(context.Context, control.Caller, control.LogTail) (l control.LogLines, err error) {
	return
}
func (b *backend) Seen(context.Context, control.Caller) (control.PageSeen, error) {
	return control.PageSeen{Alive: true}, nil
}
func (b *backend) Launch(context.Context, control.Caller, control.Launch) (control.Launched, error) {
	return control.Launched{URL: "http://127.0.0.1:1/launch?token=x"}, nil
}

type queue struct{ *backend }

func (b queue) List(context.Context, control.Caller) (q control.QueueList, err error) { return }
func (b queue) Reveal(context.Context, control.Caller, control.None) (q control.QueueList, err error) {
	return
}
func (b queue) Call(_ context.Context, by control.Caller, in control.CallEntry) (control.QueueEntry, error) {
	b.seen(by)
	if b.call != nil {
		return b.call(in)
	}
	return control.QueueEntry{Ticket: in.Entry, Room: in.Room}, nil
}
func (b queue) Admit(context.Context, control.Caller, control.Admit) (e control.QueueEntry, err error) {
	return
}
func (b queue) WalkIn(context.Context, control.Caller, control.WalkIn) (e control.QueueEntry, err error) {
	return
}
func (b queue) Match(context.Context, control.Caller, control.Match) (e control.QueueEntry, err error) {
	return
}
func (b queue) SetStatus(context.Context, control.Caller, control.SetStatus) (e control.QueueEntry, err error) {
	return
}
func (b queue) SetPriority(context.Context, control.Caller, control.SetPriority) (e control.QueueEntry, err error) {
	return
}
func (b queue) Transfer(context.Context, control.Caller, control.Transfer) (e control.QueueEntry, err error) {
	return
}
func (b queue) Remove(context.Context, control.Caller, control.Remove) (e control.QueueEntry, err error) {
	return
}

func (b queue) Undo(context.Context, control.Caller, control.Undo) (e control.QueueEntry, err error) {
	return
}
func (b queue) SetProvider(context.Context, control.Caller, control.SetProvider) (p control.Provider, err error) {
	return
}
func (b queue) Help(context.Context, control.Caller) (h control.HelpList, err error) { return }
func (b queue) AcknowledgeHelp(context.Context, control.Caller, control.AcknowledgeHelp) (h control.Help, err error) {
	return
}

type deskPage struct{ *backend }

func (b deskPage) Pair(context.Context, control.Caller, control.DeskPair) (p control.DeskPairing, err error) {
	return
}
func (b deskPage) Browsers(context.Context, control.Caller) (l control.DeskBrowsers, err error) {
	return
}
func (b deskPage) Revoke(context.Context, control.Caller, control.DeskRevoke) (l control.DeskBrowsers, err error) {
	return
}
func (b deskPage) SetPIN(context.Context, control.Caller, control.DeskPIN) (n control.None, err error) {
	return
}
func (b deskPage) Certificate(context.Context, control.Caller) (c control.DeskCertificate, err error) {
	return
}

type roster struct{ *backend }

func (b roster) Import(_ context.Context, _ control.Caller, in control.RosterImport) (control.RosterImported, error) {
	return control.RosterImported{Rows: len(in.List)}, nil
}
func (b roster) Held(context.Context, control.Caller) (l control.HeldLists, err error) { return }
func (b roster) Accept(context.Context, control.Caller, control.HeldDecision) (i control.RosterImported, err error) {
	return
}
func (b roster) Refuse(context.Context, control.Caller, control.HeldDecision) (l control.HeldLists, err error) {
	return
}

type keys struct{ *backend }

func (b keys) List(context.Context, control.Caller) (l control.KeyList, err error) { return }
func (b keys) Import(context.Context, control.Caller, control.KeyImport) (l control.KeyList, err error) {
	return
}
func (b keys) Rotate(context.Context, control.Caller, control.KeyRotate) (l control.KeyList, err error) {
	return
}
func (b keys) Erase(context.Context, control.Caller, control.KeyErase) (l control.KeyList, err error) {
	return
}
func (b keys) SetRecovery(context.Context, control.Caller, control.KeyRecovery) (l control.KeyList, err error) {
	return
}

type audit struct{ *backend }

func (b audit) List(context.Context, control.Caller, control.AuditQuery) (e control.AuditEvents, err error) {
	return
}
func (b audit) Verify(ctx context.Context, _ control.Caller, _ control.AuditVerify, progress func(control.Progress)) (control.AuditReport, error) {
	if b.verify != nil {
		return b.verify(ctx, progress)
	}
	return control.AuditReport{OK: true}, nil
}

type store struct{ *backend }

func (b store) Check(context.Context, control.Caller, control.StoreCheck, func(control.Progress)) (r storage.Report, err error) {
	return
}
func (b store) Backup(context.Context, control.Caller, control.StoreBackup, func(control.Progress)) (control.BackedUp, error) {
	return control.BackedUp{}, nil
}
func (b store) Retain(context.Context, control.Caller, control.None, func(control.Progress)) (r control.Retained, err error) {
	return
}
func (b store) Compact(context.Context, control.Caller, control.None, func(control.Progress)) (c control.Compacted, err error) {
	return
}

// Record takes note of an access.
func (b *backend) Record(_ context.Context, a control.Access) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accesses = append(b.accesses, a)
	return nil
}

type noToken struct{}

func (noToken) Read(context.Context, control.Caller, control.None) (t control.Token, err error) {
	return
}

type glasses struct{ *backend }

func (b glasses) Open(context.Context, control.Caller, control.BreakGlass) (g control.Glass, err error) {
	return
}
func (b glasses) List(context.Context, control.Caller) (l control.Glasses, err error) { return }
func (b glasses) End(context.Context, control.Caller, control.GlassEnd) (l control.Glasses, err error) {
	return
}
func (b glasses) Granted(kiosk.Actor) control.Roles { return b.granted }
func (b glasses) Used(_ context.Context, by control.Caller, _ control.Roles, endpoint string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deaf {
		return errors.New("the store is full")
	}
	b.used = append(b.used, by.Actor.String()+" "+endpoint)
	return nil
}

type consents struct{ *backend }

func (b consents) List(context.Context, control.Caller, control.ConsentQuery) (l control.ConsentList, err error) {
	return
}
func (b consents) Revoke(context.Context, control.Caller, control.ConsentRevoke) (l control.ConsentList, err error) {
	return
}
func (b consents) Signature(context.Context, control.Caller, control.ConsentSigned) (g control.ConsentSignature, err error) {
	return
}

type diags struct{}

func (diags) Open(context.Context, control.Caller, control.DiagOpen) (o control.DiagOpened, err error) {
	return
}
func (diags) Close(context.Context, control.Caller, control.DiagClose) (s control.DiagStatus, err error) {
	return
}
func (diags) Status(context.Context, control.Caller) (s control.DiagStatus, err error) { return }

type noDoctor struct{}

func (noDoctor) Look(_ context.Context, _ control.Caller, _ control.DoctorLook, each func(doctor.Report)) (control.DoctorFound, error) {
	each(doctor.Report{ID: "disk-free", State: doctor.OK})
	return control.DoctorFound{Code: "0400"}, nil
}
func (noDoctor) Validate(context.Context, control.Caller, control.None, func(control.Progress)) (v control.Validation, err error) {
	return
}
func (noDoctor) Fix(_ context.Context, _ control.Caller, in control.DoctorFix) (control.DoctorFixed, error) {
	return control.DoctorFixed{ID: in.ID}, nil
}

func (b *backend) all() control.Backend {
	return control.Backend{Status: statuses{b}, Doctor: noDoctor{}, Tests: noTests{}, MQTT: noMQTT{}, Page: b, Queue: queue{b}, Consent: consents{b}, Desk: deskPage{b}, Roster: roster{b},
		Keys: keys{b}, Audit: audit{b}, Log: logs{b}, Diag: diags{}, Bundle: bundles{b}, Store: store{b}, Upgrade: noUpgrade{}, Access: b, Glass: glasses{b}, Token: noToken{}}
}

// channel is one that is given back at the end of the test.
func channel(t *testing.T) *control.Channel {
	c := &control.Channel{}
	t.Cleanup(func() { _ = c.Close() }) // the test is over
	return c
}

// serve runs a server on a socket of its own until the test ends.
func serve(t *testing.T, b *backend, change func(*control.Server)) (path string, log *bytes.Buffer) {
	t.Helper()
	b.caller = make(chan control.Caller, 1)
	path = filepath.Join(t.TempDir(), "run", "control.sock")
	log = &bytes.Buffer{}
	s, err := control.New(config.Control{Path: path, Roles: config.Roles{
		Admin:        []config.Principal{{Name: "ada"}},
		Technician:   []config.Principal{{Group: true, Name: "tech"}},
		Desk:         []config.Principal{{Group: true, Name: "desk"}, {Name: "nobody"}},
		KioskSession: []config.Principal{{Name: "kiosk"}},
	}}, b.all(), slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	if err := s.Open(channel(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return path, log
}

func dial(t *testing.T, path string) *control.Client {
	t.Helper()
	c, err := control.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// raw is a client that asks for anything.
func raw(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
}

func ask(t *testing.T, c *http.Client, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://x"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// roleTable is who may do what, written down a second time on purpose: a change
// of one row of the API must be made in two places.
const roleTable = `
                    kiosk-session  desk  technician  admin
status              -              yes   yes         yes
sync/status         -              yes   yes         yes
doctor/look         -              yes   yes         yes
doctor/fix          -              -     yes         yes
devices/list        -              -     yes         yes
log/levels          -              -     yes         yes
log/level           -              -     yes         yes
log/tail            -              -     yes         yes
bundle/make         -              -     yes         yes
diag/open           -              -     yes         yes
diag/close          -              -     yes         yes
diag/status         -              -     yes         yes
page/launch         yes            -     -           yes
page/seen           yes            -     -           yes
queue/list          -              yes   -           yes
queue/reveal        -              yes   -           yes
queue/admit         -              yes   -           yes
queue/walk-in       -              yes   -           yes
queue/match         -              yes   -           yes
queue/call          -              yes   -           yes
queue/status        -              yes   -           yes
queue/priority      -              yes   -           yes
queue/transfer      -              yes   -           yes
queue/remove        -              yes   -           yes
queue/undo          -              yes   -           yes
provider/status     -              yes   -           yes
consent/list        -              yes   -           yes
consent/revoke      -              yes   -           yes
consent/signature   -              yes   -           yes
help/list           -              yes   yes         yes
help/acknowledge    -              yes   yes         yes
desk/pair           -              yes   -           yes
desk/browsers       -              yes   -           yes
desk/revoke         -              yes   -           yes
desk/pin            -              -     -           yes
desk/certificate    -              yes   yes         yes
break-glass/open    -              yes   yes         yes
break-glass/list    -              yes   yes         yes
break-glass/end     -              yes   yes         yes
roster/import       -              yes   -           yes
roster/held         -              yes   yes         yes
roster/accept       -              yes   -           yes
roster/refuse       -              yes   -           yes
devices/await       -              -     yes         yes
devices/try         -              -     yes         yes
devices/judge       -              -     yes         yes
devices/replace     -              -     yes         yes
devices/credential  -              -     -           yes
devices/watch       -              -     yes         yes
keys/list           -              -     yes         yes
keys/import         -              -     -           yes
keys/rotate         -              -     -           yes
keys/erase          -              -     -           yes
keys/recovery       -              -     -           yes
audit/list          -              -     yes         yes
audit/verify        -              -     yes         yes
store/check         -              -     yes         yes
store/compact       -              -     -           yes
validate            -              -     yes         yes
retention/run       -              -     -           yes
token/read          -              -     yes         yes
store/backup          -              -     -           yes
upgrade/look        -              -     -           yes
upgrade/record      -              -     -           yes
`

func TestRoles(t *testing.T) {
	peers := []struct {
		role string
		peer control.Peer
	}{
		{"kiosk-session", control.Peer{User: "kiosk", Name: "kiosk"}},
		{"desk", control.Peer{User: "1000", Name: "anna", Groups: []string{"users", "desk"}}},
		{"technician", control.Peer{User: "1001", Name: "tom", Groups: []string{"tech"}}},
		{"admin", control.Peer{User: "0", Name: "root", Owner: true}},
		{"admin", control.Peer{User: "ada", Name: "ada"}},
		{"", control.Peer{User: "nobody", Name: "nobody", Groups: []string{"nobody"}}},
		{"", control.Peer{User: "desk", Name: "desk", Groups: []string{"ada", "kiosk"}}}, // a group's name is no user's, nor the reverse
	}
	rows := strings.Split(strings.TrimSpace(roleTable), "\n")
	columns := strings.Fields(rows[0])
	for _, p := range peers {
		t.Run(p.role+"/"+p.peer.Name, func(t *testing.T) {
			t.Parallel()
			var all []string
			path, _ := serve(t, &backend{}, func(s *control.Server) { s.As(p.peer); all = s.Endpoints() })
			client := raw(path)
			if len(all) != len(rows)-1 {
				t.Errorf("the API has %d endpoints, the test's table %d", len(all), len(rows)-1)
			}
			for _, row := range rows[1:] {
				cells := strings.Fields(row)
				if !slices.Contains(all, cells[0]) {
					t.Errorf("there is no endpoint %s", cells[0])
				}
				allowed := false
				if i := slices.Index(columns, p.role); i >= 0 {
					allowed = cells[i+1] == "yes"
				}
				// The method that the endpoint does not have, so that nothing is done:
				// a denied caller must not even learn that.
				get, _ := ask(t, client, "GET", "/v1/"+cells[0], "")
				post, _ := ask(t, client, "POST", "/v1/"+cells[0], "{}")
				if denied := get == 403 && post == 403; denied == allowed {
					t.Errorf("%s as %s: GET %d, POST %d, want allowed %v", cells[0], p.role, get, post, allowed)
				}
				if allowed && get != 200 && post != 200 {
					t.Errorf("%s as %s: GET %d, POST %d, want one 200", cells[0], p.role, get, post)
				}
			}
		})
	}
}

func TestCallerIsTheAccount(t *testing.T) {
	b := &backend{}
	path, log := serve(t, b, func(s *control.Server) {
		s.As(control.Peer{User: "1000", Name: "anna", Groups: []string{"desk", "tech"}})
	})
	if _, err := dial(t, path).CallEntry(t.Context(), control.CallEntry{Entry: "A-017"}); err != nil {
		t.Fatal(err)
	}
	by := <-b.caller
	if want := (kiosk.Actor{Kind: kiosk.ActorStaff, ID: "anna"}); by.Actor != want || by.Roles != control.Desk|control.Technician {
		t.Errorf("caller %+v, want %v with roles desk and technician", by, want)
	}
	if s := log.String(); !strings.Contains(s, "staff:anna") || strings.Contains(s, "A-017") {
		t.Errorf("the log names not the actor, or the body: %s", s)
	}
}

// What has no audit event of its own is recorded: every act, and a read or a refusal
// once in a while, however often somebody asks.
func TestAccessIsRecorded(t *testing.T) {
	b := &backend{}
	path, _ := serve(t, b, func(s *control.Server) { s.As(control.Peer{User: "1000", Name: "tom", Groups: []string{"tech"}}) })
	client := raw(path)
	for range 3 {
		ask(t, client, "GET", "/v1/keys/list", "")
		ask(t, client, "POST", "/v1/audit/list", "{}")
		ask(t, client, "POST", "/v1/keys/erase", "{}")
		ask(t, client, "GET", "/v1/status", "")
	}
	count := map[string]int{}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.accesses {
		count[fmt.Sprint(a.By.Actor, " ", a.Endpoint, " ", a.Refused)]++
	}
	want := map[string]int{"staff:tom keys/list false": 1, "staff:tom audit/list false": 3, "staff:tom keys/erase true": 1}
	if !maps.Equal(count, want) {
		t.Errorf("recorded %v, want %v", count, want)
	}
}

// A role that was taken opens what it covers and nothing else, each use is recorded
// before it is done, and an account without a role of its own can take none.
func TestTakenRoles(t *testing.T) {
	for _, test := range []struct {
		peer    control.Peer
		granted control.Roles
		deaf    bool
		want    map[string]int
		used    []string
	}{
		{control.Peer{User: "1001", Name: "tom", Groups: []string{"tech"}}, control.Desk, false,
			map[string]int{"queue/list": 200, "desk/pin": 403, "keys/rotate": 403, "devices/list": 200}, []string{"staff:tom queue/list"}},
		{control.Peer{User: "1001", Name: "tom", Groups: []string{"tech"}}, control.Desk, true, map[string]int{"queue/list": 500, "devices/list": 200}, nil},
		{control.Peer{User: "1000", Name: "anna", Groups: []string{"desk"}}, control.PINs, false,
			map[string]int{"desk/pin": 200, "queue/list": 200, "devices/list": 403, "keys/erase": 403}, []string{"staff:anna desk/pin"}},
		{control.Peer{User: "9", Name: "eve"}, control.Desk, false, map[string]int{"queue/list": 403, "break-glass/open": 403}, nil},
		{control.Peer{User: "kiosk", Name: "kiosk"}, 0, false, map[string]int{"break-glass/open": 403, "page/launch": 200}, nil},
	} {
		b := &backend{granted: test.granted, deaf: test.deaf}
		path, _ := serve(t, b, func(s *control.Server) { s.As(test.peer) })
		client := raw(path)
		for name, want := range test.want {
			method, body := "GET", ""
			if name != "queue/list" && name != "devices/list" {
				method, body = "POST", "{}"
			}
			if got, text := ask(t, client, method, "/v1/"+name, body); got != want {
				t.Errorf("%s with %v: %s is %d %s, want %d", test.peer.Name, test.granted, name, got, text, want)
			}
		}
		b.mu.Lock()
		if !slices.Equal(b.used, test.used) {
			t.Errorf("%s used %q, want %q", test.peer.Name, b.used, test.used)
		}
		b.mu.Unlock()
	}
}

// The test's own account runs the server, so the system says that it is admin.
func TestPeerOfThisProcess(t *testing.T) {
	b := &backend{}
	path, _ := serve(t, b, nil)
	s, err := dial(t, path).Status(t.Context())
	if err != nil || s.Kiosk != "lobby-1" {
		t.Fatalf("Status: %+v, %v", s, err)
	}
	by := <-b.caller
	if by.Roles != control.Admin || by.Actor.ID == "" {
		t.Errorf("caller %+v, want an admin with a name", by)
	}
}

func TestActorID(t *testing.T) {
	for name, want := range map[string]string{"anna": "anna", `CLINIC\anna`: "CLINIC_anna-", "j.doe": "j_doe-", "": "-", strings.Repeat("é", 60): "_-"} {
		got := control.ActorID(name)
		if !strings.HasPrefix(got, want) || len(got) > 40 || kiosk.StaffID(got).Validate() != nil {
			t.Errorf("ActorID(%q) = %q, want an id that begins with %q", name, got, want)
		}
	}
	if control.ActorID("j.doe") == control.ActorID("j_doe") {
		t.Error("two people have one id")
	}
}

func TestBounds(t *testing.T) {
	path, log := serve(t, &backend{}, nil)
	client := raw(path)
	secret := "Wanda-Canary"
	for _, c := range []struct {
		method, path, body string
		want               int
		code               string
	}{
		{"GET", "/v2/status", "", 404, "version v1"},
		{"GET", "/v1/nothing", "", 404, "no such endpoint"},
		{"POST", "/v1/status", "{}", 400, "wants GET"},
		{"GET", "/v1/queue/call", "", 400, "wants POST"},
		{"POST", "/v1/queue/call", "", 400, "JSON object"},
		{"POST", "/v1/queue/call", `{"entry":"A-1","ghost":"` + secret + `"}`, 400, "JSON object"},
		{"POST", "/v1/queue/call", `{"entry":"A-1"}{}`, 400, "after its JSON"},
		{"POST", "/v1/queue/call", `{"entry":"` + strings.Repeat("x", 70<<10) + `"}`, 400, "larger than"},
		{"POST", "/v1/roster/import", `{"list":"` + strings.Repeat("QUFB", 50<<10) + `"}`, 200, `"rows":153600`},
	} {
		status, body := ask(t, client, c.method, c.path, c.body)
		if status != c.want || !strings.Contains(body, c.code) {
			t.Errorf("%s %s %.40s: %d %s, want %d with %q", c.method, c.path, c.body, status, body, c.want, c.code)
		}
		if strings.Contains(body, secret) {
			t.Errorf("%s repeats the request: %s", c.path, body)
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log repeats the request: %s", log)
	}
}

type hinted struct{ error }

func (hinted) Hint() string { return "try the other door" }

func TestErrorsKeepCodeAndHint(t *testing.T) {
	b := &backend{}
	path, _ := serve(t, b, nil)
	client := dial(t, path)
	for _, c := range []struct {
		err  error
		want control.Error
	}{
		{&control.Error{Code: control.Conflict, Message: "the patient is not waiting", Next: "look at the queue"}, control.Error{Code: control.Conflict, Message: "the patient is not waiting", Next: "look at the queue"}},
		{fmt.Errorf("cannot call: %w", &control.Error{Code: control.NotFound, Message: "no such ticket"}), control.Error{Code: control.NotFound, Message: "no such ticket"}},
		{fmt.Errorf("cannot call: %w", hinted{errors.New("door is shut")}), control.Error{Code: control.Failed, Message: "cannot call: door is shut", Next: "try the other door"}},
	} {
		b.call = func(control.CallEntry) (control.QueueEntry, error) { return control.QueueEntry{}, c.err }
		_, err := client.CallEntry(t.Context(), control.CallEntry{Entry: "A-1"})
		got, ok := errors.AsType[*control.Error](err)
		if !ok || *got != c.want {
			t.Errorf("a backend's %v arrives as %#v, want %+v", c.err, err, c.want)
		}
	}
}

func TestBrokenHandler(t *testing.T) {
	b := &backend{call: func(in control.CallEntry) (control.QueueEntry, error) { panic(in.Entry) }}
	path, log := serve(t, b, nil)
	client := dial(t, path)
	_, err := client.CallEntry(t.Context(), control.CallEntry{Entry: "Wanda-Canary"})
	if got, ok := errors.AsType[*control.Error](err); !ok || got.Code != control.Failed || got.Next == "" {
		t.Errorf("a handler that broke answers %#v", err)
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("after that: %v", err)
	}
	if s := log.String(); strings.Contains(s, "Canary") || !strings.Contains(s, "endpoint=queue/call") {
		t.Errorf("the log shows what was panicked with, or not where: %s", s)
	}
}

func TestStream(t *testing.T) {
	b := &backend{}
	path, _ := serve(t, b, nil)
	client := dial(t, path)
	b.verify = func(_ context.Context, progress func(control.Progress)) (control.AuditReport, error) {
		for i := range uint64(1000) {
			progress(control.Progress{Done: i + 1, Total: 1000, Unit: "records"})
		}
		return control.AuditReport{OK: true, Logs: []auditlog.Report{{Origin: "log", Records: 1000}}}, nil
	}
	var steps []control.Progress
	report, err := client.AuditVerify(t.Context(), control.AuditVerify{}, func(p control.Progress) { steps = append(steps, p) })
	if err != nil || !report.OK || len(report.Logs) != 1 || report.Logs[0].Records != 1000 {
		t.Fatalf("AuditVerify: %+v, %v", report, err)
	}
	if len(steps) == 0 || len(steps) > 100 || steps[0].Total != 1000 {
		t.Errorf("%d steps of progress, want a few", len(steps))
	}

	b.verify = func(context.Context, func(control.Progress)) (control.AuditReport, error) {
		return control.AuditReport{}, hinted{errors.New("record 7 is missing")}
	}
	_, err = client.AuditVerify(t.Context(), control.AuditVerify{}, nil)
	if got, ok := errors.AsType[*control.Error](err); !ok || got.Message != "record 7 is missing" || got.Next == "" {
		t.Errorf("a stream's error arrives as %#v", err)
	}
}

// Long work ends when whoever asked for it is gone, and when the service stops.
func TestStreamEnds(t *testing.T) {
	for _, name := range []string{"caller leaves", "service stops"} {
		t.Run(name, func(t *testing.T) {
			b := &backend{}
			begun, ended := make(chan struct{}), make(chan struct{})
			b.verify = func(ctx context.Context, progress func(control.Progress)) (control.AuditReport, error) {
				close(begun)
				<-ctx.Done()
				close(ended)
				return control.AuditReport{}, ctx.Err()
			}
			path := filepath.Join(t.TempDir(), "c.sock")
			s, err := control.New(config.Control{Path: path}, b.all(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Open(channel(t)); err != nil {
				t.Fatal(err)
			}
			service, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Run(service) }()
			caller, leave := context.WithCancel(t.Context())
			defer leave()
			answer := make(chan error, 1)
			client := dial(t, path)
			go func() {
				_, err := client.AuditVerify(caller, control.AuditVerify{}, nil)
				answer <- err
			}()
			<-begun
			if name == "caller leaves" {
				leave()
			} else {
				stop()
			}
			<-ended
			if err := <-answer; err == nil {
				t.Error("the caller got an answer")
			}
			stop()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

func TestSocketFile(t *testing.T) {
	path, _ := serve(t, &backend{}, nil)
	for name, want := range map[string]fs.FileMode{path: fs.ModeSocket | 0o660, filepath.Dir(path): fs.ModeDir | 0o750} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
	open := func(path string) error {
		s, err := control.New(config.Control{Path: path}, (&backend{}).all(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return s.Open(channel(t))
	}
	err := open(path)
	if got, ok := errors.AsType[*control.Error](err); !ok || got.Code != control.Conflict || got.Next == "" {
		t.Errorf("a second service: %v, want a conflict with a hint", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(file); err == nil {
		t.Error("a file that is no socket was replaced")
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

// The socket that a killed service left is replaced.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Dial(t.Context(), path); !errors.Is(err, control.ErrUnreachable) {
		t.Errorf("Dial of a dead socket: %v, want ErrUnreachable", err)
	}
	s, err := control.New(config.Control{Path: path}, (&backend{}).all(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	on := &control.Channel{}
	if err := s.Open(on); err != nil {
		t.Fatalf("Open over a stale socket: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := errors.Join(s.Run(ctx), on.Close()); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket stays behind: %v", err)
	}
}

// A service that begins again in the same process is not taken for one that is down:
// what was asked is answered, and who asks in between waits for the next server.
func TestWhoAsksWhileTheServiceBeginsAgainWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	on := channel(t)
	begun, proceed := make(chan struct{}), make(chan struct{})
	first := &backend{verify: func(context.Context, func(control.Progress)) (control.AuditReport, error) {
		close(begun)
		<-proceed
		return control.AuditReport{OK: true}, nil
	}}
	run := func(b *backend) (s *control.Server, stop func()) {
		s, err := control.New(config.Control{Path: path}, b.all(), slog.New(slog.DiscardHandler))
		if err == nil {
			err = s.Open(on)
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		return s, func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
	old, stop := run(first)
	asked := make(chan error, 1)
	client := dial(t, path)
	go func() {
		_, err := client.AuditVerify(t.Context(), control.AuditVerify{}, nil)
		asked <- err
	}()
	<-begun
	left := make(chan struct{})
	go func() { old.Leave(t.Context()); close(left) }()
	close(proceed)
	if err := <-asked; err != nil {
		t.Errorf("what was asked before: %v", err)
	}
	<-left
	waits := make(chan error, 2)
	for range 2 {
		go func() {
			c, err := control.Dial(t.Context(), path)
			if err == nil {
				_, err = c.Status(t.Context())
				c.Close()
			}
			waits <- err
		}()
	}
	select {
	case err := <-waits:
		t.Errorf("somebody answered while there was no server: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	stop()
	_, stop = run(&backend{})
	defer stop()
	for range 2 {
		if err := <-waits; err != nil {
			t.Errorf("who asked in between: %v", err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	_, err := control.Dial(t.Context(), filepath.Join(t.TempDir(), "none.sock"))
	var h interface{ Hint() string }
	if !errors.Is(err, control.ErrUnreachable) || !errors.As(err, &h) || h.Hint() == "" {
		t.Errorf("Dial of nothing: %v, want ErrUnreachable with a hint", err)
	}
}

// Whoever asks for the checks or a bundle of a service that takes connections and
// answers nothing is told that it hangs.
func TestHangs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.Listen("unix", path) // and nobody takes what waits there
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, path)
	for name, ask := range map[string]func() error{
		"checks": func() error { _, err := c.DoctorLook(t.Context(), control.DoctorLook{}, nil); return err },
		"bundle": func() error { _, err := c.MakeBundle(t.Context(), control.BundleWanted{}, nil); return err },
	} {
		var h interface{ Hint() string }
		if err := ask(); !errors.Is(err, control.ErrHangs) || !errors.Is(err, control.ErrUnreachable) || !errors.As(err, &h) || h.Hint() == "" {
			t.Errorf("%s: %v, want ErrHangs with a hint", name, err)
		}
	}
}

// A service that takes long for a bundle says at once that it has begun.
func TestBundleBegins(t *testing.T) {
	begun := make(chan struct{})
	path, _ := serve(t, &backend{make: func() { <-begun }}, func(s *control.Server) { s.As(control.Peer{User: "ada", Name: "ada"}) })
	tell := sync.OnceFunc(func() { close(begun) })
	late := time.AfterFunc(time.Minute, tell) // so that the test ends
	defer late.Stop()
	told := false
	if _, err := dial(t, path).MakeBundle(t.Context(), control.BundleWanted{}, func(control.Progress) {
		told = true
		tell()
	}); err != nil || !told {
		t.Errorf("it began: %v, %v", told, err)
	}
}

func TestIncompleteBackend(t *testing.T) {
	all := (&backend{}).all()
	all.Keys = nil
	if _, err := control.New(config.Control{}, all, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "Keys") {
		t.Errorf("New without keys: %v", err)
	}
}

// More connections than the limit wait; none is lost.
func TestManyConnections(t *testing.T) {
	path, _ := serve(t, &backend{}, nil)
	var conns []net.Conn
	for range 40 {
		c, err := net.DialTimeout("unix", path, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Errorf("Status after 40 idle connections: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("queue/call", []byte(`{"entry":"A-017"}`))
	f.Add("keys/erase", []byte(`{"class":"queue","epoch":4294967296}`))
	f.Add("roster/import", []byte(`{"list":"QUFB"}`))
	f.Add("audit/verify", []byte(`{}`))
	s, err := control.New(config.Control{}, (&backend{}).all(), slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	admin := s.Handler(control.Peer{Name: "root", Owner: true})
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		r := httptest.NewRequest("POST", "/v1/status", bytes.NewReader(body))
		r.URL.Path = "/v1/" + name
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("POST %q %q: %d %s", name, body, w.Code, w.Body)
		}
	})
}

// noMQTT is a kiosk without MQTT.
type noMQTT struct{}

func (noMQTT) Credential(context.Context, control.Caller, control.MQTTClient) (r control.MQTTCredential, err error) {
	return r, nil
}
func (noMQTT) Watch(context.Context, control.Caller, control.DeviceWatch) (r control.DeviceWatched, err error) {
	return r, nil
}

// noTests is a kiosk without devices.
type noTests struct{}

func (noTests) Await(context.Context, control.Caller, control.DeviceAwait) (r control.DeviceRead, err error) {
	return
}
func (noTests) Try(context.Context, control.Caller, control.DeviceUnit) (r control.DeviceTried, err error) {
	return
}
func (noTests) Judge(context.Context, control.Caller, control.DeviceVerdict) (r control.DeviceTested, err error) {
	return
}
func (noTests) Replace(context.Context, control.Caller, control.DeviceUnit) (r control.Device, err error) {
	return
}

// noUpgrade is a kiosk that nobody upgrades.
type noUpgrade struct{}

func (noUpgrade) Look(context.Context, control.Caller) (s upgrade.Sight, err error) { return }

func (noUpgrade) Record(context.Context, control.Caller, upgrade.Event) (n control.None, err error) {
	return
}
