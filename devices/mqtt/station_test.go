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
	fail      error // of everything that should become durable
	send      error // of publishing
	answer    func(topic string, payload []byte)
}

func newRoom() *room {
	r := &room{}
	rules := append(mqtt.Ready("zigbee2mqtt", ""), mqtt.Ready("tasmota", "")...)
	rules = append(rules, mqtt.Rule{Filter: "cuff/+", DeviceLevel: 2, Path: "sys", Kind: "systolic", Unit: "mm[Hg]", IDPath: "n"},
		mqtt.Rule{Filter: "cuff/+", DeviceLevel: 2, Path: "dia", Kind: "diastolic", Unit: "mm[Hg]", IDPath: "n"})
	r.Station = mqtt.NewStation("main", "lobby-1", rules, mqtt.Deps{
		Health: func(_ context.Context, h mqtt.Health) error { r.health = append(r.health, h); return r.fail },
		Vitals: func(_ context.Context, v []mqtt.Vital) error { r.vitals = append(r.vitals, v); return r.fail },
		VitalsEvent: func(_ context.Context, device string, payload []byte) error {
			r.events = append(r.events, device+" "+string(payload))
			return r.fail
		},
		Publish: func(_ context.Context, topic string, payload []byte, retain bool) error {
			if r.send != nil {
				return r.send
			}
			r.published = append(r.published, fmt.Sprintf("%s %s %v", topic, payload, retain))
			if r.answer != nil {
				go r.answer(topic, payload)
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
		state(`{"v":1,"state":"ready"}`, devices.Attached)
		state(`{"v":1,"state":"lost"}`, devices.Lost)
		if n := len(r.health); n != 2 {
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

func TestOtherMakersLamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		z := r.run(t, mqtt.Config{ID: "lamp-z", Class: devices.Lamp, Port: "mqtt:hall lamp", Speaks: "zigbee2mqtt"}).(devices.Output)
		s := r.run(t, mqtt.Config{ID: "lamp-t", Class: devices.Lamp, Port: "mqtt:lamp-1", Speaks: "tasmota"}).(devices.Output)
		for topic, payload := range map[string]string{"zigbee2mqtt/hall lamp/availability": `{"state":"online"}`, "tele/lamp-1/LWT": "Online"} {
			if err := r.say(t, topic, payload); err != nil {
				t.Fatal(err)
			}
		}
		for i, d := range []devices.Output{z, s} {
			for _, pattern := range []string{"blink", "off"} {
				if err := d.Do(t.Context(), devices.Command{ID: pattern + fmt.Sprint(i), Verb: "show", Args: map[string]string{"pattern": pattern}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		want := []string{`zigbee2mqtt/hall lamp/set {"state":"ON"} false`, `zigbee2mqtt/hall lamp/set {"state":"OFF"} false`, "cmnd/lamp-1/POWER ON false", "cmnd/lamp-1/POWER OFF false"}
		if strings.Join(r.published, "\n") != strings.Join(want, "\n") {
			t.Errorf("published %q, want %q", r.published, want)
		}
	})
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
