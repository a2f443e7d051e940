package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/gateway/bridge"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// selfSigned makes a certificate for this machine, and its key.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// deviceRoom is a clinic with a broker for the network, a help button, a lamp and
// another maker's button.
func deviceRoom(t *testing.T) (c *clinic, connect func(id, credential string) *bridge.Client) {
	cert, key := selfSigned(t)
	address := freeAddress(t)
	c = newClinic(t, func(cfg *config.Config) {
		cfg.MQTT.LAN, cfg.MQTT.LANCertificate, cfg.MQTT.LANKey = address, cert, key
		cfg.MQTT.Clients = []config.MQTTClient{{ID: "wc-button", Kind: config.MQTTDevice}, {ID: "lamp-1", Kind: config.MQTTDevice, Class: "lamp"}, {ID: "tv-1", Kind: config.MQTTDevice},
			{ID: "roll-1", Kind: config.MQTTDevice}, {ID: "zigbee", Kind: config.MQTTDevice, Topics: []string{"zigbee2mqtt/#"}}, {ID: "lobby-2", Kind: config.MQTTKiosk}}
		cfg.MQTT.Maps = []config.MQTTMap{{Use: "zigbee2mqtt"}}
		cfg.Devices = []config.Device{{ID: "wc", Class: "button", Port: "mqtt:wc-button"}, {ID: "hall", Class: "button", Port: "mqtt:hall button"},
			{ID: "lamp", Class: "lamp", Port: "mqtt:lamp-1", Remote: []string{"show"}}, {ID: "quiet-lamp", Class: "lamp", Port: "mqtt:lamp-2"}, {ID: "tv", Class: "display", Port: "mqtt:tv-1"},
			{ID: "roll", Class: "printer", Port: "mqtt:roll-1"}, {ID: "siren", Class: "sounder", Port: "mqtt:siren", Speaks: "zigbee2mqtt"},
			{ID: "gate", Class: "door", Port: "mqtt:lock", Speaks: "zigbee2mqtt", On: "UNLOCK", Off: "LOCK", Remote: []string{"open"}}}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
	})
	return c, func(id, credential string) *bridge.Client {
		t.Helper()
		client, err := bridge.NewClient(bridge.ClientConfig{Broker: "tls://" + address, ID: id, CAFile: cert, Clean: true,
			Credentials: func() (string, string) { return id, credential }}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
}

// runClient runs a device's client until the test ends.
func runClient(t *testing.T, client *bridge.Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = client.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func (c *clinic) credential(id string) string {
	c.t.Helper()
	made, err := c.control.MQTTCredential(c.t.Context(), control.MQTTClient{ID: id})
	if err != nil {
		c.t.Fatal(err)
	}
	return made.Credential
}

func (c *clinic) device(id string) control.Device {
	c.t.Helper()
	list, err := c.control.Devices(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	i := slices.IndexFunc(list.Devices, func(d control.Device) bool { return d.ID == id })
	if i < 0 {
		c.t.Fatalf("no device %s", id)
	}
	return list.Devices[i]
}

func say(t *testing.T, from *bridge.Client, topic, payload string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return from.Publish(ctx, topic, []byte(payload))
}

func TestADeviceOnTheNetworkCallsForHelp(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	if _, err := c.control.MQTTCredential(t.Context(), control.MQTTClient{ID: "stranger"}); err == nil {
		t.Error("a credential for a client that is not configured")
	}
	if _, err := c.control.WatchDevices(t.Context(), control.DeviceWatch{Topic: "zigbee2mqtt/#/x"}); err == nil || !strings.Contains(err.Error(), "no MQTT topic filter") {
		t.Errorf("watching no filter: %v", err)
	}
	old := c.credential("wc-button")
	now := c.credential("wc-button")
	if old == now || len(now) < 26 {
		t.Errorf("credentials %q and %q", old, now)
	}
	gone := connect("wc-button", old)
	runClient(t, gone)
	c.eventually("the old credential refused", func() bool {
		return gone.Status().Reason == "the broker does not let this kiosk in"
	})
	if made := c.audited(kiosk.CredentialMade); len(made) != 2 {
		t.Errorf("credentials on record: %v", made)
	}
	if strings.Contains(c.log.String(), now) {
		t.Error("a credential is in the log")
	}

	zigbee := connect("zigbee", c.credential("zigbee"))
	seen := make(chan control.DeviceWatched, 1)
	go func() {
		w, _ := c.control.WatchDevices(context.Background(), control.DeviceWatch{Topic: "zigbee2mqtt/#"})
		seen <- w
	}()
	time.Sleep(300 * time.Millisecond) // for the question to be asked
	runClient(t, zigbee)
	if err := say(t, zigbee, "zigbee2mqtt/hall button", `{"action":"single","battery":12}`); err != nil {
		t.Fatal(err)
	}
	help, err := c.control.HelpList(t.Context())
	if err != nil || len(help.Help) != 1 || help.Help[0].Kind != "need-help" {
		t.Errorf("help: %+v, %v", help, err)
	}
	if err := say(t, zigbee, "zigbee2mqtt/hall button", `{"action":"single","battery":12}`); err != nil {
		t.Fatal(err)
	}
	if help, err := c.control.HelpList(t.Context()); err != nil || len(help.Help) != 1 {
		t.Errorf("pressed again while it is on: %+v, %v", help, err)
	}
	c.eventually("the button in the list", func() bool {
		d := c.device("hall")
		return d.State == "attached" && d.Battery != nil && *d.Battery == 12 && d.Readings == 2
	})
	w := <-seen
	if len(w.Seen) == 0 || w.Seen[0].Topic != "zigbee2mqtt/hall button" || w.Seen[0].Shape != "{action: text, battery: number}" || !slices.Contains(w.Seen[0].Read, "hall button: press press") {
		t.Errorf("watched %+v", w)
	}
}

// orders sends devices' commands as the clinic's server does.
type orders struct {
	c   *clinic
	key ed25519.PrivateKey
	seq uint64
}

func (c *clinic) orders() *orders {
	c.t.Helper()
	o := &orders{c: c, key: ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))}
	key := base64.StdEncoding.EncodeToString(o.key.Public().(ed25519.PublicKey))
	secrets, _ := json.Marshal([]map[string]string{{"kind": "kiosk-public", "owner": "authority", "value": key}})
	if _, err := c.control.KeyImport(c.t.Context(), control.KeyImport{Secrets: secrets}); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("a trusted time", func() bool {
		st, err := c.control.Status(c.t.Context())
		return err == nil && st.Synced
	})
	return o
}

func (o *orders) send(signer ed25519.PrivateKey, do map[string]any, nonce string, life time.Duration) {
	c := o.c
	c.t.Helper()
	args, _ := json.Marshal(do)
	order, _ := kiosk.Defined("kiosk/COMMAND")
	event, err := kiosk.NewEvent(order, "kiosk.lobby-1", kiosk.Command{Type: "COMMAND", Name: "device", Args: args, Expires: kiosk.At(time.Now().Add(life)), Nonce: nonce, Timestamp: kiosk.At(time.Now())})
	if err != nil {
		c.t.Fatal(err)
	}
	event.ID = uuid.Must(uuid.NewV7())
	o.seq++
	text, err := wire.Signer{Kiosk: "authority", Key: signer}.Message(storage.Record{Event: event, Inc: 1, Seq: o.seq,
		HLC: storage.NewHLC(time.Now()), Boot: uuid.New(), Synced: true})
	if err != nil {
		c.t.Fatal(err)
	}
	sealed, err := c.cipher.Encrypt(text)
	if err != nil {
		c.t.Fatal(err)
	}
	payload, _ := json.Marshal(sealed)
	c.pubnub.InjectRaw("kiosk.lobby-1", payload, "server")
}

// door brings the door "gate" to the room of deviceRoom, and gives what it is told.
func (c *clinic) door(connect func(id, secret string) *bridge.Client) <-chan string {
	c.t.Helper()
	lock := connect("zigbee", c.credential("zigbee"))
	told, up := make(chan string, 10), make(chan struct{}, 10)
	lock.Subscribe("zigbee2mqtt/lock/set", func(_ context.Context, _ string, payload []byte) error {
		told <- string(payload)
		return nil
	})
	lock.Connected(func() { up <- struct{}{} })
	runClient(c.t, lock)
	<-up
	if err := say(c.t, lock, "zigbee2mqtt/lock/availability", "online"); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the door is there", func() bool { return c.device("gate").State == "attached" })
	return told
}

// hear waits until a device is told something, whatever comes before it.
func hear(t *testing.T, told <-chan string, want string) {
	t.Helper()
	for limit := time.After(20 * time.Second); ; {
		select {
		case got := <-told:
			if got == want {
				return
			}
		case <-limit:
			t.Fatalf("nobody was told %s", want)
		}
	}
}

func TestSignedCommandsReachADevice(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	lamp := connect("lamp-1", c.credential("lamp-1"))
	shown, up := make(chan string, 10), make(chan struct{}, 10)
	lamp.Subscribe("clinic/main/lobby-1/lamp/lamp-1/command", func(_ context.Context, _ string, payload []byte) error {
		var told struct{ ID, Verb string }
		if err := json.Unmarshal(payload, &told); err != nil {
			return err
		}
		if strings.Contains(string(payload), `"blink"`) || strings.Contains(string(payload), `"pulse-7"`) || strings.Contains(string(payload), `"on"`) { // the others are the kiosk's own
			shown <- string(payload)
		}
		go func() {
			_ = say(t, lamp, "clinic/main/lobby-1/lamp/lamp-1/ack", `{"v":1,"id":"`+told.ID+`","ok":true}`)
		}()
		return nil
	})
	lamp.Connected(func() { up <- struct{}{} })
	runClient(t, lamp)
	<-up
	if err := say(t, lamp, "clinic/main/lobby-1/lamp/lamp-1/state", `{"v":1,"state":"ready"}`); err != nil {
		t.Fatal(err)
	}
	c.eventually("the lamp in the list", func() bool { return c.device("lamp").State == "attached" })
	orders := c.orders()
	authority := orders.key
	send := func(signer ed25519.PrivateKey, device, pattern, nonce string, life time.Duration) {
		t.Helper()
		do := map[string]any{"device": device, "verb": "open"}
		if pattern != "" {
			do["verb"], do["args"] = "show", map[string]string{"pattern": pattern}
		}
		orders.send(signer, do, nonce, life)
	}
	const nonce = "nonce-nonce-nonce-"
	send(authority, "lamp", "blink", nonce+"1", time.Minute)
	c.eventually("the command done", func() bool { return len(c.audited(kiosk.CommandDone)) == 1 })
	if payload := <-shown; !strings.Contains(payload, `"pattern":"blink"`) {
		t.Errorf("the lamp was told %s", payload)
	}
	_, forger, _ := ed25519.GenerateKey(rand.Reader)
	send(forger, "lamp", "on", nonce+"2", time.Minute)
	orders.seq-- // what is not believed has no place in the sequence
	send(authority, "lamp", "on", nonce+"1", time.Minute)
	send(authority, "lamp", "on", nonce+"3", -time.Minute)
	send(authority, "lamp", "on", nonce+"4", 24*time.Hour)
	send(authority, "quiet-lamp", "on", nonce+"5", time.Minute)
	send(authority, "lamp", "Ana Example", nonce+"6", time.Minute)
	want := []string{"nonce was used", "expired", "valid for too long", "not listed in the config", "arguments are not of their form"}
	c.eventually("the others refused", func() bool { return len(c.audited(kiosk.CommandRefused)) == len(want) })
	if got := c.audited(kiosk.CommandRefused); !slices.Equal(got, want) {
		t.Errorf("refused %q, want %q", got, want)
	}
	send(authority, "lamp", "pulse-7", nonce+"7", time.Minute)
	c.eventually("the next command done", func() bool { return len(c.audited(kiosk.CommandDone)) == 2 })
	if payload := <-shown; !strings.Contains(payload, `"pattern":"pulse-7"`) {
		t.Errorf("the lamp was told %s", payload)
	}
	// A door opens, and closes.
	told := c.door(connect)
	send(authority, "gate", "", nonce+"9", time.Minute)
	for _, want := range []string{`{"state":"UNLOCK"}`, `{"state":"LOCK"}`} {
		if payload := <-told; payload != want {
			t.Errorf("the door was told %s, want %s", payload, want)
		}
	}
	c.eventually("the door on record", func() bool { return len(c.audited(kiosk.CommandDone)) == 3 })

	// Where nobody has told the time since the start, it is not known what has expired.
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.pubnub.Faults().Add(emulator.Rule{Kind: emulator.Time, Action: emulator.Answer, Status: 503})
	c.start()
	send(authority, "lamp", "on", nonce+"8", time.Minute)
	want = append(want, "no trusted time")
	c.eventually("a command without trusted time refused", func() bool { return len(c.audited(kiosk.CommandRefused)) == len(want) })
	if got := c.audited(kiosk.CommandRefused); !slices.Equal(got, want) {
		t.Errorf("refused %q, want %q", got, want)
	}
	if len(shown)+len(told) != 0 || len(c.audited(kiosk.CommandDone)) != 3 {
		t.Error("lamp or door was told more than what was signed, listed and new")
	}
	if strings.Contains(c.log.String(), "Ana Example") {
		t.Error("an argument is in the log")
	}
}

// How a device is, is known in the list, on a retained topic and on PubNub; who says
// again what was captured changes none of them, and calls nobody a second time.
func TestDeviceHealthAndReplay(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	button := connect("wc-button", c.credential("wc-button"))
	runClient(t, button)
	const topic = "clinic/main/lobby-1/button/wc-button/"
	ready := `{"v":1,"id":"` + uuid.NewString() + `","state":"ready","battery":12}`
	press := `{"v":1,"id":"` + uuid.NewString() + `","event":"press"}`
	lost := `{"v":1,"id":"` + uuid.NewString() + `","state":"lost","reason":"no-power"}`
	replay := func() {
		t.Helper()
		for _, m := range [][2]string{{"state", ready}, {"event", press}} {
			if err := say(t, button, topic+m[0], m[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	replay()
	replay()
	help, err := c.control.HelpList(t.Context())
	if err != nil || len(help.Help) != 1 {
		t.Fatalf("help: %+v, %v", help, err)
	}
	if _, err := c.control.AcknowledgeHelp(t.Context(), control.AcknowledgeHelp{ID: help.Help[0].ID}); err != nil {
		t.Fatal(err)
	}
	replay()
	if help, err := c.control.HelpList(t.Context()); err != nil || len(help.Help) != 1 || help.Help[0].Acknowledged.IsZero() {
		t.Errorf("what was captured called again: %+v, %v", help, err)
	}
	if d := c.device("wc"); d.State != "attached" || d.Battery == nil || *d.Battery != 12 {
		t.Errorf("listed as %+v", d)
	}
	if err := say(t, button, topic+"state", lost); err != nil {
		t.Fatal(err)
	}
	c.eventually("the list has it lost", func() bool { d := c.device("wc"); return d.State == "lost" && strings.Contains(d.Reason, "no-power") })

	other := connect("lobby-2", c.credential("lobby-2"))
	kept := make(chan string, 64)
	other.Subscribe("clinicgate/main/health/#", func(_ context.Context, topic string, payload []byte) error {
		kept <- topic + " " + string(payload)
		return nil
	})
	runClient(t, other)
	for limit, found := time.After(30*time.Second), false; !found; {
		select {
		case text := <-kept:
			found = strings.HasPrefix(text, "clinicgate/main/health/lobby-1/wc ") && strings.Contains(text, `"state":"lost"`) && strings.Contains(text, `"battery":12`)
		case <-limit:
			t.Fatal("the retained topic does not have it")
		}
	}

	c.eventually("everything delivered", c.drained)
	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for _, body := range c.read("device.lobby-1", ed25519.PublicKey(keys.Public)) {
		var h kiosk.DeviceHealth
		if json.Unmarshal([]byte(body), &h) == nil && (h.Device == "wc-button" || h.Device == "wc") {
			said[h.Device+" "+h.State+" "+h.Reason]++
		}
	}
	for _, want := range []string{"wc-button ready ", "wc-button lost no-power", "wc attached ", "wc lost said that it is offline: no-power"} {
		if said[want] != 1 {
			t.Errorf("PubNub has %q %d times, want once: %v", want, said[want], said)
		}
	}
}

// A lamp that lost its power while somebody calls for help flashes again when it is
// back; one of another maker is switched in that maker's words.
func TestALampThatIsBackTellsOfTheCall(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	lamp, button, zigbee := connect("lamp-1", c.credential("lamp-1")), connect("wc-button", c.credential("wc-button")), connect("zigbee", c.credential("zigbee"))
	told, up := make(chan string, 64), make(chan struct{}, 10)
	lamp.Subscribe("clinic/main/lobby-1/lamp/lamp-1/command", func(_ context.Context, _ string, payload []byte) error {
		var is struct {
			ID   string
			Args map[string]string
		}
		if err := json.Unmarshal(payload, &is); err != nil {
			return err
		}
		told <- "lamp " + is.Args["pattern"]
		go func() { _ = say(t, lamp, "clinic/main/lobby-1/lamp/lamp-1/ack", `{"v":1,"id":"`+is.ID+`","ok":true}`) }()
		return nil
	})
	zigbee.Subscribe("zigbee2mqtt/siren/set", func(_ context.Context, _ string, payload []byte) error {
		told <- "siren " + string(payload)
		return nil
	})
	for _, client := range []*bridge.Client{lamp, zigbee} {
		client.Connected(func() { up <- struct{}{} })
		runClient(t, client)
		<-up
	}
	runClient(t, button)
	is := func(from *bridge.Client, topic, payload string) {
		t.Helper()
		if err := say(t, from, topic, payload); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(want string) { t.Helper(); hear(t, told, want) }
	const state = "clinic/main/lobby-1/lamp/lamp-1/state"
	is(lamp, state, `{"v":1,"state":"ready"}`)
	hears("lamp off")
	is(zigbee, "zigbee2mqtt/siren/availability", "online")
	hears(`siren {"state":"OFF"}`)
	is(button, "clinic/main/lobby-1/button/wc-button/event", `{"v":1,"seq":1,"event":"press"}`)
	for range 2 {
		hears("lamp fast-blink")
		is(lamp, state, `{"v":1,"state":"lost"}`)
		c.eventually("the lamp is lost", func() bool { return c.device("lamp").State == "lost" })
		is(lamp, state, `{"v":1,"state":"ready"}`)
	}
	hears("lamp fast-blink")
	is(zigbee, "zigbee2mqtt/siren/availability", "offline")
	c.eventually("the siren is lost", func() bool { return c.device("siren").State == "lost" })
	is(zigbee, "zigbee2mqtt/siren/availability", "online")
	hears(`siren {"state":"ON"}`)
}

// A display that comes late shows the number that was called, and nothing else.
func TestADisplayShowsTheNumberAndTheRoom(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	c.typed(c.browser(), c.admit("apt-1"))
	list, err := c.control.QueueList(t.Context())
	if err != nil || len(list.Entries) != 1 {
		t.Fatal(err)
	}
	if _, err := c.control.CallEntry(t.Context(), control.CallEntry{Entry: list.Entries[0].ID.String(), Room: "101"}); err != nil {
		t.Fatal(err)
	}
	tv := connect("tv-1", c.credential("tv-1"))
	shown, up := make(chan map[string]string, 10), make(chan struct{}, 10)
	tv.Subscribe("clinic/main/lobby-1/display/tv-1/command", func(_ context.Context, _ string, payload []byte) error {
		var told struct {
			ID   string
			Args map[string]string
		}
		if err := json.Unmarshal(payload, &told); err != nil {
			return err
		}
		shown <- told.Args
		go func() { _ = say(t, tv, "clinic/main/lobby-1/display/tv-1/ack", `{"v":1,"id":"`+told.ID+`","ok":true}`) }()
		return nil
	})
	tv.Connected(func() { up <- struct{}{} })
	runClient(t, tv)
	<-up
	if err := say(t, tv, "clinic/main/lobby-1/display/tv-1/state", `{"v":1,"state":"ready"}`); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-shown:
		if len(got) != 2 || got["number"] != "A-001" || got["room"] != "101" {
			t.Errorf("the display was told %v", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("the display was told nothing")
	}
}

// A ticket comes out of a printer on MQTT as it does of any other: once, with what is
// public, and the page promises it when the printer has answered.
func TestATicketComesOutOfAPrinterOnMQTT(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	roll := connect("roll-1", c.credential("roll-1"))
	printed, up := make(chan map[string]string, 10), make(chan struct{}, 10)
	roll.Subscribe("clinic/main/lobby-1/printer/roll-1/command", func(_ context.Context, _ string, payload []byte) error {
		var told struct {
			ID, Verb string
			Args     map[string]string
		}
		if err := json.Unmarshal(payload, &told); err != nil {
			return err
		}
		printed <- told.Args
		go func() {
			_ = say(t, roll, "clinic/main/lobby-1/printer/roll-1/ack", `{"v":1,"id":"`+told.ID+`","ok":true}`)
		}()
		return nil
	})
	roll.Connected(func() { up <- struct{}{} })
	runClient(t, roll)
	<-up
	if err := say(t, roll, "clinic/main/lobby-1/printer/roll-1/state", `{"v":1,"state":"ready"}`); err != nil {
		t.Fatal(err)
	}
	c.eventually("the printer in the list", func() bool { return c.device("roll").State == "attached" })
	b := c.browser()
	number := c.checkedIn(b, c.admit("apt-1"))
	select {
	case got := <-printed:
		if got["number"] != number || got["where"] != "Blue chairs" || got["language"] != "en" {
			t.Errorf("the printer was told %v, want %s", got, number)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the printer was told nothing")
	}
	c.paper(b, "done", "printed")
	if n := len(printed); n != 0 {
		t.Errorf("%d tickets too many", n)
	}
	if got := c.audited(kiosk.TicketPrinted); len(got) != 1 || got[0] != "print" {
		t.Errorf("the audit log has %q", got)
	}
}

// A device on the kiosk's own broker does what it is told while the clinic's is away.
func TestTheOtherBrokerIsAway(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.cfg.MQTT.Broker = "tcp://" + freeAddress(t)
	c.start()
	lamp := connect("lamp-1", c.credential("lamp-1"))
	up := make(chan struct{}, 10)
	lamp.Subscribe("clinic/main/lobby-1/lamp/lamp-1/command", func(_ context.Context, _ string, payload []byte) error {
		var is struct{ ID string }
		if err := json.Unmarshal(payload, &is); err != nil {
			return err
		}
		go func() { _ = say(t, lamp, "clinic/main/lobby-1/lamp/lamp-1/ack", `{"v":1,"id":"`+is.ID+`","ok":true}`) }()
		return nil
	})
	lamp.Connected(func() { up <- struct{}{} })
	runClient(t, lamp)
	<-up
	if err := say(t, lamp, "clinic/main/lobby-1/lamp/lamp-1/state", `{"v":1,"state":"ready"}`); err != nil {
		t.Fatal(err)
	}
	c.eventually("the lamp is there", func() bool { return c.device("lamp").State == "attached" })
	for range 5 {
		if _, err := c.control.TryDevice(t.Context(), control.DeviceUnit{ID: "lamp"}); err != nil {
			t.Errorf("the lamp, which answers at once: %v", err)
		}
	}
	if text := c.log.String(); strings.Contains(text, "a lamp or sounder did not do it") {
		t.Errorf("the log has that it did not:\n%s", text)
	}
}

// A door that was opened just before a stop is closed by it.
func TestADoorIsClosedBeforeTheStop(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	orders := c.orders()
	shown := c.door(connect)
	orders.send(orders.key, map[string]any{"device": "gate", "verb": "open"}, "nonce-nonce-nonce-1", time.Minute)
	hears := func(want string) {
		t.Helper()
		select {
		case got := <-shown:
			if got != want {
				t.Errorf("the door was told %s, want %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("the door was not told %s\n%s", want, c.log.String())
		}
	}
	hears(`{"state":"UNLOCK"}`)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	hears(`{"state":"LOCK"}`)
	if text := c.log.String(); strings.Contains(text, "did not stop in time") {
		t.Errorf("the stop took too long:\n%s", text)
	}
	c.start()
	c.eventually("the door on record", func() bool { return len(c.audited(kiosk.CommandDone)) == 1 })
}
