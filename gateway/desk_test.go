package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web/desk"
)

// deskBrowser is a browser on the clinic's network, with what browsers send.
type deskBrowser struct {
	t      *testing.T
	base   string
	client *http.Client
	trust  *x509.CertPool
}

// deskView is what the page is told, as far as the tests look.
type deskView struct {
	Session string
	Clinic  *struct {
		Entries, Left []struct {
			ID, Ticket, Name, Status, Room, Removed string
			Calls                                   int
			Unfinished, MayUndo                     bool
		}
		Help   []struct{ ID, Kind, By string }
		Ailing []struct{ Device, Why string }
		Held   []struct {
			ID, Why    string
			Importable bool
		}
	}
}

func withDesk(c *config.Config) {
	c.Desk.Listen, c.Desk.Hosts = "127.0.0.1:0", []string{"127.0.0.1", "desk.clinic.example"}
	c.Staff = []config.Staff{{ID: "ana", Name: "Ana", Roles: []config.StaffRole{config.StaffDesk}}}
}

// deskAt opens a browser that trusts what `clinicgate desk certificate` prints,
// after the fingerprints were compared.
func (c *clinic) deskAt(fingerprint string) *deskBrowser {
	c.t.Helper()
	given, err := c.control.DeskCertificate(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	trust := x509.NewCertPool()
	if !trust.AppendCertsFromPEM([]byte(given.PEM)) || !given.Own {
		c.t.Fatalf("certificate: %+v", given)
	}
	s, err := c.control.Status(c.t.Context())
	if err != nil || s.Page.Desk == "" {
		c.t.Fatalf("status: %+v, %v", s.Page, err)
	}
	u, err := url.Parse(s.Page.Desk)
	if err != nil {
		c.t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: trust})
	if err != nil {
		c.t.Fatal(err)
	}
	chain := conn.ConnectionState().PeerCertificates
	_ = conn.Close()
	sum := sha256.Sum256(chain[len(chain)-1].Raw)
	if got := strings.ReplaceAll(fingerprint, ":", ""); got != fmt.Sprintf("%X", sum) {
		c.t.Errorf("the pairing's fingerprint is %s, the connection's %X", got, sum)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return &deskBrowser{t: c.t, base: "https://" + u.Host, trust: trust,
		client: &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}}}
}

func (b *deskBrowser) post(path string, fields map[string]any) (int, string) {
	b.t.Helper()
	body, _ := json.Marshal(fields)
	r, _ := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, bytes.NewReader(body))
	for k, v := range map[string]string{"Content-Type": "application/json", "Clinicgate-Page": "1", "Origin": b.base, "Sec-Fetch-Site": "same-origin"} {
		r.Header.Set(k, v)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// see waits for a picture that is as wanted.
func (b *deskBrowser) see(what string, wanted func(deskView) bool) deskView {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/events", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var v deskView
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && strings.Contains(data, "build") {
			v = deskView{}
			if json.Unmarshal([]byte(data), &v) == nil && wanted(v) {
				return v
			}
		}
	}
	b.t.Fatalf("the desk did not show %s; last %+v (%d)", what, v, resp.StatusCode)
	return v
}

func (b *deskBrowser) act(session, event string, fields map[string]any) (int, string) {
	b.t.Helper()
	id, _ := uuid.NewV7()
	all := map[string]any{"request": id, "session": session, "event": event}
	for k, v := range fields {
		all[k] = v
	}
	return b.post("/act", all)
}

// With no internet a person at the desk is let in, sees a patient who checked
// in by name, calls and completes her; the audit names the person, and when the
// internet is back PubNub's subscribers hear it all.
func TestTheDeskCallsAndCompletesWithoutTheInternet(t *testing.T) {
	t.Parallel()
	c := newClinic(t, withDesk)
	offline := c.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
	code := c.admit("apt-1")
	ticket := c.typed(c.browser(), code)

	p, err := c.control.DeskPair(t.Context(), control.DeskPair{Name: "front desk"})
	if err != nil {
		t.Fatal(err)
	}
	b := c.deskAt(p.Fingerprint)
	if status, _ := b.post("/login", map[string]any{"staff": "ana", "pin": "730184"}); status != http.StatusUnauthorized {
		t.Errorf("login before pairing: %d", status)
	}
	if status, text := b.post("/pair", map[string]any{"code": strings.ToLower(p.Code)}); status != http.StatusOK {
		t.Fatalf("pair: %d %s", status, text)
	}
	if _, err := c.control.DeskPIN(t.Context(), control.DeskPIN{Staff: "ana", PIN: "123456"}); err == nil {
		t.Error("an easy PIN was taken")
	}
	if _, err := c.control.DeskPIN(t.Context(), control.DeskPIN{Staff: "ana", PIN: "730184"}); err != nil {
		t.Fatal(err)
	}
	if status, text := b.post("/login", map[string]any{"staff": "ana", "pin": "730184"}); status != http.StatusOK {
		t.Fatalf("login: %d %s", status, text)
	}
	v := b.see("the patient", func(v deskView) bool { return v.Clinic != nil && len(v.Clinic.Entries) == 1 })
	e := v.Clinic.Entries[0]
	if e.Ticket != ticket || e.Name != "Fictional, Ada" || e.Status != "waiting" {
		t.Errorf("the desk shows %+v", e)
	}
	// The same refusals as the terminal's.
	for _, r := range []struct {
		event  string
		fields map[string]any
		want   string
	}{
		{"status", map[string]any{"entry": e.ID, "status": "no-show"}, "not-called"},
		{"status", map[string]any{"entry": e.ID, "status": "completed"}, "transition"},
		{"call", map[string]any{"entry": e.ID, "room": "cellar"}, "room"},
		{"transfer", map[string]any{"entry": e.ID, "department": "nowhere"}, "department"},
		{"undo", map[string]any{"entry": e.ID}, "not-last"},
		{"undo", map[string]any{"entry": uuid.NewString()}, "not-found"},
		{"provider", map[string]any{"provider": "dr-b", "availability": "away"}, "provider"},
		{"acknowledge", map[string]any{"help": uuid.NewString()}, "no-help"},
	} {
		if status, text := b.act(v.Session, r.event, r.fields); status != http.StatusConflict || text != fmt.Sprintf(`{"refused":%q}`, r.want) {
			t.Errorf("%s %v: %d %s, want %s", r.event, r.fields, status, text, r.want)
		}
	}
	steps := []struct {
		event  string
		fields map[string]any
		then   func(deskView) bool
	}{
		{"call", map[string]any{"entry": e.ID}, func(v deskView) bool { return v.Clinic.Entries[0].Calls == 1 && v.Clinic.Entries[0].Room == "101" }},
		{"priority", map[string]any{"entry": e.ID, "priority": "urgent"}, func(v deskView) bool { return v.Clinic.Entries[0].MayUndo }},
		{"undo", map[string]any{"entry": e.ID}, func(deskView) bool { return true }},
		{"provider", map[string]any{"provider": "dr-a", "availability": "in-consultation", "room": "101"}, func(deskView) bool { return true }},
		{"status", map[string]any{"entry": e.ID, "status": "in-consultation"}, func(v deskView) bool { return v.Clinic.Entries[0].Status == "in-consultation" }},
		{"status", map[string]any{"entry": e.ID, "status": "completed"}, func(v deskView) bool { return len(v.Clinic.Entries) == 0 && len(v.Clinic.Left) == 1 }},
	}
	for _, s := range steps {
		if status, text := b.act(v.Session, s.event, s.fields); status != http.StatusOK {
			t.Fatalf("%s: %d %s\n%s", s.event, status, text, c.log.String())
		}
		b.see("the "+s.event, func(v deskView) bool { return v.Clinic != nil && s.then(v) })
	}
	if s, err := c.control.Status(t.Context()); err != nil || s.Page.LastCheckIn.IsZero() {
		t.Errorf("the patient who was seen has not checked in today: %v, %v", s.Page.LastCheckIn, err)
	}
	if status, text := b.act(v.Session, "print", nil); status != http.StatusOK || !strings.Contains(text, "Fictional, Ada") || !strings.Contains(text, ticket) {
		t.Errorf("printed list: %d %s", status, text)
	}
	if c.drained() {
		t.Error("events were delivered without a network")
	}
	events, err := c.control.AuditList(t.Context(), control.AuditQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var audit []string
	for _, raw := range events.Events {
		var e kiosk.AuditEvent
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		audit = append(audit, fmt.Sprintf("%s by %s:%s", e.EventType, e.Actor.Role, e.Actor.UserID))
	}
	for _, want := range []string{"STAFF_LOGGED_IN by staff:ana", "QUEUE_PATIENT_CALLED by staff:ana", "QUEUE_STATUS_CHANGED by staff:ana", "QUEUE_ENTRY_CORRECTED by staff:ana",
		"QUEUE_ACT_REFUSED by staff:ana", "PROVIDER_STATUS_CHANGED by staff:ana", "DESK_DAY_LIST_PRINTED by staff:ana"} {
		if !slices.Contains(audit, want) {
			t.Errorf("audit has no %q: %q", want, audit)
		}
	}
	for _, secret := range []string{"Fictional", "730184", p.Code} {
		if strings.Contains(c.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}

	offline.Clear()
	c.eventually("the backlog delivered", c.drained)
	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	published := strings.Join(c.read("queue.cardiology", keys.Public), "\n")
	for _, want := range []string{`"calledBy":"staff:ana"`, `"newStatus":"completed"`} {
		if !strings.Contains(published, want) {
			t.Errorf("queue.cardiology has no %s", want)
		}
	}

	// A paired browser and its certificate live through a restart; a login does not.
	// The port is another one here, and cookies do not know ports.
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.start()
	list, err := c.control.DeskBrowsers(t.Context())
	if err != nil || len(list.Browsers) != 1 || list.Browsers[0].Name != "front desk" || list.Browsers[0].Staff != "" {
		t.Fatalf("browsers after the restart: %+v, %v", list, err)
	}
	again := c.deskAt(p.Fingerprint)
	again.client.Jar = b.client.Jar
	again.see("an empty page", func(v deskView) bool { return v.Session == "" && v.Clinic == nil })
	if _, err := c.control.DeskRevoke(t.Context(), control.DeskRevoke{ID: list.Browsers[0].ID}); err != nil {
		t.Fatal(err)
	}
	if status, _ := again.post("/login", map[string]any{"staff": "ana", "pin": "730184"}); status != http.StatusUnauthorized {
		t.Errorf("login at a revoked browser: %d", status)
	}
}

// A call for help is acknowledged and resolved at the desk.
func TestHelpIsAnsweredAtTheDesk(t *testing.T) {
	t.Parallel()
	c := newClinic(t, withDesk)
	page := c.browser()
	p, err := c.control.DeskPair(t.Context(), control.DeskPair{})
	if err != nil {
		t.Fatal(err)
	}
	b := c.deskAt(p.Fingerprint)
	if _, err := c.control.DeskPIN(t.Context(), control.DeskPIN{Staff: "ana", PIN: "730184"}); err != nil {
		t.Fatal(err)
	}
	for path, fields := range map[string]map[string]any{"/pair": {"code": p.Code}} {
		if status, text := b.post(path, fields); status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, text)
		}
	}
	if status, text := b.post("/login", map[string]any{"staff": "ana", "pin": "730184"}); status != http.StatusOK {
		t.Fatalf("login: %d %s", status, text)
	}
	if err := page.Press(t.Context(), "help", map[string]any{"kind": "ill"}); err != nil {
		t.Fatal(err)
	}
	v := b.see("the call", func(v deskView) bool { return v.Clinic != nil && len(v.Clinic.Help) == 1 })
	h := v.Clinic.Help[0]
	if h.Kind != "ill" || h.By != "" {
		t.Errorf("call %+v", h)
	}
	if status, text := b.act(v.Session, "acknowledge", map[string]any{"help": h.ID}); status != http.StatusOK {
		t.Fatalf("acknowledge: %d %s", status, text)
	}
	b.see("who goes", func(v deskView) bool { return len(v.Clinic.Help) == 1 && v.Clinic.Help[0].By == "staff:ana" })
	if status, text := b.act(v.Session, "resolve", map[string]any{"help": h.ID}); status != http.StatusOK {
		t.Fatalf("resolve: %d %s", status, text)
	}
	b.see("no call", func(v deskView) bool { return len(v.Clinic.Help) == 0 })
}

// The desk is off unless the config turns it on, and its commands say so.
func TestTheDeskIsOffByDefault(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	_, err := c.control.DeskPair(t.Context(), control.DeskPair{})
	if e, ok := errors.AsType[*control.Error](err); !ok || e.Code != control.Unavailable || !strings.Contains(e.Next, "desk.listen") {
		t.Errorf("pairing with a desk that is off: %v", err)
	}
}

// The desk's TLS takes nothing older than 1.3, and plain HTTP gets no page.
func TestTheDeskSpeaksTLSOnly(t *testing.T) {
	t.Parallel()
	c := newClinic(t, withDesk)
	s, err := c.control.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.Page.Desk)
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.2 was taken")
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", u.Host)
	if text, _ := io.ReadAll(conn); strings.Contains(string(text), "<html") {
		t.Errorf("plain HTTP got %q", text)
	}
}

// The config names roles, and the desk knows them: both lists are one.
func TestStaffRolesOfConfigAndDeskAgree(t *testing.T) {
	var roles []string
	for _, r := range desk.Roles() {
		roles = append(roles, string(r))
	}
	if want := []string{string(config.StaffDesk), string(config.StaffHelp), string(config.StaffView)}; !slices.Equal(roles, want) {
		t.Errorf("the desk's roles are %q, the config's %q", roles, want)
	}
}
