//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	consumer = "../../../packaging/consumer"
	sdk      = "../../../gateway/pubnub/emulator/testdata/js" // which JavaScript SDK, to the byte
)

// node gives the path of Node, which must know the Web Crypto API by itself.
func node(t *testing.T) string {
	t.Helper()
	path := tool(t, "node", "Node 20 or newer")
	out, err := exec.CommandContext(t.Context(), path, "--version").Output()
	var major int
	if _, scanned := fmt.Sscanf(string(out), "v%d.", &major); err != nil || scanned != nil || major < 20 {
		t.Fatalf("this test needs Node 20 or newer: %s is %s %v", path, strings.TrimSpace(string(out)), err)
	}
	return path
}

// TestE2EConsumerVectors runs the reference consumer against its vectors.
func TestE2EConsumerVectors(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(node(t), filepath.Join(consumer, "check.mjs")).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// peer is a node process with PubNub's own SDK and the reference consumer.
type peer struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
	app *os.Process
}

// startPeer installs the SDK for this run alone, and gives it keys, origin and the
// kiosk whose signatures count.
func startPeer(t *testing.T, settings map[string]string) *peer {
	t.Helper()
	path, npm := node(t), tool(t, "npm", "npm")
	dir := t.TempDir()
	for _, name := range []string{filepath.Join(sdk, "package.json"), filepath.Join(sdk, "package-lock.json"), "testdata/peer.mjs", filepath.Join(consumer, "clinicgate.mjs")} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// Without peer dependencies: they are for React Native.
	install := exec.CommandContext(ctx, npm, "ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm: %v\n%s", err, out)
	}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	app := exec.Command(path, "peer.mjs", string(text))
	app.Dir = dir
	in, err := app.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := app.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log := &buffer{}
	app.Stderr = log
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, in: in, out: bufio.NewScanner(out), app: app.Process}
	p.out.Buffer(nil, 64<<20)
	t.Cleanup(func() {
		_ = in.Close() // it ends by itself
		late := time.AfterFunc(10*time.Second, func() { _ = app.Process.Kill() })
		defer late.Stop()
		if err := app.Wait(); err != nil || t.Failed() {
			t.Logf("node ended with %v\n%s", err, log.tail(30))
		}
	})
	return p
}

// ask does one request.
func (p *peer) ask(request map[string]any, answer any) {
	p.t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		p.t.Fatal(err)
	}
	hangs := time.AfterFunc(5*time.Minute, func() { _ = p.app.Kill() })
	defer hangs.Stop()
	if !p.out.Scan() {
		p.t.Fatalf("node ended before it answered %s", text)
	}
	var failed struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(p.out.Bytes(), &failed); err != nil || failed.Error != "" {
		p.t.Fatalf("%s: %v %s", text, err, failed.Error)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(p.out.Bytes(), answer); err != nil {
		p.t.Fatal(err)
	}
}

// delivered is what the SDK's listener got and the consumer made of it.
type delivered struct {
	Channel   string          `json:"channel"`
	Publisher string          `json:"publisher"`
	Signed    bool            `json:"signed"`
	Batch     bool            `json:"batch"`
	Encoding  string          `json:"encoding"`
	Refused   string          `json:"refused"`
	Fresh     int             `json:"fresh"`
	Events    []struct{}      `json:"events"`
	Message   json.RawMessage `json:"message"`
}

func (p *peer) live() []delivered {
	p.t.Helper()
	var a struct {
		Messages []delivered `json:"messages"`
	}
	p.ask(map[string]any{"do": "live"}, &a)
	return a.Messages
}

// entry is a queue entry as another app reads it.
type entry struct {
	ID       string `json:"id"`
	Metadata struct {
		Ticket string `json:"ticket"`
	} `json:"metadata"`
}

// TestE2EJavaScriptSDK lets PubNub's own SDK, given the cipher key, read what the
// gateway published: live, in batches after an outage, and from history, every
// signature checked by the reference consumer. Then it acts as providers' apps.
func TestE2EJavaScriptSDK(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	p := startPeer(t, map[string]string{
		"publishKey": d.ready.PubNub.PublishKey, "subscribeKey": d.ready.PubNub.SubscribeKey, "origin": d.ready.PubNub.Origin,
		"cipherKey": d.ready.PubNub.CipherKey, "kiosk": d.ready.KioskID, "kioskKey": d.ready.KioskKey,
	})
	shown := watchBoard(t, d.ready.Board)

	channels := []string{"audit." + d.ready.Organization, "consent." + d.ready.Organization, "device." + d.ready.KioskID}
	for _, dep := range d.ready.Departments {
		channels = append(channels, "queue."+dep, "roster."+dep)
	}
	p.ask(map[string]any{"do": "subscribe", "channels": channels}, nil)

	// Live: one event a message, but for the audit.
	d.arrive(6, time.Minute)
	d.settled(time.Minute)
	var live []delivered
	var alone map[string]int
	soon(func() bool { // PubNub has it all; the SDK may still be at it
		live, alone = p.live(), map[string]int{}
		for _, m := range live {
			if kind, _, _ := strings.Cut(m.Channel, "."); m.Signed && !m.Batch {
				alone[kind]++
			}
		}
		return alone["queue"] >= 12 && alone["consent"] >= 6
	})
	for _, m := range live {
		if m.Refused != "" {
			t.Errorf("a live message on %s was refused: %s", m.Channel, m.Refused)
		}
		if kind, _, _ := strings.Cut(m.Channel, "."); m.Batch && kind != "audit" {
			t.Errorf("live traffic on %s came as a batch", m.Channel)
		}
	}
	if alone["queue"] < 12 || alone["consent"] < 6 {
		t.Errorf("live messages of 6 patients: %v, want 12 on queue channels and 6 on consent at least", alone)
	}

	// Catching up: patients check in while there is no network.
	before := len(p.live())
	d.act("network", `{"state":"cut"}`)
	d.arrive(34, 2*time.Minute)
	cut := d.counted()
	if cut.Counts.Queued < 34*4 {
		t.Errorf("with the network cut the queue holds %+v", cut.Counts)
	}
	d.act("network", `{"state":"up"}`)
	d.settled(2 * time.Minute)
	var batched map[string]int
	soon(func() bool {
		live, batched = p.live()[before:], map[string]int{}
		for _, m := range live {
			if kind, _, _ := strings.Cut(m.Channel, "."); m.Batch && m.Encoding == "gzip" && len(m.Events) > 1 {
				batched[kind] += len(m.Events)
			}
		}
		return batched["queue"] >= 20 && batched["consent"] >= 20 && batched["audit"] >= 34
	})
	for _, m := range live {
		if m.Refused != "" {
			t.Errorf("a message on %s after the outage was refused: %s", m.Channel, m.Refused)
		}
	}
	t.Logf("events in gzip batches that came live after the outage: %v", batched)
	if batched["queue"] < 20 || batched["consent"] < 20 || batched["audit"] < 34 {
		t.Errorf("events in gzip batches: %v", batched)
	}

	// History: every stream whole, and the same as what came live.
	var h struct {
		Streams   map[string]struct{ Messages, Batches, Gzip, Events, First, Highest, Holes, Conflicts int } `json:"streams"`
		Refused   []string                                                                                   `json:"refused"`
		Conflicts int                                                                                        `json:"conflicts"`
	}
	s := d.settled(time.Minute)
	p.ask(map[string]any{"do": "history", "channels": slices.Sorted(maps.Keys(s.Streams))}, &h)
	events := 0
	for channel, want := range s.Streams {
		got := h.Streams[channel]
		events += got.Events
		if got.Events != int(want.Events) || got.First != 1 || got.Highest != int(want.Highest) || got.Holes != 0 || got.Conflicts != 0 {
			t.Errorf("history of %s gives %+v, PubNub accepted %+v", channel, got, want)
		}
	}
	if len(h.Refused) > 0 || h.Conflicts > 0 {
		t.Errorf("history: refused %v, %d conflicts with what came live", h.Refused, h.Conflicts)
	}
	t.Logf("history: %d events of %d streams", events, len(s.Streams))

	// Staff apps: what a provider publishes under the own user id counts. What was
	// forged came first on the same channel, so it was judged before.
	two := waiting(t, p, shown, "cardiology")
	forged, e := two[0], two[1]
	say := func(as string, message map[string]any) {
		t.Helper()
		p.ask(map[string]any{"do": "publish", "as": as, "channel": "queue.cardiology", "message": message}, nil)
	}
	call := func(e entry, by string) map[string]any {
		return map[string]any{"action": "CALLED", "queueEntryId": e.ID, "ticket": e.Metadata.Ticket, "room": "Room 101", "calledBy": by}
	}
	status := func(e entry, to, by string) map[string]any {
		return map[string]any{"action": "STATUS_UPDATED", "queueEntryId": e.ID, "newStatus": to, "updatedBy": by}
	}
	const doctor, colleague, elsewhere = "dr-okafor", "dr-lindqvist", "pt-novak"
	ticket := e.Metadata.Ticket
	shown.shows(t, ticket, "next")
	shown.shows(t, forged.Metadata.Ticket, "next")
	say("records-app", call(forged, "records-app"))              // no provider
	say(colleague, call(forged, doctor))                         // in another's name
	say(elsewhere, call(forged, elsewhere))                      // of another department
	say(colleague, status(forged, "in-consultation", doctor))    // in another's name
	say(elsewhere, status(forged, "in-consultation", elsewhere)) // of another department
	say(doctor, call(e, doctor))
	shown.shows(t, ticket, "called")
	if room, _ := shown.now().room(ticket); room != "Room 101" {
		t.Errorf("the board sends %s to %q", ticket, room)
	}
	shown.shows(t, forged.Metadata.Ticket, "next")
	say(doctor, status(e, "in-consultation", doctor))
	shown.shows(t, ticket, "")
	say(doctor, status(e, "waiting", doctor)) // back to the queue
	eventually(t, 20*time.Second, "the returned patient is on the board again", func() bool {
		now := shown.now()
		_, called := now.room(ticket)
		return called || slices.Contains(now.Next, ticket)
	})
	say(doctor, status(e, "in-consultation", doctor))
	say(doctor, status(e, "completed", doctor))
	shown.shows(t, ticket, "")
	if bad := d.settled(time.Minute); bad.Ledger.BadSignatures+bad.Ledger.Unreadable+bad.Ledger.Plaintext > 0 {
		t.Errorf("the ledger has %+v", bad.Ledger)
	}
}

// waiting picks two patients of a department who are among the board's next.
func waiting(t *testing.T, p *peer, shown *board, department string) (two []entry) {
	t.Helper()
	var a struct {
		Entries []entry `json:"entries"`
	}
	p.ask(map[string]any{"do": "entries", "channel": "queue." + department}, &a)
	for _, e := range a.Entries {
		if len(two) < 2 && e.Metadata.Ticket != "" && slices.Contains(shown.now().Next, e.Metadata.Ticket) {
			two = append(two, e)
		}
	}
	if len(two) < 2 {
		t.Fatalf("%d of %d entries are among the board's next %v", len(two), len(a.Entries), shown.now().Next)
	}
	return two
}
