package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"clinicgate/gateway/bridge"

	"github.com/google/uuid"
)

// vitalsStation is a blood pressure cuff and a scale in one, on MQTT in the gateway's
// own scheme (devices/vitals). It is off until somebody turns it on: only then do
// patients come to the step at which they are measured.
type vitalsStation struct {
	roomDevice

	mu      sync.Mutex
	on      bool
	session string   // guarded by mu: of who stands there; empty: nobody
	kinds   []string // guarded by mu: what is asked for
}

// asked is what the demo's clinic has measured at check-in.
var asked = [2]string{"blood-pressure", "weight"}

func newVitalsStation(mqtt string) (*vitalsStation, error) {
	s := &vitalsStation{roomDevice: roomDevice{class: "vitals", name: "vitals-station"}}
	var err error
	s.client, err = bridge.NewClient(bridge.ClientConfig{Broker: "tcp://" + mqtt, ID: s.name, Clean: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	s.client.Subscribe(s.topic("command"), s.told)
	s.client.Connected(func() { go s.tell() })
	return s, nil
}

// tell says whether it is there.
func (s *vitalsStation) tell() {
	s.mu.Lock()
	state := map[bool]string{true: "ready", false: "offline"}[s.on]
	s.mu.Unlock()
	s.say("state", fmt.Sprintf(`{"v":1,"state":%q}`, state))
}

// turn turns it on or off.
func (s *vitalsStation) turn(on bool) {
	s.mu.Lock()
	s.on, s.session = on, ""
	s.mu.Unlock()
	s.tell()
}

// told learns who stands there, or that nobody does any more.
func (s *vitalsStation) told(_ context.Context, _ string, payload []byte) error {
	var c struct {
		Verb    string   `json:"verb"`
		Session string   `json:"session"`
		Kinds   []string `json:"kinds"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.Verb == "measure":
		s.session, s.kinds = c.Session, c.Kinds
	case c.Session == s.session:
		s.session = ""
	}
	return nil
}

// measure measures everything that is asked for of whoever stands there, or shows what
// a cuff that sits badly does.
func (s *vitalsStation) measure(well bool) error {
	s.mu.Lock()
	on, session, kinds := s.on, s.session, s.kinds
	s.mu.Unlock()
	switch {
	case !on:
		return errors.New("the vitals station is off: turn it on, then check in")
	case session == "":
		return errors.New("nobody is at the step at which they are measured")
	}
	values := map[string]string{"blood-pressure": `"values":{"systolic":"124","diastolic":"79"},"unit":"mm[Hg]"`, "weight": `"value":"71.4","unit":"kg"`}
	if !well {
		values = map[string]string{"blood-pressure": `"values":{"systolic":"299","diastolic":"12"},"unit":"mm[Hg]"`, "weight": `"value":"0.2","unit":"kg"`}
	}
	for _, kind := range kinds {
		s.say("event", fmt.Sprintf(`{"v":1,"id":%q,"ts":%q,"session":%q,"kind":%q,%s}`, uuid.Must(uuid.NewV7()), time.Now().UTC().Format(time.RFC3339Nano), session, kind, values[kind]))
	}
	return nil
}

// do is the panel's action.
func (s *vitalsStation) do(state string) (string, error) {
	switch state {
	case "on", "off":
		s.turn(state == "on")
		return "the vitals station is " + state, nil
	case "well":
		return "it measured", s.measure(true)
	case "out-of-range":
		return "it measured what cannot be; the page asks to measure again", s.measure(false)
	}
	return "", errors.New("state of the vitals station is on, off, well or out-of-range")
}
