package mqtt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
)

// room is a waiting room with a station: what it was told, and what it published.
type room struct {
	*mqtt.Station
	health    []mqtt.Health
	vitals    [][]mqtt.Vital
	events    []string
	readings  []devices.Reading
	published []string
	ways      []mqtt.Way    // by which that was published
	fail      error         // of everything that should become durable
	send      error         // of publishing
	until     time.Time     // when send ends; zero: never
	held      time.Duration // how long send is waited for
	answer    func(topic string, payload []byte)
	sent      func() // after each message that was published
}

func newRoom(more ...mqtt.Rule) *room {
	r := &room{}
	rules := append(mqtt.Ready("zigbee2mqtt", ""), mqtt.Ready("tasmota", "")...)
	rules = append(rules, more...)
	rules = append(rules, mqtt.Rule{Filter: "cuff/+", DeviceLevel: 2, Path: "sys", Kind: "systolic", Unit: "mm[Hg]", IDPath: "n"},
		mqtt.Rule{Filter: "cuff/+", DeviceLevel: 2, Path: "dia", Kind: "diastolic", Unit: "mm[Hg]", IDPath: "n"})
	r.Station = mqtt.NewStation("main", "lobby-1", rules, mqtt.Deps{
		Health: func(_ context.Context, h mqtt.Health) error { r.health = append(r.health, h); return r.fail },
		Vitals: func(_ context.Context, v []mqtt.Vital) error { r.vitals = append(r.vitals, v); return r.fail },
		VitalsEvent: func(_ context.Context, device string, payload []byte) error {
			r.events = append(r.events, device+" "+string(payload))
			return r.fail
		},
		Publish: func(_ context.Context, by mqtt.Way, topic string, payload []byte, retain bool) error {
			if r.send != nil && (r.until.IsZero() || time.Now().Before(r.until)) {
				err := r.send
				time.Sleep(r.held)
				return err
			}
			r.ways = append(r.ways, by)
			r.published = append(r.published, fmt.Sprintf("%s %s %v", topic, payload, retain))
			if r.answer != nil {
				go r.answer(topic, payload)
			}
			if r.sent != nil {
				r.sent()
			}
			return nil
		},
		Log: slog.New(slog.DiscardHandler),
	})
	return r
}

// run runs a device in the room until the test's bubble ends it.
func (r *room) run(t *testing.T, c mqtt.Config) devices.Device {
	t.Helper()
	d, err := mqtt.New(c, r.Station, devices.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- d.Run(ctx, func(_ context.Context, reading devices.Reading) error {
			if r.fail == nil {
				r.readings = append(r.readings, reading)
			}
			return r.fail
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return d
}

func (r *room) say(t *testing.T, topic, payload string) error {
	t.Helper()
	err := r.Take(t.Context(), mqtt.Message{Topic: topic, Payload: []byte(payload)})
	synctest.Wait()
	return err
}

func TestButtonOfEitherScheme(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		own := r.run(t, mqtt.Config{ID: "wc", Class: devices.Button, Port: "mqtt:wc-button"})
		other := r.run(t, mqtt.Config{ID: "hall", Class: devices.Button, Port: "mqtt:hall button"})
		if own.Probe(t.Context()).Outcome != devices.Failed {
			t.Error("a device that never said anything is ready")
		}
		const topic = "clinic/main/lobby-1/button/wc-button/event"
		press := `{"v":1,"id":"0190b0b0-0000-7000-8000-000000000001","event":"press"}`
		for range 3 { // it comes again
			if err := r.say(t, topic, press); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.say(t, "zigbee2mqtt/hall button", `{"action":"single","battery":15}`); err != nil {
			t.Fatal(err)
		}
		if err := r.Take(t.Context(), mqtt.Message{Topic: "zigbee2mqtt/hall button", Payload: []byte(`{"action":"single"}`), Retained: true}); err != nil {
			t.Fatal(err)
		}
		if err := r.Take(t.Context(), mqtt.Message{Topic: topic, Payload: []byte(`{"v":1,"event":"press"}`), Retained: true}); !errors.Is(err, mqtt.ErrNotAccepted) {
			t.Errorf("a retained press: %v", err)
		}
		if len(r.readings) != 2 || r.readings[0].Kind != mqtt.Pressed || r.readings[0].Device != "wc" || r.readings[1].Device != "hall" {
			t.Errorf("readings %+v, want a press of each", r.readings)
		}
		if st := other.Status(); st.State != devices.Attached || st.Battery == nil || *st.Battery != 15 {
			t.Errorf("status %+v", st)
		}
		if len(r.health) != 1 || r.health[0].Battery == nil || *r.health[0].Battery != 15 || r.health[0].Device != "hall" {
			t.Errorf("health %+v, want the low battery", r.health)
		}
		r.fail = errors.New("disk is full")
		if err := r.say(t, topic, `{"v":1,"seq":7,"event":"press"}`); err == nil {
			t.Error("a press that is not durable was acknowledged")
		}
		r.fail = nil
		if err := r.say(t, topic, `{"v":1,"seq":7,"event":"press"}`); err != nil || len(r.readings) != 3 {
			t.Errorf("sent again: %v, %d readings", err, len(r.readings))
		}
		if err := r.say(t, topic, `{"v":1,"seq":7,"event":"press"}`); err != nil || len(r.readings) != 3 {
			t.Errorf("sent a third time: %v, %d readings, want no more", err, len(r.readings))
		}
		time.Sleep(2 * time.Minute) // its battery was changed, and it counts from the start
		if err := r.say(t, topic, `{"v":1,"seq":7,"event":"press"}`); err != nil || len(r.readings) != 4 {
			t.Errorf("the number again, later: %v, %d readings, want a new press", err, len(r.readings))
		}
	})
}

func TestDeviceComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		d := r.run(t, mqtt.Config{ID: "lamp", Class: devices.Lamp, Port: "mqtt:lamp-1"})
		state := func(payload string, want devices.State) {
			t.Helper()
			if err := r.say(t, "clinic/main/lobby-1/lamp/lamp-1/state", payload); err != nil {
				t.Fatal(err)
			}
			if st := d.Status(); st.State != want {
				t.Errorf("after %s: %s %s", payload, st.State, st.Reason)
			}
		}
		state(`{"v":1,"state":"ready","firmware":"1.4.0"}`, devices.Attached)
		if got := d.Status().Firmware; got != "1.4.0" {
			t.Errorf("its firmware is %q", got)
		}
		state(`{"v":1,"state":"ready","firmware":"Ana Example"}`, devices.Attached)
		if got := d.Status().Firmware; got != "1.4.0" {
			t.Errorf("its firmware became %q", got)
		}
		state(`{"v":1,"state":"lost"}`, devices.Lost)
		if n := len(r.health); n != 3 {
			t.Errorf("%d health events", n)
		}
		for _, bad := range []string{`{"v":2,"state":"ready"}`, `{"v":1,"state":"Ana Example"}`, `{"v":1}`, `{"v":1,"state":"ok","battery":101}`, `nonsense`,
			`{"v":1,"state":"` + strings.Repeat("a", 5000) + `"}`} {
			if err := r.say(t, "clinic/main/lobby-1/lamp/lamp-1/state", bad); !errors.Is(err, mqtt.ErrNotAccepted) {
				t.Errorf("%.40s: %v", bad, err)
			}
		}
		if err := r.say(t, "clinic/main/lobby-2/lamp/lamp-1/state", `{"v":1,"state":"ready"}`); !errors.Is(err, mqtt.ErrNotAccepted) {
			t.Errorf("another kiosk's device: %v", err)
		}
	})
}

func TestVitalsGoToTheirSeam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		r.run(t, mqtt.Config{ID: "cuff", Class: devices.Vitals, Port: "mqtt:cuff-1"})
		if err := r.say(t, "cuff/cuff-1", `{"sys":122,"dia":78.0,"n":5}`); err != nil {
			t.Fatal(err)
		}
		if len(r.vitals) != 1 || len(r.vitals[0]) != 2 {
			t.Fatalf("vitals %+v, want both values of one message together", r.vitals)
		}
		if v := r.vitals[0][1]; v.Device != "cuff" || v.Kind != "diastolic" || v.Value.Reveal() != "78.0" || v.Unit != "mm[Hg]" || v.ID != "5" {
			t.Errorf("got %+v", v)
		}
		event := `{"v":1,"id":"0190b0b0-0000-7000-8000-000000000001","kind":"weight","value":"81.4","unit":"kg"}`
		if err := r.say(t, "clinic/main/lobby-1/vitals/cuff-1/event", event); err != nil || len(r.events) != 1 || r.events[0] != "cuff-1 "+event {
			t.Errorf("own scheme: %v, %q", err, r.events)
		}
		r.fail = errors.New("disk is full")
		if r.say(t, "cuff/cuff-1", `{"sys":122,"dia":78,"n":6}`) == nil {
			t.Error("values that are not durable were acknowledged")
		}
		for _, line := range r.Explain(mqtt.Message{Topic: "cuff/cuff-1", Payload: []byte(`{"sys":122,"dia":78,"n":5}`)}) {
			if strings.Contains(line, "122") || strings.Contains(line, "78") || !strings.Contains(line, "[phi]") {
				t.Errorf("explained as %q", line)
			}
		}
	})
}

// A device's last word counts, however soon it follows on the one before, and also
// where it is the first.
func TestLostIsHeard(t *testing.T) {
	for _, test := range []struct {
		name     string
		retained bool
		words    []string
		state    devices.State
		reason   string
	}{
		{"the first word", false, []string{`{"v":1,"state":"offline","reason":"stuck"}`}, devices.Lost, "said that it is offline: stuck"},
		{"kept by the broker", true, []string{`{"v":1,"state":"offline"}`}, devices.Lost, "said that it is offline"},
		{"at once after ready", false, []string{`{"v":1,"state":"ready"}`, `{"v":1,"state":"offline","reason":"stuck"}`}, devices.Lost, "said that it is offline: stuck"},
		{"another reason", false, []string{`{"v":1,"state":"offline","reason":"stuck"}`, `{"v":1,"state":"offline","reason":"no-power"}`}, devices.Lost, "said that it is offline: no-power"},
		{"at once back", false, []string{`{"v":1,"state":"offline"}`, `{"v":1,"state":"ready"}`}, devices.Attached, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom()
				d := r.run(t, mqtt.Config{ID: "wc", Class: devices.Button, Port: "mqtt:wc-button"})
				for _, w := range test.words { // none is waited for
					if err := r.Take(t.Context(), mqtt.Message{Topic: "clinic/main/lobby-1/button/wc-button/state", Payload: []byte(w), Retained: test.retained}); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(5 * time.Second)
				if s := d.Status(); s.State != test.state || s.Reason != test.reason {
					t.Errorf("%s, %q; want %s, %q", s.State, s.Reason, test.state, test.reason)
				}
			})
		})
	}
}

func TestCommandIsDoneOnceAndAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		d := r.run(t, mqtt.Config{ID: "board", Class: devices.Display, Port: "mqtt:tv-1"}).(devices.Output)
		show := devices.Command{ID: "c1", Verb: "show", Args: map[string]string{"number": "A-017", "room": "Room 3"}}
		if err := d.Do(t.Context(), show); !errors.Is(err, devices.ErrAbsent) {
			t.Errorf("offline: %v", err)
		}
		if err := r.say(t, "clinic/main/lobby-1/display/tv-1/state", `{"v":1,"state":"ready"}`); err != nil {
			t.Fatal(err)
		}
		say := func(ok bool, reason string) func(string, []byte) {
			return func(_ string, payload []byte) {
				var c struct{ ID string }
				if err := json.Unmarshal(payload, &c); err != nil {
					t.Error(err)
				}
				_ = r.Take(t.Context(), mqtt.Message{Topic: "clinic/main/lobby-1/display/tv-1/ack", Payload: fmt.Appendf(nil, `{"v":1,"id":%q,"ok":%v,"reason":%q}`, c.ID, ok, reason)})
			}
		}
		r.answer = say(true, "")
		for range 2 {
			if err := d.Do(t.Context(), show); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.published) != 1 || !strings.HasPrefix(r.published[0], "clinic/main/lobby-1/display/tv-1/command ") || !strings.HasSuffix(r.published[0], " true") {
			t.Errorf("published %q, want one retained command", r.published)
		}
		r.answer = say(false, "no-picture")
		show.ID = "c2"
		if err := d.Do(t.Context(), show); err == nil || !strings.Contains(err.Error(), "no-picture") {
			t.Errorf("refused by the device: %v", err)
		}
		r.answer = nil
		show.ID = "c3"
		if err := d.Do(t.Context(), show); devices.FaultOf(err) == nil || devices.FaultOf(err).Reason != "the device did not answer" {
			t.Errorf("unanswered: %v", err)
		}
		r.send = errors.New("lost")
		show.ID = "c5"
		if err := d.Do(t.Context(), show); !errors.Is(err, mqtt.ErrUnsure) || errors.Is(err, devices.ErrAbsent) {
			t.Errorf("no acknowledgement of the broker: %v", err)
		}
		r.send = mqtt.ErrNotConnected
		show.ID = "c4"
		if err := d.Do(t.Context(), show); !errors.Is(err, devices.ErrAbsent) {
			t.Errorf("no broker: %v", err)
		}
		for name, c := range map[string]devices.Command{
			"verb":     {ID: "x", Verb: "explode", Args: show.Args},
			"name":     {ID: "x", Verb: "show", Args: map[string]string{"number": "A-017", "name": "Ana Example"}},
			"number":   {ID: "x", Verb: "show", Args: map[string]string{"number": "Ana Example", "room": ""}},
			"room":     {ID: "x", Verb: "show", Args: map[string]string{"number": "A-017", "room": "\x1b[2J"}},
			"too few":  {ID: "x", Verb: "show", Args: map[string]string{"number": "A-017"}},
			"too many": {ID: "x", Verb: "show", Args: map[string]string{"number": "A-017", "room": "1", "note": "x"}},
		} {
			if err := d.Do(t.Context(), c); !errors.Is(err, devices.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A command goes where its device was heard last: what one broker had kept says less
// than what the device said by another.
func TestACommandGoesWhereItsDeviceIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		d := r.run(t, mqtt.Config{ID: "lamp", Class: devices.Lamp, Port: "mqtt:lamp-1", Speaks: "tasmota"}).(devices.Output)
		if by := r.Way(devices.Lamp, "lamp-1"); by != "" {
			t.Errorf("before a word it is at the broker %q", by)
		}
		for i, said := range []struct {
			client   string
			retained bool
			want     mqtt.Way
		}{{"", true, mqtt.External}, {"lamp-1", false, mqtt.Embedded}, {"", true, mqtt.Embedded}, {"", false, mqtt.External}} {
			if err := r.Take(t.Context(), mqtt.Message{Topic: "tele/lamp-1/LWT", Payload: []byte("Online"), Client: said.client, Retained: said.retained}); err != nil {
				t.Fatal(err)
			}
			r.ways = nil
			if err := d.Do(t.Context(), devices.Command{ID: fmt.Sprint(i), Verb: "show", Args: map[string]string{"pattern": "on"}}); err != nil {
				t.Fatal(err)
			}
			if by := r.Way(devices.Lamp, "lamp-1"); len(r.ways) != 1 || r.ways[0] != said.want || by != said.want {
				t.Errorf("%d: told by %v, want %v; known as at %v", i, r.ways, said.want, by)
			}
		}
	})
}

// An answer counts, also where the broker takes all of the time.
func TestAnAnswerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		d := r.run(t, mqtt.Config{ID: "lamp", Class: devices.Lamp, Port: "mqtt:lamp-1"}).(devices.Output)
		if err := r.say(t, "clinic/main/lobby-1/lamp/lamp-1/state", `{"v":1,"state":"ready"}`); err != nil {
			t.Fatal(err)
		}
		r.answer = func(_ string, payload []byte) {
			var c struct{ ID string }
			_ = json.Unmarshal(payload, &c)
			_ = r.Take(t.Context(), mqtt.Message{Topic: "clinic/main/lobby-1/lamp/lamp-1/ack", Payload: fmt.Appendf(nil, `{"v":1,"id":%q,"ok":true}`, c.ID)})
		}
		r.sent = func() { time.Sleep(time.Minute) }
		for i := range 20 {
			if err := d.Do(t.Context(), devices.Command{ID: fmt.Sprint(i), Verb: "show", Args: map[string]string{"pattern": "on"}}); err != nil {
				t.Fatalf("attempt %d: %v", i, err)
			}
		}
	})
}

// TestOtherMakersOutputs holds what a lamp, a sounder and a door of each maker are
// told, byte by byte: what is to end by itself is ended.
func TestOtherMakersOutputs(t *testing.T) {
	type told struct{ pattern, want string }
	on := func(topic, on, off string) []told { // of a lamp or a sounder
		set, unset := topic+" "+on+" false", topic+" "+off+" false"
		return []told{{"off", unset}, {"pulse-2", set + "; " + unset}, {"on", set}, {"pulse-3", unset + "; " + set}, {"blink", set}, {"pulse-1", ""}, {"fast-blink", set}, {"alarm", set}, {"pulse-2", ""}, {"off", unset}}
	}
	open := func(topic, on, off string) []told {
		return []told{{"", topic + " " + on + " false; " + topic + " " + off + " false"}}
	}
	for _, c := range []struct {
		mqtt.Config
		seen [2]string // topic and payload by which it is known to be there
		want []told
	}{
		{mqtt.Config{Class: devices.Lamp, Port: "mqtt:hall lamp", Speaks: "zigbee2mqtt"}, [2]string{"zigbee2mqtt/hall lamp/availability", `{"state":"online"}`},
			on("zigbee2mqtt/hall lamp/set", `{"state":"ON"}`, `{"state":"OFF"}`)},
		{mqtt.Config{Class: devices.Sounder, Port: "mqtt:siren", Speaks: "zigbee2mqtt", Base: "zb", Property: "alarm", On: "true", Off: "false"}, [2]string{"zb/siren/availability", `online`},
			on("zb/siren/set", `{"alarm":true}`, `{"alarm":false}`)},
		{mqtt.Config{Class: devices.Door, Port: "mqtt:lock", Speaks: "zigbee2mqtt", On: "UNLOCK", Off: "LOCK"}, [2]string{"zigbee2mqtt/lock/availability", `online`},
			open("zigbee2mqtt/lock/set", `{"state":"UNLOCK"}`, `{"state":"LOCK"}`)},
		{mqtt.Config{Class: devices.Lamp, Port: "mqtt:lamp-1", Speaks: "tasmota"}, [2]string{"tele/lamp-1/LWT", "Online"}, on("cmnd/lamp-1/POWER", "ON", "OFF")},
		{mqtt.Config{Class: devices.Sounder, Port: "mqtt:horn", Speaks: "tasmota", Base: "house", Property: "POWER2"}, [2]string{"house/tele/horn/LWT", "Online"}, on("house/cmnd/horn/POWER2", "ON", "OFF")},
		{mqtt.Config{Class: devices.Door, Port: "mqtt:door", Speaks: "tasmota"}, [2]string{"tele/door/LWT", "Online"}, open("cmnd/door/POWER", "ON", "OFF")},
		{mqtt.Config{Class: devices.Lamp, Port: "mqtt:lamp-5", Speaks: "homie", Property: "light/power"}, [2]string{"homie/5/lamp-5/$state", "ready"}, on("homie/5/lamp-5/light/power/set", "true", "false")},
		{mqtt.Config{Class: devices.Sounder, Port: "mqtt:siren-4", Speaks: "homie4", Property: "siren/on"}, [2]string{"homie/siren-4/$state", "ready"}, on("homie/siren-4/siren/on/set", "true", "false")},
		{mqtt.Config{Class: devices.Door, Port: "mqtt:door-5", Speaks: "homie", Base: "house", Property: "strike/open"}, [2]string{"house/5/door-5/$state", "ready"}, open("house/5/door-5/strike/open/set", "true", "false")},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(append(mqtt.Ready("homie", ""), append(mqtt.Ready("zigbee2mqtt", "zb"), append(mqtt.Ready("tasmota", "house"), mqtt.Ready("homie", "house")...)...)...)...)
			c.ID = "it"
			d := r.run(t, c.Config).(devices.Output)
			verb := mqtt.Verbs(c.Class)[0]
			do := func(id, pattern string) error {
				command := devices.Command{ID: id, Verb: verb, Args: map[string]string{"pattern": pattern}}
				if c.Class == devices.Door {
					command.Args = nil
				}
				return d.Do(t.Context(), command)
			}
			if err := do("early", "on"); !errors.Is(err, devices.ErrAbsent) {
				t.Errorf("%s: before it was there: %v", c.Port, err)
			}
			if err := r.say(t, c.seen[0], c.seen[1]); err != nil {
				t.Fatal(err)
			}
			for i, w := range c.want {
				r.published = nil
				for range 2 { // the second is a repeat
					if err := do(fmt.Sprint("c", i), w.pattern); err != nil {
						t.Fatal(err)
					}
				}
				if got := strings.Join(r.published, "; "); got != w.want {
					t.Errorf("%s %s: told %q, want %q", c.Port, w.pattern, got, w.want)
				}
			}
		})
	}
}

// What was begun is ended though the service stops meanwhile, and a door that could
// not be closed at once is closed when the broker is back.
func TestADoorIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		d := r.run(t, mqtt.Config{ID: "door", Class: devices.Door, Port: "mqtt:door", Speaks: "tasmota"}).(devices.Output)
		if err := r.say(t, "tele/door/LWT", "Online"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r.sent = func() { cancel() }
		if err := d.Do(ctx, devices.Command{ID: "1", Verb: "open"}); err != nil || strings.Join(r.published, "; ") != "cmnd/door/POWER ON false; cmnd/door/POWER OFF false" {
			t.Errorf("stopped: %v, %q", err, r.published)
		}
		r.published = nil
		r.sent = func() {
			if r.sent = nil; r.send == nil {
				r.send, r.until = mqtt.ErrNotConnected, time.Now().Add(9*time.Second)
			}
		}
		if err := d.Do(t.Context(), devices.Command{ID: "2", Verb: "open"}); err != nil || len(r.published) != 2 {
			t.Errorf("the broker was away: %v, %q", err, r.published)
		}
		r.published = nil
		r.sent = func() { r.send, r.until = errors.New("broken"), time.Time{} }
		if err := d.Do(t.Context(), devices.Command{ID: "3", Verb: "open"}); devices.FaultOf(err) == nil || !strings.Contains(devices.FaultOf(err).Hint, "door may stand open") || errors.Is(err, devices.ErrAbsent) {
			t.Errorf("it was never closed: %v", err)
		}
	})
}

// A pulse that came to nothing ends what an earlier one has left to it, and what could
// not be ended in time is ended when there is a way again.
func TestADoorIsClosedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		d := r.run(t, mqtt.Config{ID: "door", Class: devices.Door, Port: "mqtt:door", Speaks: "tasmota"}).(devices.Output)
		if err := r.say(t, "tele/door/LWT", "Online"); err != nil {
			t.Fatal(err)
		}
		const opened, closed = "cmnd/door/POWER ON false", "cmnd/door/POWER OFF false"
		first := make(chan error)
		go func() { first <- d.Do(t.Context(), devices.Command{ID: "1", Verb: "open"}) }()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.send, r.until, r.held = mqtt.ErrNotConnected, time.Now().Add(time.Second), 5*time.Second
		if err := d.Do(t.Context(), devices.Command{ID: "2", Verb: "open"}); !errors.Is(err, devices.ErrAbsent) {
			t.Errorf("the second came to nothing: %v", err)
		}
		if err := <-first; err != nil || strings.Join(r.published, "; ") != opened+"; "+closed {
			t.Errorf("the first: %v, %q", err, r.published)
		}

		synctest.Wait()
		r.published, r.held = nil, 0
		if err := d.Do(t.Context(), devices.Command{ID: "3", Verb: "open"}); err != nil {
			t.Fatal(err)
		}
		r.published, r.send, r.until = nil, mqtt.ErrNotConnected, time.Now().Add(time.Second)
		if err := d.Do(t.Context(), devices.Command{ID: "4", Verb: "open"}); !errors.Is(err, devices.ErrAbsent) || len(r.published) != 0 {
			t.Errorf("nothing was opened, and nothing is to be closed: %v, %q", err, r.published)
		}
		time.Sleep(time.Second)
		synctest.Wait()

		r.sent = func() { r.sent, r.send, r.until = nil, errors.New("lost"), time.Now().Add(time.Minute) }
		if err := d.Do(t.Context(), devices.Command{ID: "5", Verb: "open"}); devices.FaultOf(err) == nil || !strings.Contains(devices.FaultOf(err).Hint, "door may stand open") {
			t.Errorf("the broker was away for a minute: %v", err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		// A device that is back later than the gateway hears it, too; it does not go on for ever.
		if strings.Join(r.published, "; ") != opened+strings.Repeat("; "+closed, 13) {
			t.Errorf("a minute later the door was told %q", r.published)
		}
	})
}

func TestSwitchSettings(t *testing.T) {
	for text, c := range map[string]mqtt.Config{
		"speaks is empty or one of":   {Class: devices.Lamp, Speaks: "esphome"},
		"set speaks":                  {Class: devices.Lamp, Property: "state"},
		"base is the topic's":         {Class: devices.Lamp, Speaks: "zigbee2mqtt", Base: "zb/#"},
		"property is missing":         {Class: devices.Lamp, Speaks: "homie"},
		"property is the node":        {Class: devices.Door, Speaks: "homie4", Property: "light"},
		"property is the member":      {Class: devices.Lamp, Speaks: "zigbee2mqtt", Property: `a":1,"b`},
		"property is POWER":           {Class: devices.Lamp, Speaks: "tasmota", Property: "Backlog"},
		"on and off are":              {Class: devices.Door, Speaks: "zigbee2mqtt", On: "UNLOCK"},
		"on and off are two":          {Class: devices.Door, Speaks: "zigbee2mqtt", On: `"`, Off: "x"},
		"commands of our own scheme":  {Class: devices.Display, Speaks: "zigbee2mqtt"},
		"commands of our own scheme ": {Class: devices.Printer, Speaks: "homie"},
	} {
		c.ID, c.Port = "it", "mqtt:it"
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(text)) {
			t.Errorf("%+v gave %v, want %q", c, err, text)
		}
	}
}

func FuzzTake(f *testing.F) {
	f.Add("clinic/main/lobby-1/button/wc-button/event", []byte(`{"v":1,"seq":1,"event":"press"}`))
	f.Add("clinic/main/lobby-1/display/tv-1/ack", []byte(`{"v":1,"id":"c","ok":true}`))
	f.Add("clinic/main/lobby-1/vitals/x/state", []byte(`{"v":1,"state":"ok","battery":3}`))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		r := newRoom()
		_ = r.Take(t.Context(), mqtt.Message{Topic: topic, Payload: payload})
		for _, h := range r.health {
			if len(h.Device) > 64 || len(h.State) > 40 || len(h.Reason) > 40 || strings.ContainsAny(h.State+h.Reason, " \x00\n\"") {
				t.Errorf("%q %q gives %+v", topic, payload, h)
			}
		}
	})
}
