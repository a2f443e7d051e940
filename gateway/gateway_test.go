package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/logging"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/web/webtest"
	"clinicgate/kiosk/wire"
	"clinicgate/storage/keyring"

	"github.com/google/uuid"
)

// clinic is a whole gateway on loopback, with PubNub's double beside it.
type clinic struct {
	t       *testing.T
	cfg     config.Config
	pubnub  *emulator.Emulator
	maker   roster.Maker
	cipher  *pubnub.Cipher
	log     lockedBuffer
	kept    *logging.Log // in place of log, where a test wants the service to keep its lines
	said    string       // what held read last
	control *control.Client
	at      gateway.Addresses
	stop    func() error
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

const settings = `
[kiosk]
id = "lobby-1"
letter = "A"
site = "main"
organization = "org"
zone = "America/New_York"
languages = ["en", "es"]
[storage]
dir = %q
budget = "64MiB"
[key_source]
kind = "key-file"
file = %q
[pubnub]
origin = %q
secure = false
publish_key = "demo"
subscribe_key = "demo"
[checkin]
early = "12h"
late = "12h"
[web]
listen = "127.0.0.1:0"
[control]
path = %q
[mqtt]
listen = "127.0.0.1:0"
[[department]]
id = "cardiology"
name = { en = "Cardiology" }
where = { en = "Blue chairs" }
[[provider]]
id = "dr-a"
name = "Dr. A"
department = "cardiology"
room = "101"
`

func newClinic(t *testing.T, changes ...func(*config.Config)) *clinic {
	t.Helper()
	c := &clinic{t: t, pubnub: emulator.New(emulator.Options{RecordBodies: true})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: c.pubnub}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { c.pubnub.Close(); _ = srv.Close() })
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := keyring.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	text := fmt.Sprintf(settings, data, key, l.Addr().String(), filepath.Join(dir, "c", "sock"))
	if c.cfg, err = config.Parse([]byte(text), dir); err != nil {
		t.Fatal(err)
	}
	c.cfg.Kiosk.DayStarts.Duration = farFrom(time.Now().In(c.cfg.Kiosk.Location()))
	for _, change := range changes {
		change(&c.cfg)
	}
	ring, err := keyring.Create(t.Context(), dirFor(t, data), keyring.KeyFile(key), keyring.Options{Classes: gateway.Classes()})
	if err != nil {
		t.Fatal(err)
	}
	ref := bytes.Repeat([]byte{3}, 32)
	c.maker = roster.Maker{Site: "main", RefKey: ref, Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}
	pub := c.maker.Key.Public().(ed25519.PublicKey)
	secrets := []map[string]string{
		{"kind": "pubnub-cipher", "id": "q1", "value": "clinic cipher key"},
		{"kind": "patient-reference", "id": "1", "value": base64.StdEncoding.EncodeToString(ref)},
		{"kind": "ticket", "id": "1", "value": base64.StdEncoding.EncodeToString(ref)},
		{"kind": "appointment-code", "id": wire.KeyID(pub), "value": base64.StdEncoding.EncodeToString(pub)},
	}
	form, _ := json.Marshal(secrets)
	parsed, err := keyring.ParseSecrets(bytes.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Import(parsed...); err != nil {
		t.Fatal(err)
	}
	ring.Close()
	if c.cipher, err = pubnub.NewCipher([]pubnub.CipherKey{{ID: "q1", Key: []byte("clinic cipher key")}}, nil); err != nil {
		t.Fatal(err)
	}
	c.start()
	return c
}

// farFrom gives an hour for the clinic day to begin at that is hours away from now: a
// patient on the roster of a day that ended cannot check in.
func farFrom(now time.Time) time.Duration {
	if h := now.Hour(); h >= 6 && h < 18 {
		return 0
	}
	return 12 * time.Hour
}

func (c *clinic) start() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan gateway.Addresses, 1)
	done := make(chan error, 1)
	logger := slog.New(slog.NewTextHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if c.kept != nil {
		logger = c.kept.Logger()
	}
	go func() {
		done <- gateway.Run(ctx, c.cfg, gateway.Options{Logger: logger, Log: c.kept, Version: "test",
			Ready: func(a gateway.Addresses) { ready <- a }})
	}()
	select {
	case c.at = <-ready:
	case err := <-done:
		c.t.Fatalf("gateway: %v\n%s", err, c.log.String())
	case <-time.After(30 * time.Second):
		c.t.Fatal("gateway was not ready in 30 s")
	}
	var err error
	if c.control, err = control.Dial(c.t.Context(), c.cfg.Control.Path); err != nil {
		c.t.Fatal(err)
	}
	var once sync.Once
	var ended error
	c.stop = func() error {
		once.Do(func() {
			c.control.Close()
			cancel()
			select {
			case ended = <-done:
			case <-time.After(20 * time.Second):
				ended = errors.New("gateway did not stop in 20 s")
			}
		})
		return ended
	}
	c.t.Cleanup(func() {
		if err := c.stop(); err != nil {
			c.t.Errorf("stop: %v", err)
		}
	})
}

// admit puts a patient with an appointment now on the roster and gives the code.
func (c *clinic) admit(id string) string {
	c.t.Helper()
	in, err := c.control.RosterImport(c.t.Context(), control.RosterImport{List: c.row(id, time.Now())})
	if err != nil || len(in.Rejected) > 0 {
		c.t.Fatalf("roster: %+v, %v", in, err)
	}
	return roster.TypedCode(c.maker.RefKey, kiosk.AppointmentID(id), kiosk.Day(in.Days[0]))
}

// row is a roster of one appointment.
func (c *clinic) row(id string, start time.Time) []byte {
	return []byte("appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start\n" +
		id + ",MRN-" + id + ",Fictional,Ada,1950-02-03,cardiology,dr-a," + start.Format(time.RFC3339) + "\n")
}

// browser opens the check-in page.
func (c *clinic) browser() *webtest.Browser {
	c.t.Helper()
	l, err := c.control.Launch(c.t.Context(), control.Launch{})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := webtest.Open(c.t.Context(), l.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	go b.Follow(c.t.Context())
	return b
}

// typed checks a patient in by the on-screen pad.
func (c *clinic) typed(b *webtest.Browser, code string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	ticket, err := b.CheckIn(ctx, func() error {
		if err := b.Press(ctx, "start", nil); err != nil {
			return err
		}
		if err := b.Press(ctx, "choose", map[string]any{"language": "en"}); err != nil {
			return err
		}
		if err := b.Press(ctx, "ready", nil); err != nil {
			return err
		}
		return b.Press(ctx, "code", map[string]any{"code": code})
	}, func(string) bool { return true })
	if err != nil {
		c.t.Fatalf("check-in: %v\n%s", err, c.log.String())
	}
	return ticket
}

// read decrypts and verifies everything that PubNub holds on a channel.
func (c *clinic) read(channel string, pub ed25519.PublicKey) (bodies []string) {
	c.t.Helper()
	seen := map[uuid.UUID]bool{} // what was under way at a stop is sent again, and counts once
	for _, m := range c.pubnub.History(channel) {
		var text string
		if err := json.Unmarshal(m.Payload, &text); err != nil {
			c.t.Fatalf("%s holds something that is not encrypted", channel)
		}
		var env wire.Envelope
		if _, _, err := c.cipher.Decrypt(text, func(plain []byte) bool {
			e, err := wire.Parse(plain)
			env = e
			return err == nil
		}); err != nil {
			c.t.Fatalf("%s: %v", channel, err)
		}
		if env.Signed {
			if err := env.Verify(channel, pub); err != nil {
				c.t.Errorf("%s: %v", channel, err)
			}
		}
		for _, e := range env.Events {
			if id := e.GW.ID; !env.Signed || !seen[id] {
				seen[id] = true
				bodies = append(bodies, string(e.Body))
			}
		}
	}
	return bodies
}

// eventually waits until something holds.
func (c *clinic) eventually(what string, holds func() bool) {
	c.t.Helper()
	for range 600 {
		if holds() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Fatalf("not within 30 s: %s\n%s", what, c.log.String())
}

func (c *clinic) drained() bool {
	s, err := c.control.Sync(c.t.Context())
	return err == nil && s.Queued == 0 && s.Balanced
}

func TestCheckInReachesPubNubSignedAndEncrypted(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	code := c.admit("apt-1")
	ticket := c.typed(c.browser(), code)
	if ticket != "A-001" {
		t.Errorf("ticket %q, want A-001", ticket)
	}
	c.eventually("everything delivered", c.drained)

	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pub := ed25519.PublicKey(keys.Public)
	queue := strings.Join(c.read("queue.cardiology", pub), "\n")
	for _, want := range []string{`"action":"PATIENT_ADDED"`, `"newStatus":"waiting"`, `"ticket":"A-001"`} {
		if !strings.Contains(queue, want) {
			t.Errorf("queue.cardiology has no %s:\n%s", want, queue)
		}
	}
	consents := c.read("consent.org", pub)
	if len(consents) == 0 || !strings.Contains(consents[0], `"type":"CONSENT_RECORDED"`) {
		t.Errorf("consent.org holds %q", consents)
	}
	if got := c.read("waiting-room.dr-a", pub); len(got) != 1 {
		t.Errorf("waiting-room.dr-a holds %q", got)
	}
	audit := strings.Join(c.read("audit.org", pub), "\n")
	for _, want := range []string{"PATIENT_IDENTIFIED", "PATIENT_CONSENT_GIVEN", "QUEUE_STATUS_CHANGED", "SERVICE_STARTED"} {
		if strings.Count(audit, `"`+want+`"`) < 1 {
			t.Errorf("the audit channel has no %s", want)
		}
	}
	// Nothing about the patient is in a URL, a header or an unencrypted body.
	for _, r := range c.pubnub.Requests() {
		all := r.URI + " " + string(r.Body)
		for _, secret := range []string{"Fictional", "MRN-apt-1", "1950-02-03"} {
			if strings.Contains(all, secret) {
				t.Errorf("%s went to PubNub in the clear: %s %s", secret, r.Method, r.URI)
			}
		}
	}
	if strings.Contains(c.log.String(), "Fictional") || strings.Contains(c.log.String(), code) {
		t.Error("the log holds the patient's name or code")
	}
}

func TestTheSameCodeAgainShowsTheSamePlaceAndWritesNoSecondEntry(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	code := c.admit("apt-1")
	b := c.browser()
	first, second := c.typed(b, code), c.typed(b, code)
	if first != second {
		t.Errorf("tickets %q and %q", first, second)
	}
	list, err := c.control.QueueList(t.Context())
	if err != nil || len(list.Entries) != 1 || list.Entries[0].Status != kiosk.Waiting {
		t.Errorf("queue: %+v, %v", list.Entries, err)
	}
}

func TestEverythingIsThereAfterARestartAndTheBacklogGoesOut(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	offline := c.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
	code := c.admit("apt-1")
	ticket := c.typed(c.browser(), code)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.start()
	list, err := c.control.QueueList(t.Context())
	if err != nil || len(list.Entries) != 1 || list.Entries[0].Ticket != ticket || list.Entries[0].Status != kiosk.Waiting {
		t.Fatalf("after the restart: %+v, %v", list.Entries, err)
	}
	if c.drained() {
		t.Error("events were delivered without a network")
	}
	offline.Clear()
	c.eventually("the backlog delivered", c.drained)
	s, err := c.control.Sync(t.Context())
	if err != nil || s.Total.Accepted != s.Total.Delivered || s.Total.Accepted == 0 {
		t.Errorf("loss equation: %+v, %v", s.Total, err)
	}
	report, err := c.control.AuditVerify(t.Context(), control.AuditVerify{}, func(control.Progress) {})
	if err != nil || !report.OK {
		t.Errorf("audit: %+v, %v", report, err)
	}
}

func TestAProvidersStatusChangeReachesTheQueue(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.typed(c.browser(), c.admit("apt-1"))
	list, err := c.control.QueueList(t.Context())
	if err != nil || len(list.Entries) != 1 {
		t.Fatal(err)
	}
	say := func(publisher string, message map[string]any) {
		message["timestamp"] = time.Now().UTC().Format(time.RFC3339)
		text, _ := json.Marshal(message)
		sealed, err := c.cipher.Encrypt(text)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(sealed)
		c.pubnub.InjectRaw("queue.cardiology", payload, publisher)
	}
	// A provider sees the patient before calling. What is published in the same
	// milliseconds would be ordered by two clocks that agree to milliseconds only.
	c.eventually("the arrival published", c.drained)
	time.Sleep(500 * time.Millisecond)
	id := list.Entries[0].ID.String()
	status := func() kiosk.Status {
		l, err := c.control.QueueList(t.Context())
		if err != nil || len(l.Entries) == 0 {
			return ""
		}
		return l.Entries[0].Status
	}
	// A stranger, and a provider who names another one, change nothing.
	say("stranger", map[string]any{"action": "STATUS_UPDATED", "queueEntryId": id, "newStatus": "in-consultation", "updatedBy": "stranger"})
	say("stranger", map[string]any{"action": "STATUS_UPDATED", "queueEntryId": id, "newStatus": "in-consultation", "updatedBy": "dr-a"})
	say("dr-a", map[string]any{"action": "CALLED", "queueEntryId": id, "ticket": "A-001", "room": "101", "calledBy": "dr-a"})
	c.eventually("the call on the queue", func() bool {
		l, err := c.control.QueueList(t.Context())
		return err == nil && len(l.Entries) == 1 && !l.Entries[0].Called.IsZero()
	})
	if got := status(); got != kiosk.Waiting {
		t.Errorf("a stranger made the status %s", got)
	}
	say("dr-a", map[string]any{"action": "STATUS_UPDATED", "queueEntryId": id, "newStatus": "in-consultation", "updatedBy": "dr-a"})
	c.eventually("the provider's status change", func() bool { return status() == kiosk.InConsultation })
}

// dirFor makes the data directory that the keyring is created in.
func dirFor(t *testing.T, path string) keyring.Dir {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return keyring.Dir(path)
}

// A patient without a code is found by date of birth and name, however the name
// is written.
func TestCheckInByNameReachesTheQueue(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.admit("apt-1") // Ada Fictional, born 3 February 1950
	b := c.browser()
	ticket, err := b.CheckIn(t.Context(), func() error {
		for _, step := range []struct {
			event  string
			fields map[string]any
		}{
			{"start", nil},
			{"choose", map[string]any{"language": "en"}},
			{"ready", nil},
			{"no-code", nil},
			{"born", map[string]any{"birth": "1950-02-03"}},
			{"named", map[string]any{"family": "FICTIONÁL", "given": "ADA"}},
		} {
			if err := b.Press(t.Context(), step.event, step.fields); err != nil {
				return err
			}
		}
		return nil
	}, func(string) bool { return true })
	if err != nil || ticket != "A-001" {
		t.Fatalf("ticket %q, %v\n%s", ticket, err, c.log.String())
	}
	if strings.Contains(c.log.String(), "FICTION") || strings.Contains(c.log.String(), "1950-02-03") {
		t.Error("the log names the patient")
	}
}
