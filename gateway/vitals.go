package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/devices/vitals"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"

	"github.com/google/uuid"
)

// Why a reading is nobody's, beside the reasons of devices/vitals.
const (
	noSession    vitals.Reason = "no-session"    // nobody is being measured
	otherSession vitals.Reason = "other-session" // who was asked is gone
	notInSession vitals.Reason = "not-in-step"   // measured before this patient's step began
	notAsked     vitals.Reason = "not-asked"     // the visit's department does not want it
	tooMany      vitals.Reason = "too-many"
)

const (
	// vitalSlack is how far the clock of a device that was told no session may be from
	// ours: it has nothing else by which to tell this patient from the one before.
	vitalSlack = 2 * time.Second
	// mostReadings is how many readings one step takes.
	mostReadings = 24
	// mostStations bounds the devices that are told of a step.
	mostStations = 32
	// mostNotes bounds what is remembered of an hour.
	mostNotes = 512
)

// stations is what is known of the devices that measure.
type stations struct {
	mu     sync.Mutex
	there  []string                // guarded by mu: those that spoke and did not say that they go
	gone   []string                // guarded by mu: those that said so
	counts map[vitalsNote]uint64   // guarded by mu: not taken, by device and reason
	noted  map[vitalsNote]struct{} // guarded by mu: said in this hour
	hour   string                  // guarded by mu
}

type vitalsNote struct {
	device string
	why    vitals.Reason
}

// away are the words by which a device says that it goes, or its will does.
var away = []string{"lost", "offline", "disconnected"}

// heard notes that a device is there, or is not. It reports whether it came.
func (s *stations) heard(device, state string) (came bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := func(d string) bool { return d == device }
	to, from := &s.there, &s.gone
	if slices.Contains(away, state) {
		to, from = from, to
	}
	*from = slices.DeleteFunc(*from, is)
	if slices.Contains(*to, device) {
		return false
	}
	if len(*to) >= mostStations {
		*to = slices.Delete(*to, 0, 1)
	}
	*to = append(*to, device)
	return to == &s.there
}

// list gives the devices that are there.
func (s *stations) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.there)
}

// may reports whether there may be a device: one that never spoke may be, for not
// every publisher says that it is there; where all that spoke have gone, there is none.
func (s *stations) may() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.there) > 0 || len(s.gone) == 0
}

// count counts a reading that was not taken, and reports whether this is the first of
// its device and reason in an hour.
func (s *stations) count(n vitalsNote, hour string) (total uint64, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hour != hour || len(s.noted) >= mostNotes {
		s.hour, s.noted = hour, map[vitalsNote]struct{}{}
	}
	if s.counts == nil || len(s.counts) >= mostNotes {
		s.counts = map[vitalsNote]uint64{}
	}
	s.counts[n]++
	_, said := s.noted[n]
	s.noted[n] = struct{}{}
	return s.counts[n], !said
}

// wanted gives what is to be measured of a department's patients, where it can be.
func (g *Gateway) wanted(d kiosk.DepartmentID) []string {
	if !g.stations.may() {
		return nil
	}
	list := slices.Clone(g.cfg.CheckIn.Vitals)
	for _, department := range g.cfg.Departments {
		if department.ID != string(d) {
			continue
		}
		for _, kind := range department.Vitals {
			if !slices.Contains(list, kind) {
				list = append(list, kind)
			}
		}
	}
	return list
}

// vital takes a reading, whoever published it. It returns nil when the reading is
// durable, or is not to be had and that is on record; then it is acknowledged.
// mqtt.ErrNotAccepted says that it is nobody's: it is counted, and not kept. Any
// other error asks for it again.
func (g *Gateway) vital(ctx context.Context, r vitals.Reading) error {
	now := g.clock.Now().Wall
	live, why := g.beingMeasured(r, now)
	if why != "" {
		return g.quarantine(ctx, r.Device, why)
	}
	m, why := vitals.Measure(r, now)
	v := checkin.Vitals{ID: readingID(r), Session: live.Session, Entry: kiosk.EntryID(live.Entry), Device: string(r.Device), Measured: kiosk.At(r.At)}
	switch {
	case why.Again():
		if err := g.checkin.NotMeasured(ctx, v, string(r.Kind)+" "+string(why)); err != nil {
			return err
		}
		g.web.Measured(live.Token, web.Vital{Kind: string(r.Kind), Again: true})
		return nil
	case why != "":
		return g.quarantine(ctx, r.Device, why)
	}
	if r.Kind == vitals.BloodPressure {
		v.Panel = r.Kind.LOINC()
	}
	for _, value := range m.Values {
		v.Parts = append(v.Parts, kiosk.Measured{LOINC: value.Kind.LOINC(), Number: value.Number.Reveal(), Places: value.Places, Unit: string(value.Unit)})
	}
	_, err := g.checkin.Measured(ctx, v)
	switch {
	case errors.Is(err, checkin.ErrSession): // it ended meanwhile
		return g.quarantine(ctx, r.Device, noSession)
	case err != nil:
		return err
	}
	// A repeat too: it is of this step, and its first answer may have been lost.
	g.web.Measured(live.Token, web.Vital{Kind: string(r.Kind), Value: m.Shown, Unit: m.ShownUnit})
	return nil
}

// beingMeasured gives the patient whose a reading is: who is in the step now, where
// the device was told this step, or else measured while it was on the screen. Who it
// might be is never enough.
func (g *Gateway) beingMeasured(r vitals.Reading, now time.Time) (web.Measuring, vitals.Reason) {
	live, on := g.web.Measuring()
	begun := now.Add(-time.Since(live.Since))
	switch {
	case !on:
		return live, noSession
	case r.Session != "" && r.Session != live.Token:
		return live, otherSession
	case r.Session == "" && (r.At.Before(begun.Add(-vitalSlack)) || r.At.After(now.Add(vitalSlack))):
		return live, notInSession
	case !slices.Contains(live.Kinds, string(r.Kind)):
		return live, notAsked
	case live.Taken >= mostReadings:
		return live, tooMany
	}
	return live, ""
}

// readingID is the same for the same reading of the same device, and no other's.
func readingID(r vitals.Reading) uuid.UUID {
	id, err := uuid.Parse(r.ID)
	if err != nil {
		id = uuid.NewSHA1(vitalsNamespace, []byte(r.ID))
	}
	return kiosk.DeriveID(id, "vitals", string(r.Device))
}

var vitalsNamespace = uuid.MustParse("7a0c2c5e-3f0b-5f0e-9a5c-6c2f2d7b1e44")

// quarantine counts a reading that is nobody's. Its value goes nowhere; that there
// was one is audited, once an hour for each device and reason.
func (g *Gateway) quarantine(ctx context.Context, device devices.ID, why vitals.Reason) error {
	hour := g.clock.Now().Wall.UTC().Format("2006-01-02T15")
	total, first := g.stations.count(vitalsNote{string(device), why}, hour)
	if !first {
		return mqtt.ErrNotAccepted
	}
	g.log.Warn("a measurement was not taken", "device", string(device), "reason", string(why), "count", total)
	act := kiosk.Act{ID: kiosk.DeriveID(uuid.NewSHA1(vitalsNamespace, []byte(hour)), string(why), string(device)), Actor: kiosk.Actor{Kind: kiosk.ActorDevice, ID: string(device)}}
	err := g.audit(ctx, act, kiosk.VitalsQuarantined, kiosk.AuditFacts{Action: string(why), Outcome: kiosk.OutcomeRefused, Resource: string(device)})
	if err != nil {
		g.log.Error("a quarantined measurement was not audited", "device", string(device), "error", err)
	}
	return mqtt.ErrNotAccepted
}

// stationSaid notes that a device that measures spoke. One that comes back in the
// middle of a step is told of it.
func (g *Gateway) stationSaid(device, state string) {
	if !g.stations.heard(device, state) {
		return
	}
	if live, on := g.web.Measuring(); on {
		g.tellStation(device, startMeasuring(live, g.clock.Now().Wall))
	}
}

// stationCommand is what a device that measures is told: the beginning of a step with
// the session to say in each event, or the end of one.
type stationCommand struct {
	V       int              `json:"v"`
	ID      uuid.UUID        `json:"id"`
	Verb    string           `json:"verb"` // "measure", "stop"
	Session string           `json:"session"`
	Kinds   []string         `json:"kinds,omitempty"`
	Expires *kiosk.Timestamp `json:"expires,omitempty"`
}

// stepEnds is the longest that a device may take a step to be going on.
const stepEnds = 10 * time.Minute

func startMeasuring(m web.Measuring, now time.Time) stationCommand {
	at := kiosk.At(now.Add(stepEnds))
	return stationCommand{V: 1, ID: uuid.New(), Verb: "measure", Session: m.Token, Kinds: m.Kinds, Expires: &at}
}

// tellWithin bounds telling one device.
const tellWithin = 2 * time.Second

func (g *Gateway) tellStation(device string, c stationCommand) {
	text, err := json.Marshal(c)
	if err == nil {
		ctx, cancel := context.WithTimeout(g.running, tellWithin)
		defer cancel()
		err = g.toDevices(ctx, g.station.Way(devices.Vitals, device), mqtt.Topic{Site: g.cfg.Kiosk.Site, Kiosk: string(g.self), Class: string(devices.Vitals), Device: device, Leaf: mqtt.LeafCommand}.String(), text, false)
	}
	if err != nil {
		g.log.Warn("a device was not told what to measure", "device", device, "error", err)
	}
}

// runVitals tells the devices when somebody's step begins and when it ends.
func (g *Gateway) runVitals(ctx context.Context) error {
	token := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.web.MeasuringChanged():
		}
		live, on := g.web.Measuring()
		for _, device := range g.stations.list() {
			if token != "" && token != live.Token {
				g.tellStation(device, stationCommand{V: 1, ID: uuid.New(), Verb: "stop", Session: token})
			}
			if on {
				g.tellStation(device, startMeasuring(live, g.clock.Now().Wall))
			}
		}
		token = live.Token
	}
}

// vitalsEvent takes an event of a device of our own scheme.
func (g *Gateway) vitalsEvent(ctx context.Context, device string, payload []byte) error {
	r, err := vitals.ParseEvent(devices.ID(device), payload)
	if err != nil {
		return mqtt.ErrNotAccepted
	}
	g.stationSaid(device, "")
	return g.vital(ctx, r)
}

// mappedVitals takes the values of one message of another maker's device: single
// ones, and a blood pressure's two together.
func (g *Gateway) mappedVitals(ctx context.Context, list []mqtt.Vital) error {
	pressure := vitals.Reading{Kind: vitals.BloodPressure, Values: map[vitals.Kind]phi.Text{}}
	var readings []vitals.Reading
	for _, v := range list {
		r := vitals.Reading{Device: devices.ID(v.Device), Kind: vitals.Kind(v.Kind), Value: v.Value, Unit: vitals.Unit(v.Unit), At: v.At, ID: v.ID, Session: v.Session}
		if r.At.IsZero() {
			r.At = g.clock.Now().Wall
		}
		if r.ID == "" {
			r.ID = uuid.NewString() // that it comes again cannot be known
		} else {
			r.ID += " " + v.Kind // of one message there may be several
		}
		if r.Kind == vitals.Systolic || r.Kind == vitals.Diastolic {
			pressure.Device, pressure.Unit, pressure.At, pressure.ID, pressure.Session = r.Device, r.Unit, r.At, r.ID, r.Session
			pressure.Values[r.Kind] = r.Value
			continue
		}
		readings = append(readings, r)
	}
	if len(pressure.Values) > 0 {
		readings = append(readings, pressure)
	}
	for _, r := range readings {
		if err := g.vital(ctx, r); err != nil && !errors.Is(err, mqtt.ErrNotAccepted) {
			return err
		}
	}
	return nil
}
