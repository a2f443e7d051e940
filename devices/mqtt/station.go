package mqtt

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

// Health is what a device says about itself.
type Health struct {
	Device, Class string
	State, Reason string    // tokens, never sentences
	Battery       *int      // percent; nil: it does not say
	ID            uuid.UUID // the device's own id of the message; nil: none
}

// Vital is one value about a person. What the values of one message have in
// common (a blood pressure's two) stands in each.
type Vital struct {
	Device  string   // the configured device
	Kind    string   // Kind of a vital sign
	Value   phi.Text // a decimal as it came
	Unit    string   // UCUM
	At      time.Time
	ID      string // what makes a repeat known; may be empty
	Session string // what the kiosk said when it asked; may be empty
}

// Deps are whom a Station tells. Each returns when it is durable.
type Deps struct {
	Health func(context.Context, Health) error
	// Vitals takes the values of one message of another maker's device.
	Vitals func(context.Context, []Vital) error
	// VitalsEvent takes an event of a vitals device of our own scheme, as it came, by
	// its name there, whether it is configured or not.
	VitalsEvent func(ctx context.Context, device string, payload []byte) error
	// Publish sends by the broker by which a device was heard, or by all, where that is
	// empty. ErrNotConnected says that nothing was sent.
	Publish func(ctx context.Context, by Way, topic string, payload []byte, retain bool) error
	Log     *slog.Logger
}

// Station reads what MQTT devices say and gives it to the configured Devices. It
// is the Intake of the Broker and of the Client.
type Station struct {
	site, kiosk string
	rules       []Rule
	deps        Deps

	mu      sync.Mutex
	devices []*Device     // guarded by mu: those that run
	missing int           // guarded by mu: of those expected
	opened  chan struct{} // closed when none is missing
}

// NewStation makes a station; it starts nothing.
func NewStation(site, kiosk string, rules []Rule, deps Deps) *Station {
	s := &Station{site: site, kiosk: kiosk, rules: rules, deps: deps, opened: make(chan struct{})}
	close(s.opened)
	return s
}

// Expect has Take wait until n devices run. It is called once, before anything
// runs: devices reconnect the moment a broker is back, and what they say then must
// find who it is for.
func (s *Station) Expect(n int) {
	if n > 0 {
		s.missing, s.opened = n, make(chan struct{})
	}
}

// Filters lists what a Client subscribes to.
func (s *Station) Filters() []string {
	return append([]string{"clinic/" + s.site + "/" + s.kiosk + "/#"}, Filters(s.rules)...)
}

// Take is the Intake.
func (s *Station) Take(ctx context.Context, m Message) error {
	select {
	case <-s.opened:
	case <-ctx.Done():
		return ctx.Err()
	}
	t, err := ParseTopic(m.Topic)
	if err != nil {
		return s.mapped(ctx, m)
	}
	if t.Site != s.site || t.Kiosk != s.kiosk {
		return ErrNotAccepted
	}
	switch t.Leaf {
	case LeafAck:
		return s.acknowledged(t, m.Payload)
	case LeafState, LeafEvent:
		return s.own(ctx, t, m)
	}
	return nil // our own command, as an external broker shows it
}

// word is what a device may say about itself: a token, never a sentence.
var word = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

const maxOwn = 4 << 10 // bytes of a message of our own scheme

// own reads a message of our own scheme:
//
//	{"v":1, "id":"<uuid>", "seq":12, "state":"ready", "reason":"…", "battery":80,
//	 "firmware":"1.4.0"}                                                           how the device is
//	{"v":1, "id":"<uuid>", "seq":12, "event":"press"}                              what happened, never retained
//
// id or seq make a repeat known. They, reason, battery and firmware may be left out;
// a firmware that is no version is. Events of class vitals are
// the form of devices/vitals.
func (s *Station) own(ctx context.Context, t Topic, m Message) error {
	var said struct {
		V       int       `json:"v"`
		ID      uuid.UUID `json:"id"`
		Seq     uint64    `json:"seq"`
		State   string    `json:"state"`
		Reason  string    `json:"reason"`
		Event   string    `json:"event"`
		Battery *int      `json:"battery"`

		Firmware string `json:"firmware"`
	}
	vitals := t.Class == string(devices.Vitals) && t.Leaf == LeafEvent
	if len(m.Payload) > maxOwn || json.Unmarshal(m.Payload, &said) != nil || said.V != 1 {
		return ErrNotAccepted
	}
	mine := s.named(t.Device, t.Class)
	heard(mine, m)
	switch {
	case vitals && said.State == "" && said.Event == "":
		if m.Retained || s.deps.VitalsEvent == nil {
			return ErrNotAccepted
		}
		for _, d := range mine {
			d.reachable(true, "")
		}
		return s.deps.VitalsEvent(ctx, t.Device, m.Payload)
	case said.Event != "":
		if len(mine) == 0 || m.Retained || t.Leaf != LeafEvent {
			return ErrNotAccepted
		}
		id := ""
		switch {
		case said.ID != uuid.Nil:
			id = said.ID.String()
		case said.Seq != 0:
			id = strconv.FormatUint(said.Seq, 10)
		}
		return mine[0].happened(ctx, said.Event, id)
	case !word.MatchString(said.State) || said.Reason != "" && !word.MatchString(said.Reason) || said.Battery != nil && (*said.Battery < 0 || *said.Battery > 100):
		return ErrNotAccepted
	}
	if !m.Retained { // what the broker kept was durable when it was said
		h := Health{Device: t.Device, Class: t.Class, State: said.State, Reason: said.Reason, Battery: said.Battery, ID: said.ID}
		if err := s.deps.Health(ctx, h); err != nil {
			return err
		}
	}
	for _, d := range mine {
		if said.Battery != nil {
			d.charged(*said.Battery)
		}
		if v, ok := release(said.Firmware); ok {
			d.link.Firmware(v)
		}
		d.reachable(!slices.Contains([]string{"offline", "lost", "stopped", "disconnected"}, said.State), said.Reason)
	}
	return nil
}

// mapped reads a message of another maker's device.
func (s *Station) mapped(ctx context.Context, m Message) error {
	facts, err := Read(s.rules, m.Topic, m.Payload)
	if err != nil && len(facts) == 0 {
		return ErrNotAccepted
	}
	var vitals []Vital
	for _, f := range facts {
		named := s.named(f.Device, "")
		heard(named, m)
		for _, d := range named {
			switch v, err := d.said(ctx, f, m.Retained); {
			case err != nil:
				return err
			case v:
				vitals = append(vitals, Vital{Device: string(d.link.Info().ID), Kind: string(f.Kind), Value: f.Value, Unit: f.Unit, At: f.At, ID: f.ID, Session: f.Session})
			}
		}
	}
	if len(vitals) == 0 {
		return nil
	}
	if s.deps.Vitals == nil {
		return ErrNotAccepted
	}
	return s.deps.Vitals(ctx, vitals)
}

// Explain says how a message would be read, without what is about a person.
func (s *Station) Explain(m Message) []string {
	if t, err := ParseTopic(m.Topic); err == nil {
		return []string{"own scheme: " + string(t.Leaf) + " of " + t.Class + " " + t.Device}
	}
	facts, err := Read(s.rules, m.Topic, m.Payload)
	var list []string
	for _, f := range facts {
		list = append(list, f.Masked())
	}
	if err != nil {
		list = append(list, err.Error())
	}
	return list
}

// heard notes a word of devices. What the broker had kept was said some time ago.
func heard(list []*Device, m Message) {
	for _, d := range list {
		d.came(m)
		if !m.Retained {
			d.link.Heard(time.Now())
		}
	}
}

// Way gives by which broker a device of a name was heard last; empty: it is not known.
func (s *Station) Way(class devices.Class, name string) (by Way) {
	for _, d := range s.named(name, string(class)) {
		by = d.by()
	}
	return by
}

// named gives the devices of a name; class restricts them where it is not empty.
func (s *Station) named(name, class string) (list []*Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if d.name == name && (class == "" || class == string(d.link.Info().Class)) {
			list = append(list, d)
		}
	}
	return list
}

func (s *Station) add(d *Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices = append(s.devices, d)
	if s.missing--; s.missing == 0 {
		close(s.opened)
	}
}

func (s *Station) remove(d *Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices = slices.DeleteFunc(s.devices, func(o *Device) bool { return o == d })
}

// acknowledged takes a device's answer to a command:
//
//	{"v":1, "id":"…", "ok":true}   or   {"v":1, "id":"…", "ok":false, "reason":"paper-out"}
func (s *Station) acknowledged(t Topic, payload []byte) error {
	var said struct {
		V      int    `json:"v"`
		ID     string `json:"id"`
		OK     bool   `json:"ok"`
		Reason string `json:"reason"`
	}
	if len(payload) > maxOwn || json.Unmarshal(payload, &said) != nil || said.V != 1 || said.Reason != "" && !word.MatchString(said.Reason) {
		return ErrNotAccepted
	}
	for _, d := range s.named(t.Device, t.Class) {
		if d.answered(said.ID, said.OK, said.Reason) {
			return nil
		}
	}
	return ErrNotAccepted // nobody waits for it any more
}
