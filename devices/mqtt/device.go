package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"clinicgate/devices"

	"github.com/google/uuid"
)

// PortPrefix begins the port of a device that is on MQTT: "mqtt:NAME", where NAME
// is what its publisher calls it.
const PortPrefix = "mqtt:"

// Config is one configured device.
type Config struct {
	ID       devices.ID
	Class    devices.Class
	Port     string
	Disabled bool
	// Speaks is whose commands the device takes: empty for our own scheme, or one
	// of Makers.
	Speaks string
	// Base replaces the first level of such a publisher's topics; may be empty.
	Base string
	// Property is what is switched: a member of Zigbee2MQTT's payload ("state" where
	// empty), a relay of Tasmota's ("POWER"), node and property of Homie's.
	Property string
	// On and Off are the words for it; empty: the maker's usual ones.
	On, Off string
}

// Classes lists the classes that a device on MQTT can have.
func Classes() []devices.Class {
	return []devices.Class{devices.Button, devices.Presence, devices.Vitals, devices.Lamp, devices.Sounder, devices.Display, devices.Door, devices.Printer}
}

// Validate gives everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	name, ok := strings.CutPrefix(c.Port, PortPrefix)
	if !c.ID.Valid() {
		errs = append(errs, errors.New("id: use 1 to 40 lower-case letters, digits and inner hyphens"))
	}
	if !ok || len(name) > maxName || !nameForm.MatchString(name) {
		errs = append(errs, errors.New("port of a device on MQTT is mqtt: and the name that its publisher gives it"))
	}
	if !slices.Contains(Classes(), c.Class) {
		errs = append(errs, fmt.Errorf("a %s cannot be on MQTT", c.Class))
	}
	if c.Speaks == "" && ok && slices.Contains(outputs(), c.Class) && !ValidLevel(name) {
		errs = append(errs, errors.New("the name of a device that takes commands of our own scheme has 1 to 40 of A-Z a-z 0-9 _ -"))
	}
	errs = append(errs, c.validateSwitch()...)
	return errors.Join(errs...)
}

// Device is a configured device on MQTT. It is there once it says anything else, and
// lost when it, or its will, says that it is: also as its first word, which a broker
// may have kept.
type Device struct {
	cfg     Config
	name    string
	link    *devices.Link
	station *Station

	mu      sync.Mutex
	sink    devices.Sink // guarded by mu; nil while Run does not run
	there   bool         // guarded by mu
	lost    string       // guarded by mu; the reason of a loss that attach has not told yet
	changed chan struct{}
	seen    []happening            // guarded by mu: the newest
	waiting map[string]chan answer // guarded by mu: commands by id
	done    []outcome              // guarded by mu: the newest commands
	way     Way                    // guarded by mu: by which it was heard last
	live    bool                   // guarded by mu: way is of what it said while the gateway ran
	steady  string                 // guarded by mu: what another maker's lamp or sounder was told to show until told otherwise
	pulses  int                    // guarded by mu: under way at another maker's device
	owed    bool                   // guarded by mu: what they began is yet to be ended
	repeats int                    // guarded by mu: how often that is said again

	ending sync.Mutex // held while one attempt to end it is made
}

// happening is an event that was handed over.
type happening struct {
	id string
	at time.Time
}

// countedAgain is how long a repeated number is a repeat. A device counts from one
// again when its battery was changed, and a press for help must not be taken for an
// old one then. A uuid is one event for good.
const countedAgain = time.Minute

const (
	maxSeen  = 64
	maxDone  = 64
	maxWaits = 16
)

// New makes a device of a station, an Output where its class acts; it starts
// nothing.
func New(c Config, s *Station, deps devices.Deps) (devices.Device, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	d := &Device{cfg: c, name: strings.TrimPrefix(c.Port, PortPrefix), station: s,
		link:    devices.NewLink(devices.Info{ID: c.ID, Class: c.Class, Binding: c.Port}, deps),
		changed: make(chan struct{}, 1), waiting: map[string]chan answer{}}
	if slices.Contains(outputs(), c.Class) {
		return Output{d}, nil
	}
	return d, nil
}

// Info says which device this is.
func (d *Device) Info() devices.Info { return d.link.Info() }

// Status is a snapshot.
func (d *Device) Status() devices.Status { return d.link.Status() }

// Probe tells what Run knows: there is no looking for a device that speaks when
// it wants to.
func (d *Device) Probe(context.Context) devices.Probe {
	switch s := d.link.Status(); s.State {
	case devices.Attached:
		return devices.Probe{Outcome: devices.Ready, Reason: "is there", Where: s.Where}
	case devices.Disabled:
		return devices.Probe{Outcome: devices.Skipped, Reason: s.Reason}
	case devices.Lost:
		return devices.Probe{Outcome: devices.Failed, Reason: s.Reason, Hint: s.Hint}
	}
	return devices.Probe{Outcome: devices.Failed, Reason: "has not said anything yet", Hint: "check its power and its broker; clinicgate devices watch --topic '#' shows who speaks"}
}

// Run takes what the station has for this device until ctx ends.
func (d *Device) Run(ctx context.Context, sink devices.Sink) error {
	if d.cfg.Disabled {
		return d.link.Disabled(ctx, "disabled in the config")
	}
	d.mu.Lock()
	d.sink = sink
	d.mu.Unlock()
	d.station.add(d)
	var ends sync.WaitGroup
	if d.cfg.Speaks != "" {
		ends.Go(func() { d.runEnds(ctx) })
	}
	defer func() {
		ends.Wait()
		d.station.remove(d)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sink, d.there, d.lost = nil, false, ""
	}()
	return d.link.Run(ctx, d.attach)
}

// attach lasts from when the device is there until it is not.
func (d *Device) attach(ctx context.Context, up func(string)) error {
	for was := false; ; {
		d.mu.Lock()
		there, lost := d.there, d.lost
		d.lost = ""
		d.mu.Unlock()
		switch {
		case there && !was:
			up(d.cfg.Port)
		case lost != "":
			return &devices.Fault{Reason: lost, Hint: "check the device's power, its radio and its broker"}
		}
		was = there
		select {
		case <-d.changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// came notes by which broker the device speaks: there it hears. What another one had
// kept may be of a time when the device was there.
func (d *Device) came(m Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !m.Retained || !d.live {
		d.way, d.live = m.Way(), !m.Retained
	}
}

func (d *Device) by() Way {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.way
}

// reachable notes whether the device is there; reason is a token.
func (d *Device) reachable(there bool, reason string) {
	d.mu.Lock()
	d.there, d.lost = there, ""
	if !there {
		d.lost = "said that it is offline"
		if reason != "" {
			d.lost += ": " + reason
		}
	}
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// charged notes the battery, and reports whether it changed enough to tell.
func (d *Device) charged(percent int) (told bool) {
	was := d.link.Status().Battery
	d.link.Charge(percent)
	return was == nil || *was/10 != percent/10 || (*was > lowBattery) != (percent > lowBattery)
}

// lowBattery is the charge, in percent, at which somebody should change it.
const lowBattery = 20

// said takes a fact of another maker's device. It reports true for a vital sign,
// which the station gives on with the others of its message.
func (d *Device) said(ctx context.Context, f Fact, retained bool) (vital bool, err error) {
	class := d.cfg.Class
	switch f.Kind {
	case Availability:
		d.reachable(f.Word == WordOnline, "")
		return false, nil
	case Battery:
		if d.charged(f.Number) {
			battery := f.Number
			err = d.station.deps.Health(ctx, Health{Device: string(d.cfg.ID), Class: string(class), State: "battery", Battery: &battery})
		}
		return false, err
	case LinkQuality:
		return false, nil
	case Firmware:
		d.link.Firmware(f.Word)
		return false, nil
	}
	if retained {
		return false, nil // it is not known when that happened
	}
	if !f.Kind.Vital() {
		if want := map[Kind]devices.Class{Press: devices.Button, Presence: devices.Presence}[f.Kind]; class != want {
			return false, nil
		}
		return false, d.happened(ctx, f.Word, f.ID)
	}
	if class != devices.Vitals {
		return false, nil
	}
	d.reachable(true, "")
	return true, nil
}

// The kinds of readings of a device on MQTT, the same as of one on a wire.
const (
	Pressed = "pressed"
	Present = "present"
	Absent  = "absent"
)

// happened hands an event to the sink. A repeat, known by its id, is dropped.
func (d *Device) happened(ctx context.Context, event, id string) error {
	kind := map[string]string{"button press": Pressed, "presence present": Present, "presence absent": Absent}[string(d.cfg.Class)+" "+event]
	if kind == "" {
		return ErrNotAccepted
	}
	d.reachable(true, "")
	_, err := uuid.Parse(id)
	unique, now := err == nil, time.Now()
	d.mu.Lock()
	sink := d.sink
	again := id != "" && slices.ContainsFunc(d.seen, func(e happening) bool { return e.id == id && (unique || now.Sub(e.at) < countedAgain) })
	d.mu.Unlock()
	switch {
	case again:
		return nil
	case sink == nil:
		return errors.New("device is not in use now")
	}
	r := devices.Reading{Kind: kind, Verdict: devices.Good, At: now}
	if unique {
		r.ID = id
	}
	if err := d.link.Deliver(ctx, sink, r); err != nil {
		return err
	}
	if id != "" {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.seen = append(d.seen, happening{id, now}); len(d.seen) > maxSeen {
			d.seen = slices.Delete(d.seen, 0, 1)
		}
	}
	return nil
}
