package gateway_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/config"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web/webtest"

	"github.com/google/uuid"
)

// station is a vitals device: an MQTT 3.1.1 client of a few lines, which is another
// program's idea of the protocol.
type station struct {
	t        *testing.T
	id       string
	conn     net.Conn
	acks     chan struct{}
	commands chan string // as they came: topic and payload
	said     atomic.Int64
}

func mqttField(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func mqttPacket(kind byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return append(binary.AppendUvarint([]byte{kind}, uint64(len(body))), body...)
}

// newStation connects, hears its commands and says that it is there.
func newStation(t *testing.T, address, id string) *station {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &station{t: t, id: id, conn: conn, acks: make(chan struct{}, 64), commands: make(chan string, 64)}
	s.send(mqttPacket(0x10, mqttField("MQTT"), []byte{4, 2, 0, 0}, mqttField(id)))
	s.send(mqttPacket(0x82, []byte{0, 1}, mqttField(s.topic("command")), []byte{1}))
	go s.read()
	s.publish("state", `{"v":1,"state":"ready"}`)
	return s
}

func (s *station) topic(leaf string) string { return "clinic/main/lobby-1/vitals/" + s.id + "/" + leaf }

func (s *station) send(p []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(p); err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) read() {
	in := bufio.NewReader(s.conn)
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return
		}
		n, err := binary.ReadUvarint(in)
		if err != nil {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		switch kind & 0xf0 {
		case 0x40:
			s.acks <- struct{}{}
		case 0x30:
			topic := 2 + int(binary.BigEndian.Uint16(body))
			if kind&0x06 != 0 {
				_, _ = s.conn.Write(mqttPacket(0x40, body[topic:topic+2]))
				s.commands <- string(body[2:topic]) + " " + string(body[topic+2:])
			}
		}
	}
}

// publish sends at QoS 1 and waits for the acknowledgement.
func (s *station) publish(leaf, payload string) {
	s.t.Helper()
	n := s.said.Add(1)
	s.send(mqttPacket(0x32, mqttField(s.topic(leaf)), []byte{byte(n >> 8), byte(n)}, []byte(payload)))
	select {
	case <-s.acks:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("%s was not acknowledged", payload)
	}
}

// command gives the session of the next command, which is to have a verb.
func (s *station) command(verb string) (session string) {
	s.t.Helper()
	select {
	case text := <-s.commands:
		topic, payload, _ := strings.Cut(text, " ")
		var c struct {
			V       int
			Verb    string
			Session string
			Kinds   []string
		}
		if err := json.Unmarshal([]byte(payload), &c); err != nil || c.Verb != verb || c.V != 1 || c.Session == "" || topic != s.topic("command") {
			s.t.Errorf("command %s, want %s", text, verb)
		}
		return c.Session
	case <-time.After(20 * time.Second):
		s.t.Fatalf("no command to %s", verb)
		return ""
	}
}

// measured makes an event; changes are to its members.
func measured(kind string, members string, at time.Time, session string) string {
	if session != "" {
		session = fmt.Sprintf(`"session":%q,`, session)
	}
	return fmt.Sprintf(`{"v":1,"id":%q,"ts":%q,%s"kind":%q,%s}`, uuid.Must(uuid.NewV7()), at.UTC().Format(time.RFC3339Nano), session, kind, members)
}

// toMeasure goes with a patient to the step, or to the end where there is none.
func (c *clinic) toMeasure(b *webtest.Browser, code string) webtest.View {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	press := func(event string, more map[string]any) {
		c.t.Helper()
		if err := b.Press(ctx, event, more); err != nil {
			c.t.Fatal(err)
		}
	}
	if _, err := b.Until(ctx, "attract"); err != nil {
		c.t.Fatal(err)
	}
	press("start", nil)
	press("choose", map[string]any{"language": "en"})
	press("ready", nil)
	press("code", map[string]any{"code": code})
	if _, err := b.Until(ctx, "confirm"); err != nil {
		c.t.Fatal(err)
	}
	press("confirm", nil)
	for range 10 {
		v, err := b.Until(ctx, "consent", "measure", "done")
		if err != nil {
			c.t.Fatal(err)
		}
		if v.State != "consent" {
			return v
		}
		sum := sha256.Sum256([]byte(v.Form.Text))
		press("decide", map[string]any{"form": v.Form.ID, "shown": hex.EncodeToString(sum[:]), "granted": true})
	}
	c.t.Fatal("never asked to measure")
	return webtest.View{}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := simulator.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// shows waits until the page shows what was measured of a kind.
func (c *clinic) shows(b *webtest.Browser, kind, want string) {
	c.t.Helper()
	c.eventually("the page shows "+want, func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
		defer cancel()
		v, err := b.Until(ctx, "measure")
		for _, vital := range v.Vitals {
			text := vital.Value + " " + vital.Unit
			if vital.Again {
				text = "again"
			}
			if vital.Kind == kind && text == want {
				return err == nil
			}
		}
		return false
	})
}

// TestVitalsOfALiveSession: what the kiosk's device measures of the patient who stands
// there goes to her record and her screen, once; what is nobody's goes nowhere. No
// value is in a log, a topic, an audit event, in what PubNub sees, or in a file.
func TestVitalsOfALiveSession(t *testing.T) {
	t.Parallel()
	hour := time.Now().Truncate(time.Hour)
	address := freeAddress(t)
	c := newClinic(t, func(cfg *config.Config) {
		cfg.MQTT.Listen = address
		cfg.CheckIn.Vitals = []string{"blood-pressure"}
		cfg.Departments[0].Vitals = []string{"weight"}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	first, second := c.admit("apt-1"), c.admit("apt-2")
	cuff := newStation(t, address, "cuff-1")
	b := c.browser()
	pressure := func(systolic string) string {
		return `"values":{"systolic":"` + systolic + `","diastolic":"83.9173"},"unit":"mm[Hg]"`
	}
	weight := func(kg string) string { return `"value":"` + kg + `","unit":"kg"` }

	// Nobody is there.
	cuff.publish("event", measured("weight", weight("77.7913"), time.Now(), ""))

	v := c.toMeasure(b, first)
	if len(v.Vitals) != 2 || v.Vitals[0].Kind != "blood-pressure" || v.Vitals[1].Kind != "weight" {
		t.Fatalf("asked to measure %+v", v.Vitals)
	}
	session := cuff.command("measure")
	taken := measured("blood-pressure", pressure("131.7391"), time.Now(), session)
	for range 3 { // an acknowledgement was lost
		cuff.publish("event", taken)
	}
	c.shows(b, "blood-pressure", "131.7391/83.9173 mmHg")
	cuff.publish("event", measured("weight", weight("9431.7391"), time.Now(), session))
	c.shows(b, "weight", "again")
	// A device that was told no session, while the step is on the screen.
	cuff.publish("event", measured("weight", weight("81.4397"), time.Now(), ""))
	c.shows(b, "weight", "81.4397 kg")
	for _, nobodys := range []string{
		measured("weight", weight("77.7913"), time.Now(), "another"),
		measured("weight", weight("77.7913"), time.Now().Add(-time.Minute), ""),
		measured("weight", weight("77.7913"), time.Now().Add(-6*time.Minute), session),
		measured("temperature", `"value":"37.7913","unit":"Cel"`, time.Now(), session),
		measured("weight", `"value":"77.7913","unit":"stone"`, time.Now(), session),
		measured("blood-pressure", weight("77.7913"), time.Now(), session),
		`{"v":1,"id":"` + uuid.NewString() + `","kind":"weight","value":"77.7913"}`,
	} {
		cuff.publish("event", nobodys)
	}
	if err := b.Press(ctx, "measured", nil); err != nil {
		t.Fatal(err)
	}
	if done, err := b.Until(ctx, "done"); err != nil || len(done.Vitals) != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if cuff.command("stop") != session {
		t.Error("another session was stopped")
	}
	cuff.publish("event", measured("weight", weight("77.7913"), time.Now(), session))
	if err := b.Press(ctx, "leave", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Until(ctx, "attract"); err != nil {
		t.Fatal(err)
	}
	// The next patient inherits nothing: neither the session nor a repeat.
	if v := c.toMeasure(b, second); v.State != "measure" {
		t.Fatalf("the second is at %s", v.State)
	}
	if next := cuff.command("measure"); next == session {
		t.Error("two patients have one session")
	}
	cuff.publish("event", measured("weight", weight("77.7913"), time.Now(), session))
	cuff.publish("event", taken)
	if err := b.Press(ctx, "measured", nil); err != nil { // skipped
		t.Fatal(err)
	}
	if _, err := b.Until(ctx, "done"); err != nil {
		t.Fatal(err)
	}
	cuff.command("stop")

	c.eventually("everything delivered", c.drained)
	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pub := ed25519.PublicKey(keys.Public)
	var kept []string
	for _, body := range c.read("device.lobby-1", pub) {
		var m kiosk.Vitals
		if json.Unmarshal([]byte(body), &m) != nil || m.Type != "VITALS" {
			if strings.Contains(body, "81.4397") || strings.Contains(body, "131.7391") {
				t.Errorf("a value in %s", body)
			}
			continue
		}
		o := m.Observation
		text := o.Code.Coding[0].Code
		for _, part := range o.Component {
			text += " " + part.Code.Coding[0].Code + "=" + part.Value.Value.String() + part.Value.Code
		}
		if o.Value != nil {
			text += " " + o.Value.Value.String() + o.Value.Code
		}
		if ref, ok := strings.CutPrefix(o.Subject.Reference, "Patient/"); !ok || kiosk.PatientRef(ref).Validate() != nil || o.Effective.IsZero() || o.Device.Identifier.Value != "lobby-1/cuff-1" {
			t.Errorf("observation %s", body)
		}
		kept = append(kept, text)
	}
	if got, want := strings.Join(kept, "; "), "85354-9 8480-6=131.7391mm[Hg] 8462-4=83.9173mm[Hg]; 29463-7 81.4397kg"; got != want {
		t.Errorf("on record: %s\nwant %s", got, want)
	}
	audit := strings.Join(c.read("audit.org", pub), "\n")
	for want, n := range map[string]int{`"VITALS_RECORDED"`: 2, `"VITALS_REFUSED"`: 1, `"action":"weight out-of-range"`: 1} {
		if got := strings.Count(audit, want); got != n {
			t.Errorf("the audit has %s %d times, want %d", want, got, n)
		}
	}
	// What is nobody's is on record once an hour, and an hour may end here.
	hours := 1 + int(time.Since(hour)/time.Hour)
	for _, why := range []string{"no-session", "other-session", "not-in-step", "other-time", "not-asked", "unknown-unit", "not-whole"} {
		if got := strings.Count(audit, `"action":"`+why+`"`); got < 1 || got > hours {
			t.Errorf("the audit has %s %d times, want it once in an hour", why, got)
		}
	}

	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	find := func(where, text string) {
		for _, value := range []string{"131.7391", "83.9173", "9431.7", `"9431"`, "81.4397", "77.7913", "37.7913"} {
			if strings.Contains(text, value) {
				t.Errorf("%s has %s", where, value)
			}
		}
	}
	find("the log", c.log.String())
	find("the audit", audit)
	for len(cuff.commands) > 0 {
		find("a command", <-cuff.commands)
	}
	for _, r := range c.pubnub.Requests() {
		find("a request to PubNub", fmt.Sprintf("%+v", r))
	}
	_ = filepath.WalkDir(c.cfg.Storage.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			find(d.Name(), string(b))
		}
		return nil
	})
}

// TestVitalsNeedADevice: where every device has gone nobody is sent to one.
func TestVitalsNeedADevice(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	c := newClinic(t, func(cfg *config.Config) {
		cfg.MQTT.Listen = address
		cfg.CheckIn.Vitals = []string{"weight"}
	})
	code := c.admit("apt-1")
	scale := newStation(t, address, "scale-1")
	scale.publish("state", `{"v":1,"state":"offline"}`)
	if v := c.toMeasure(c.browser(), code); v.State != "done" {
		t.Errorf("sent to a device that has gone: %s", v.State)
	}
	if len(scale.commands) != 0 {
		t.Errorf("a device that has gone was told %s", <-scale.commands)
	}
}
