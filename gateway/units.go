package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/storage"
)

// units is the hardware behind the configured devices: which unit has a device's
// place, and how it did when a person last tested it.
type units struct {
	*Gateway
	deps devices.Deps

	mu    sync.Mutex
	rows  map[string]unitRow // by device id
	sight map[sightKey]sight
}

// unitView is the store's view of units; its keys are device ids.
const unitView = "device-unit"

// unitRow is what outlives a restart. A unit that was taken into use counts as
// long as the config names the port that it stands in for: who edits the config
// has the last word.
type unitRow struct {
	Configured string    `json:"configured,omitempty"` // the config's port at that time
	Port       string    `json:"port,omitempty"`       // the one in use instead
	Tested     time.Time `json:"tested,omitzero"`
	Passed     bool      `json:"passed,omitempty"`
}

// sight is what the service itself saw of a unit under test.
type sight struct {
	at       time.Time
	took     time.Duration
	firmware string
	judged   bool // a person said that it passed
}

type sightKey struct{ id, port string }

const (
	sightHolds = 10 * time.Minute
	maxAwait   = 25
	maxSights  = 256
)

// openUnits reads which units have which place.
func (g *Gateway) openUnits(ctx context.Context, deps devices.Deps) (*units, error) {
	u := &units{Gateway: g, deps: deps, rows: map[string]unitRow{}, sight: map[sightKey]sight{}}
	err := g.store.View(ctx, func(r *storage.Reader) error {
		for _, d := range g.cfg.Devices {
			data, err := r.Get(unitView, []byte(d.ID))
			if err != nil {
				return err
			}
			var row unitRow
			if data == nil || json.Unmarshal(data, &row) != nil {
				continue
			}
			u.rows[d.ID] = row
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read which units are in use: %w", err)
	}
	return u, nil
}

// inUse gives a device's settings with the port of the unit that has its place.
func (u *units) inUse(d config.Device) config.Device {
	if row := u.row(d.ID); row.Port != "" {
		d.Port = row.Port
	}
	return d
}

// list is every device as lists show it.
func (u *units) list() []control.Device {
	list := []control.Device{}
	for _, s := range u.devices.Status() {
		list = append(list, u.shown(s))
	}
	return list
}

func (u *units) shown(s devices.Status) control.Device {
	row := u.row(string(s.ID))
	out := control.Device{ID: string(s.ID), Class: string(s.Class), Binding: s.Binding, State: string(s.State), Where: s.Where,
		Reason: s.Reason, Hint: s.Hint, Since: s.Since, LastReading: s.LastReading, Readings: s.Counters.Accepted, Losses: s.Counters.Losses,
		Battery: s.Battery, Firmware: s.Firmware, Tested: row.Tested, Passed: row.Passed}
	out.Configured, out.Counters = row.Configured, control.DeviceCounters(s.Counters)
	if d, ok := u.named(string(s.ID)); ok {
		out.Mode = reached(u.inUse(d))
	}
	return out
}

// reached says how a device is reached, as control.Port.Mode does for what is
// plugged in: only a unit that is reached in the same way can take its place.
func reached(d config.Device) string {
	switch scheme, _, _ := strings.Cut(d.Port, ":"); {
	case d.OnMQTT():
		return "mqtt"
	case d.Class == devices.Scanner && d.Mode != string(scanner.Serial):
		return d.Mode
	case d.Class == devices.Printer && scheme == "tcp":
		return "network"
	case d.Class == devices.Printer && (scheme == "usb" || strings.HasPrefix(d.Port, "/")):
		return "printer"
	case scheme == "pcsc", scheme == "spi", scheme == "gpio":
		return scheme
	}
	return "" // a serial port
}

// configured finds a device's settings, with the port in use or the one asked for.
func (u *units) configured(in control.DeviceUnit) (config.Device, error) {
	d, ok := u.named(in.ID)
	if !ok {
		return d, &control.Error{Code: control.NotFound, Message: "no device of that id is configured", Next: "`clinicgate devices list` shows them"}
	}
	d = u.inUse(d)
	if in.Port == "" || in.Port == d.Port {
		return d, nil
	}
	d.Port = in.Port
	if known, err := d.Validate(); !known || err != nil {
		return d, &control.Error{Code: control.Invalid, Message: "that port cannot be used for this device", Next: "`clinicgate devices list` shows what is plugged in, with the port to name"}
	}
	for _, o := range u.cfg.Devices {
		if o := u.inUse(o); o.ID != d.ID && o.Port == d.Port {
			return d, &control.Error{Code: control.Conflict, Message: "device " + o.ID + " uses that port", Next: "`clinicgate devices list` shows what is plugged in"}
		}
	}
	return d, nil
}

// hold gives the unit for a test, on the path that patients use: the device itself
// with its readings aside, or, for a unit at another port, a device made for it.
func (u *units) hold(ctx context.Context, d config.Device, aside devices.Sink) (devices.Device, func(), error) {
	placed, err := u.devices.Get(devices.ID(d.ID))
	if err != nil {
		return nil, nil, err
	}
	if u.portInUse(d) {
		release, err := u.devices.Attend(devices.ID(d.ID), aside)
		if errors.Is(err, devices.ErrAttended) {
			err = &control.Error{Code: control.Conflict, Message: "somebody tests this device now", Next: "try again in half a minute"}
		}
		return placed, release, err
	}
	deps := u.deps
	deps.Health = nil // it has no place yet
	made, err := u.newDevice(d, deps)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = made.Run(ctx, aside)
	}()
	return made, func() { cancel(); <-ended }, nil
}

// portInUse reports whether d has the port that its device has now.
func (u *units) portInUse(d config.Device) bool {
	c, ok := u.named(d.ID)
	return ok && u.inUse(c).Port == d.Port
}

// saw remembers a success for whoever judges it.
func (u *units) saw(d config.Device, took time.Duration, firmware string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	for k, s := range u.sight {
		if now.Sub(s.at) > sightHolds {
			delete(u.sight, k)
		}
	}
	if len(u.sight) < maxSights {
		u.sight[sightKey{d.ID, d.Port}] = sight{at: now, took: took, firmware: firmware}
	}
}

func (u *units) seen(d config.Device) (sight, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s, ok := u.sight[sightKey{d.ID, d.Port}]
	return s, ok && time.Since(s.at) <= sightHolds
}

// keep makes a row durable together with its events.
func (u *units) keep(ctx context.Context, id string, row unitRow, record func(*storage.Tx) error) error {
	data, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if err := u.store.Update(ctx, func(tx *storage.Tx) error {
		return errors.Join(tx.Put(unitView, []byte(id), data), record(tx))
	}); err != nil {
		return fmt.Errorf("cannot keep it: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rows[id] = row
	return nil
}

// row gives what is kept of a device, without what the config has overruled.
func (u *units) row(id string) unitRow {
	u.mu.Lock()
	defer u.mu.Unlock()
	row := u.rows[id]
	if d, ok := u.named(id); !ok || row.Configured != d.Port {
		row.Configured, row.Port = "", ""
	}
	return row
}

// named finds a device's settings as the config has them.
func (u *units) named(id string) (config.Device, bool) {
	i := slices.IndexFunc(u.cfg.Devices, func(d config.Device) bool { return d.ID == id })
	if i < 0 {
		return config.Device{}, false
	}
	return u.cfg.Devices[i], true
}

// The states of a device that a test ends with.
const (
	testPassed = "tested"
	testFailed = "test-failed"
)

// Judge records how a test ended.
func (u *units) Judge(ctx context.Context, by control.Caller, in control.DeviceVerdict) (control.DeviceTested, error) {
	d, err := u.configured(in.DeviceUnit)
	if err != nil {
		return control.DeviceTested{}, err
	}
	seen, ok := u.seen(d)
	if in.Passed && !ok {
		return control.DeviceTested{}, &control.Error{Code: control.Conflict, Message: "the service saw no success of this unit", Next: "`clinicgate devices test " + d.ID + "` tests it"}
	}
	now := u.clock.Now()
	out := control.DeviceTested{ID: d.ID, Class: string(d.Class), Port: d.Port, Passed: in.Passed, Micros: seen.took.Microseconds(), Firmware: seen.firmware, At: now.Wall}
	health := kiosk.DeviceHealth{Device: d.ID, Class: string(d.Class), State: testPassed, LatencyMicros: out.Micros, Firmware: out.Firmware}
	if !in.Passed {
		health.State = testFailed
	}
	row := u.row(d.ID)
	row.Tested, row.Passed = now.Wall, in.Passed
	if err := u.keep(ctx, d.ID, row, func(tx *storage.Tx) error {
		return u.recordHealthIn(tx, kiosk.NewAct(by.Actor), health, kiosk.DeviceTested)
	}); err != nil {
		return control.DeviceTested{}, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	seen.judged = in.Passed
	if ok {
		u.sight[sightKey{d.ID, d.Port}] = seen
	}
	return out, nil
}

// Replace takes a tested unit into use.
func (u *units) Replace(ctx context.Context, by control.Caller, in control.DeviceUnit) (control.Device, error) {
	d, err := u.configured(in)
	if err != nil {
		return control.Device{}, err
	}
	if u.portInUse(d) {
		return control.Device{}, &control.Error{Code: control.Invalid, Message: "that unit is in use already", Next: "name the new unit's port with --port"}
	}
	if seen, ok := u.seen(d); !ok || !seen.judged {
		return control.Device{}, &control.Error{Code: control.Conflict, Message: "the new unit was not tested", Next: "`clinicgate devices replace " + d.ID + "` tests it first"}
	}
	made, err := u.newDevice(d, u.deps)
	if err != nil {
		return control.Device{}, err
	}
	c, _ := u.named(d.ID)
	row := u.row(d.ID)
	row.Configured, row.Port = c.Port, d.Port
	if d.Port == row.Configured { // the configured unit is back
		row.Configured, row.Port = "", ""
	}
	if err := u.keep(ctx, d.ID, row, func(tx *storage.Tx) error {
		return u.journal.Audit(tx, kiosk.NewAct(by.Actor), kiosk.DeviceReplaced, kiosk.AuditFacts{Action: "replace", Resource: d.ID})
	}); err != nil {
		return control.Device{}, err
	}
	if err := u.devices.Replace(made); err != nil {
		return control.Device{}, err
	}
	return u.shown(made.Status()), nil
}
