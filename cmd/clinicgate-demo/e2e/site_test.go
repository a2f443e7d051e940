//go:build e2e

package e2e_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// clinicSite is three kiosks of one site, each a process of its own with its own
// way to one PubNub double, and Mosquitto between them with the access list that
// is shipped.
type clinicSite struct {
	t      *testing.T
	root   string
	pubnub *emulator.Emulator
	kiosks []*kiosk
	boards []*board
	keys   map[string][]byte // public, by kiosk
	broker string

	brokerConfig  string
	brokerLog     buffer
	mosquittoRuns *exec.Cmd
}

var siteKiosks = []string{"lobby-1", "lobby-2", "lobby-3"}

func startSite(t *testing.T) *clinicSite {
	t.Helper()
	root, err := os.MkdirTemp("", "cgs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	s := &clinicSite{t: t, root: root, keys: map[string][]byte{}, pubnub: emulator.New(emulator.Options{RequestLimit: 200_000})}
	t.Cleanup(s.pubnub.Close)
	s.mosquitto()
	for n, id := range siteKiosks {
		s.kiosks = append(s.kiosks, s.install(n, id))
	}
	s.exchangeKeys()
	for _, k := range s.kiosks {
		k.start()
		s.boards = append(s.boards, watchBoard(t, "http://"+k.board+"/board"))
	}
	return s
}

// mosquitto runs the broker until the test ends.
func (s *clinicSite) mosquitto() {
	s.t.Helper()
	acl, err := os.ReadFile(filepath.Join("..", "..", "..", "packaging", "mosquitto", "clinicgate.acl"))
	if err != nil {
		s.t.Fatal(err)
	}
	dir := filepath.Join(s.root, "broker")
	if err := os.Mkdir(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return path
	}
	passwords := file("passwd", "")
	for _, id := range siteKiosks {
		if out, err := exec.Command(s.tool("mosquitto_passwd"), "-b", passwords, id, "secret-of-"+id).CombinedOutput(); err != nil {
			s.t.Fatalf("mosquitto_passwd: %v\n%s", err, out)
		}
	}
	s.broker = freeAddress(s.t)
	host, port, _ := net.SplitHostPort(s.broker)
	text := fmt.Sprintf("listener %s %s\nallow_anonymous false\npassword_file %s\nacl_file %s\nmax_inflight_messages 128\nmax_queued_messages 2000\nmax_packet_size 65536\nlog_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information\nlog_type subscribe\n",
		port, host, passwords, file("acl", string(acl)))
	if os.Geteuid() == 0 {
		text += "user root\n" // the files are this test's own
	}
	s.brokerConfig = file("mosquitto.conf", text)
	s.t.Cleanup(func() {
		s.stopBroker()
		if s.t.Failed() {
			s.t.Logf("the broker said:\n%s", s.brokerLog.tail(20))
		}
	})
	s.startBroker()
}

func (s *clinicSite) startBroker() {
	s.t.Helper()
	s.mosquittoRuns = exec.Command(s.tool("mosquitto"), "-c", s.brokerConfig)
	s.mosquittoRuns.Stderr = &s.brokerLog
	if err := s.mosquittoRuns.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, 20*time.Second, "Mosquitto listens", func() bool {
		c, err := net.Dial("tcp", s.broker)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// stopBroker ends it, and with it all sessions: nothing is kept on its disk.
func (s *clinicSite) stopBroker() {
	_ = s.mosquittoRuns.Process.Kill()
	_ = s.mosquittoRuns.Wait()
}

// tool is tool for programs that Debian keeps beside the path of others.
func (s *clinicSite) tool(name string) string {
	if path := filepath.Join("/usr/sbin", name); exec.Command("test", "-x", path).Run() == nil {
		return path
	}
	return tool(s.t, name, "mosquitto")
}

func (s *clinicSite) install(n int, id string) *kiosk {
	s.t.Helper()
	k := &kiosk{t: s.t, dir: filepath.Join(s.root, fmt.Sprint(n)), input: s.root, log: &buffer{}, out: &buffer{}, pubnub: s.pubnub}
	if err := os.Mkdir(k.dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	own := httptest.NewUnstartedServer(s.pubnub)
	// The third is installed without internet, and so never told the time.
	k.cable = &cable{Listener: own.Listener, cut: n == 2}
	own.Listener = k.cable
	own.Start()
	s.t.Cleanup(own.Close)
	k.origin, k.board = strings.TrimPrefix(own.URL, "http://"), freeAddress(s.t)
	credentials := k.write(filepath.Join(k.dir, "broker"), id+":secret-of-"+id+"\n")
	k.config = k.write(filepath.Join(k.dir, "config.toml"), fmt.Sprintf(`
[kiosk]
id = %q
letter = %q
site = "main"
organization = "riverside"
zone = %q
departments = ["cardiology"]
[storage]
dir = %q
budget = "64MiB"
[key_source]
kind = "passphrase"
file = %q
[pubnub]
origin = %q
secure = false
publish_key = "demo"
subscribe_key = "demo"
[web]
listen = "127.0.0.1:0"
[board]
listen = %q
[control]
path = %q
[mqtt]
listen = ""
broker = "tcp://%s"
broker_credentials_file = %q
exchange = true
[[department]]
id = "cardiology"
name = { en = "Cardiology" }
where = { en = "Area A" }
[[provider]]
id = "dr-okafor"
name = "Dr. Okafor"
department = "cardiology"
room = "Room 101"
`, id, string(rune('A'+n)), middayZone(), filepath.Join(k.dir, "data"), filepath.Join(k.dir, "passphrase"), k.origin, k.board, filepath.Join(k.dir, "s"), s.broker, credentials))
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("the end of %s's log:\n%s", id, k.log.tail(15))
		}
	})
	return k
}

// exchangeKeys gives every kiosk the clinic's keys and the public keys of the others.
func (s *clinicSite) exchangeKeys() {
	s.t.Helper()
	shared := filepath.Join(s.root, "shared.json")
	for i, k := range s.kiosks {
		args := []string{"keys", "init", "--generate"}
		if i == 0 {
			args = append(args, "--shared-keys", shared)
		}
		k.must("", args...)
		var list struct {
			Data struct {
				Public []byte `json:"public"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(k.must("", "keys", "list", "--json")), &list); err != nil {
			s.t.Fatal(err)
		}
		s.keys[siteKiosks[i]] = list.Data.Public
	}
	text, err := os.ReadFile(shared)
	if err != nil {
		s.t.Fatal(err)
	}
	var forms []struct{ Kind, Value string }
	if err := json.Unmarshal(text, &forms); err != nil {
		s.t.Fatal(err)
	}
	for i, k := range s.kiosks {
		if i > 0 {
			k.must(string(text), "keys", "import")
		}
		for id, pub := range s.keys {
			if id != siteKiosks[i] {
				k.must(fmt.Sprintf(`{"kind":"kiosk-public","owner":%q,"value":%q}`, id, base64.StdEncoding.EncodeToString(pub)), "keys", "import")
			}
		}
		for _, f := range forms {
			if f.Kind == "pubnub-cipher" {
				if k.cipher, err = pubnub.NewCipher([]pubnub.CipherKey{{ID: "shared", Key: []byte(f.Value)}}, nil); err != nil {
					s.t.Fatal(err)
				}
			}
		}
	}
}

// internet cuts the kiosks' ways to PubNub, or mends them.
func (s *clinicSite) internet(there bool) {
	for _, k := range s.kiosks {
		k.cable.set(!there)
	}
}

// queue is a kiosk's queue as `queue list --json` has it, without what is
// estimated from the time.
func (k *kiosk) queue() (list []map[string]any) {
	k.t.Helper()
	var s struct {
		Data struct {
			Day     string           `json:"day"`
			Entries []map[string]any `json:"entries"`
		} `json:"data"`
	}
	out, err := k.command("", "queue", "list", "--json")
	if err != nil || json.Unmarshal([]byte(out), &s) != nil {
		return nil
	}
	for _, e := range s.Data.Entries {
		delete(e, "waitLow")
		delete(e, "waitHigh")
	}
	return append(s.Data.Entries, map[string]any{"day": s.Data.Day})
}

// agree waits until some kiosks show one queue of n entries, and one board.
func (s *clinicSite) agree(when string, n int, which ...int) {
	s.t.Helper()
	began := time.Now()
	var queues [3][]map[string]any
	var boards [3]picture
	defer func() {
		if s.t.Failed() {
			for _, i := range which {
				s.t.Logf("%s: %v\nboard %+v", siteKiosks[i], queues[i], boards[i])
			}
		}
	}()
	eventually(s.t, 2*time.Minute, "one queue and one board "+when, func() bool {
		same := true
		for _, i := range which {
			queues[i], boards[i] = s.kiosks[i].queue(), s.boards[i].now()
			same = same && len(queues[i]) == n+1 && reflect.DeepEqual(queues[i], queues[which[0]]) && reflect.DeepEqual(boards[i], boards[which[0]]) &&
				len(boards[i].Called)+len(boards[i].Next) == n
		}
		return same
	})
	s.t.Logf("one queue of %d and one board %s after %s: %v called, %v next", n, when, time.Since(began).Round(100*time.Millisecond), boards[which[0]].Called, boards[which[0]].Next)
}

// exchanged is what a kiosk says of the exchange.
type exchanged struct {
	Connected                            bool
	Said, Repeated, Taken, Duplicates    uint64
	Refused                              map[string]uint64
	Kiosks                               []struct{ ID string }
	Accepted, Delivered, Queued, Expired uint64
	Balanced, Synced                     bool
}

func (k *kiosk) exchanged() (e exchanged) {
	k.t.Helper()
	var sync struct {
		Data struct {
			Balanced bool      `json:"balanced"`
			Exchange exchanged `json:"exchange"`
			Total    struct{ Accepted, Delivered, Queued, Expired uint64 }
		} `json:"data"`
	}
	var status struct {
		Data struct{ Synced bool } `json:"data"`
	}
	for _, ask := range []struct {
		into any
		args []string
	}{{&sync, []string{"sync", "status", "--json"}}, {&status, []string{"status", "--json"}}} {
		if err := json.Unmarshal([]byte(k.must("", ask.args...)), ask.into); err != nil {
			k.t.Fatal(err)
		}
	}
	e = sync.Data.Exchange
	e.Balanced, e.Synced = sync.Data.Balanced, status.Data.Synced
	e.Accepted, e.Delivered, e.Queued, e.Expired = sync.Data.Total.Accepted, sync.Data.Total.Delivered, sync.Data.Total.Queued, sync.Data.Total.Expired
	return e
}

// say publishes at the broker as a kiosk's user.
func (s *clinicSite) say(user, leaf string, payload []byte) {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(s.broker)
	cmd := exec.Command(tool(s.t, "mosquitto_pub", "mosquitto-clients"), "-h", host, "-p", port, "-u", user, "-P", "secret-of-"+user,
		"-i", "somebody", "-q", "1", "-t", "clinicgate/main/x/"+leaf, "-s")
	cmd.Stdin = strings.NewReader(string(payload))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

// overheard gives a message of a kiosk's queue as it goes over the broker.
func (s *clinicSite) overheard(act func()) []byte {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(s.broker)
	out := &buffer{}
	cmd := exec.Command(tool(s.t, "mosquitto_sub", "mosquitto-clients"), "-h", host, "-p", port, "-u", "lobby-2", "-P", "secret-of-lobby-2",
		"-i", "listener", "-t", "clinicgate/main/x/lobby-1/queue.cardiology", "-C", "1", "-N", "-W", "180")
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, time.Minute, "the broker knows who listens", func() bool { return bytes.Contains(s.brokerLog.bytes(), []byte(": listener 0 ")) })
	act()
	if err := cmd.Wait(); err != nil {
		s.t.Fatalf("nothing was heard: %v", err)
	}
	return []byte(out.tail(100))
}

func (k *kiosk) walkIns(n int) {
	k.t.Helper()
	for range n {
		k.must("", "queue", "walk-in", "--department", "cardiology", "--reason", "new-problem")
	}
}

// ticket gives the number of the n-th entry.
func (k *kiosk) ticket(n int) string {
	k.t.Helper()
	list := k.queue()
	if len(list) <= n {
		k.t.Fatalf("there is no entry %d", n)
	}
	return list[n]["ticket"].(string)
}

// TestE2ESiteWithoutInternet is the day without internet: three kiosks and
// Mosquitto on the clinic's network. One kiosk is off for a while, one was never
// told the time. They show one queue and one board; what others say at the broker
// changes nothing; and when the internet is back, PubNub has every event once.
func TestE2ESiteWithoutInternet(t *testing.T) {
	s := startSite(t)
	a, b, c := s.kiosks[0], s.kiosks[1], s.kiosks[2]
	eventually(t, time.Minute, "two kiosks know the time", func() bool { return a.exchanged().Synced && b.exchanged().Synced })
	s.internet(false)
	if c.exchanged().Synced {
		t.Fatal("the third kiosk knows the time")
	}

	a.walkIns(3)
	b.walkIns(2)
	c.walkIns(2)
	s.agree("without internet", 7, 0, 1, 2)
	a.must("", "provider", "set", "dr-okafor", "available")
	a.must("", "queue", "call", b.ticket(3), "--room", "Room 101")
	c.must("", "queue", "priority", a.ticket(6), "urgent")
	b.must("", "queue", "status", a.ticket(1), "cancelled")
	s.agree("after the desks have acted", 6, 0, 1, 2)

	// One is off while the others go on, and one of these is off when it comes back.
	s.stop(b)
	a.walkIns(2)
	c.walkIns(2)
	a.must("", "queue", "call", c.ticket(0), "--room", "Room 101")
	s.agree("while one is off", 10, 0, 2)
	time.Sleep(time.Second)
	s.stop(a)
	s.stopBroker() // it forgets what it kept for who was off
	s.startBroker()
	b.start()
	s.agree("when it is back and the maker of what it missed is off", 10, 1, 2)
	a.start()
	if n := c.exchanged().Repeated; n < 2 {
		t.Errorf("lobby-3 said %d events again, want what lobby-1 and it made while lobby-2 was off", n)
	}
	s.agree("when all are back", 10, 0, 1, 2)

	// What is not signed by one of them, for that channel, changes nothing.
	before, size := b.exchanged(), a.exchanged().Accepted
	genuine := s.overheard(func() { a.walkIns(1) })
	s.agree("before the attack", 11, 0, 1, 2)
	seal := func(text string) []byte {
		sealed, err := a.cipher.Encrypt([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return []byte(sealed)
	}
	altered := []byte(string(genuine))
	altered[len(altered)/2] ^= 1
	status := fmt.Sprintf(`{"action":"STATUS_UPDATED","newStatus":"cancelled","queueEntryId":%q,"timestamp":"2026-11-22T09:00:00.000Z","updatedBy":"dr-okafor"}`, a.queue()[0]["id"])
	for _, m := range []struct {
		user, leaf string
		payload    []byte
		reason     string
	}{
		{"lobby-1", "lobby-1/queue.cardiology", genuine, ""},                                    // played again
		{"lobby-3", "lobby-3/queue.cardiology", genuine, ""},                                    // by another: it is still lobby-1's word
		{"lobby-3", "lobby-3/emergency.cardiology", genuine, "bad-signature"},                   // elsewhere
		{"lobby-3", "lobby-3/queue.cardiology", altered, "unreadable"},                          // altered
		{"lobby-3", "lobby-3/queue.cardiology", seal(status), "unsigned"},                       // nobody's
		{"lobby-3", "lobby-3/queue.cardiology", []byte(status), "unreadable"},                   // in the clear
		{"lobby-3", "lobby-3/kiosk.lobby-2", seal(`{"type":"COMMAND"}`), "not-exchanged"},       // a command
		{"lobby-3", "lobby-3/queue.cardiology", seal(forged(t, "lobby-1", status)), "unlisted"}, // with a key of nobody
		{"lobby-3", "lobby-3/have", seal(`{"action":"HAVE","held":[]}`), "unsigned"},            // a question
		{"lobby-3", "lobby-1/queue.cardiology", seal(status), ""},                               // at another's place: the broker drops it
	} {
		s.say(m.user, m.leaf, m.payload)
		if m.reason == "" {
			continue
		}
		eventually(t, time.Minute, "it is counted as "+m.reason, func() bool { return b.exchanged().Refused[m.reason] > before.Refused[m.reason] })
	}
	after := b.exchanged()
	t.Logf("lobby-2 after the attack: %+v", after)
	if after.Refused["unsigned"] != before.Refused["unsigned"]+2 {
		t.Errorf("what was said at another's place arrived: %v", after.Refused)
	}
	if after.Duplicates < before.Duplicates+2 {
		t.Errorf("what was played again was not known: %+v", after)
	}
	s.agree("after the attack", 11, 0, 1, 2)
	if now := a.exchanged(); now.Delivered >= now.Accepted || now.Queued == 0 || now.Accepted <= size {
		t.Errorf("arrival at the site counts as delivered: %+v", now)
	}

	// The internet is back.
	s.internet(true)
	var accepted uint64
	for _, k := range s.kiosks {
		eventually(t, 3*time.Minute, "everything is delivered", func() bool {
			e := k.exchanged()
			return e.Synced && e.Balanced && e.Queued < 5
		})
	}
	s.agree("with the internet", 11, 0, 1, 2)
	for _, k := range s.kiosks {
		s.stop(k)
	}
	for i, k := range s.kiosks {
		k.start()
		eventually(t, time.Minute, "everything is delivered", func() bool { return k.exchanged().Queued == 0 })
		e := k.exchanged()
		accepted += e.Accepted
		if !e.Balanced || e.Accepted != e.Delivered+e.Queued+e.Expired {
			t.Errorf("%s: %+v", siteKiosks[i], e)
		}
		s.stop(k)
	}
	s.published()
}

// forged is a message in a kiosk's name, with a key that nobody has listed.
func forged(t *testing.T, kioskID, body string) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	text, err := wire.Signer{Kiosk: kioskID, Key: key}.Message(storage.Record{Event: storage.Event{ID: id, Channel: "queue.cardiology", Body: []byte(body)},
		Inc: 1, Seq: 1 << 20, HLC: storage.NewHLC(time.Now()), Boot: id, Synced: true})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stop ends a gateway in good order.
func (s *clinicSite) stop(k *kiosk) {
	s.t.Helper()
	_ = k.process.Process.Signal(os.Interrupt)
	eventually(s.t, 30*time.Second, "the gateway stops", func() bool { return !k.answers() })
	time.Sleep(500 * time.Millisecond)
}

// published fails unless PubNub has each event of each kiosk, all sequence numbers of
// each stream in order. What was in flight at a stop may be there twice, and is the same.
func (s *clinicSite) published() {
	s.t.Helper()
	type place struct {
		kiosk, channel string
		inc            uint32
	}
	highest, events, repeated, messages := map[place]uint64{}, 0, 0, 0
	had := map[string]wire.Event{} // by channel and id
	for _, channel := range s.pubnub.Channels() {
		for _, m := range s.pubnub.History(channel) {
			var text string
			if json.Unmarshal(m.Payload, &text) != nil {
				continue // not the uplink's
			}
			var env wire.Envelope
			if _, _, err := s.kiosks[0].cipher.Decrypt(text, func(plain []byte) bool {
				var err error
				env, err = wire.Parse(plain)
				return err == nil
			}); err != nil {
				s.t.Errorf("a message on %s does not open: %v", channel, err)
				continue
			}
			if err := env.Verify(channel, s.keys[env.GW.Kiosk]); err != nil || m.UUID != env.GW.Kiosk {
				s.t.Errorf("%s published in the name of %s on %s: %v", m.UUID, env.GW.Kiosk, channel, err)
				continue
			}
			messages++
			for _, e := range env.Events {
				at := place{e.GW.Kiosk, channel, e.GW.Inc}
				id := channel + " " + e.GW.ID.String()
				if first, again := had[id]; again && first.GW.Inc == e.GW.Inc && first.GW.Seq == e.GW.Seq && bytes.Equal(first.Shape(), e.Shape()) {
					repeated++
					continue
				}
				had[id] = e
				events++
				if e.GW.Seq != highest[at]+1 {
					s.t.Errorf("%+v: event %d comes after %d", at, e.GW.Seq, highest[at])
				}
				highest[at] = e.GW.Seq
			}
		}
	}
	s.t.Logf("PubNub has %d events of %d streams in %d messages, in order, %d of them again", events, len(highest), messages, repeated)
}
