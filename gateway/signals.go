package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/gpio"
	"clinicgate/gateway/config"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/queue"

	"github.com/google/uuid"
)

// scene is what lamps and sounders may tell of, as it stands.
type scene struct {
	help, anyHelp bool // a call that nobody has answered: of this kiosk; of anybody
	waiting       bool
	called        []call // newest first
}

// call is one call of one number; a repeated call is another.
type call struct {
	ticket queue.Ticket
	times  int
}

// steady is what a lamp or a sounder says as long as the scene stays. This and
// pulse are the whole rule:
//
//	            lamp        sounder
//	help        fast-blink  alarm     on until a person acknowledges; before all else
//	waiting     on          -
//	called      pulse-3     pulse-2   once, over what is there
func steady(class devices.Class, shows []config.Signal, now scene) string {
	switch {
	case now.help && slices.Contains(shows, config.SignalHelp), now.anyHelp && slices.Contains(shows, config.SignalAnyHelp):
		if class == devices.Sounder {
			return gpio.Alarm
		}
		return gpio.FastBlink
	case now.waiting && slices.Contains(shows, config.SignalWaiting) && class == devices.Lamp:
		return gpio.On
	}
	return gpio.Off
}

// pulse is what it says once when a number is called, or "" for nothing.
func pulse(class devices.Class, shows []config.Signal, before, now scene) string {
	if !slices.Contains(shows, config.SignalCalled) || !slices.ContainsFunc(now.called, func(c call) bool { return !slices.Contains(before.called, c) }) {
		return ""
	}
	if class == devices.Sounder {
		return "pulse-2"
	}
	return "pulse-3"
}

// scene looks at what is to be told of.
func (g *Gateway) scene(shows []config.Signal) (now scene) {
	for _, h := range g.checkin.ActiveHelp() {
		now.anyHelp = true
		now.help = now.help || h.Kiosk == g.self && (h.Kind == checkin.Ill || h.Kind == checkin.NeedHelp)
	}
	if !slices.Contains(shows, config.SignalCalled) && !slices.Contains(shows, config.SignalWaiting) {
		return now
	}
	var served []kiosk.DepartmentID
	for _, d := range g.cfg.Kiosk.Departments {
		served = append(served, kiosk.DepartmentID(d))
	}
	board := g.queue.Board(served...)
	for _, c := range board.Called {
		now.called = append(now.called, call{c.Ticket, c.Times})
	}
	for _, w := range board.Waits {
		now.waiting = now.waiting || w.Waiting > 0
	}
	return now
}

const (
	// signalAgain is how soon a lamp or sounder that could not be told is told again.
	signalAgain = time.Second
	// signalWithin bounds one attempt.
	signalWithin = 2 * time.Second
	// signalAnew is how soon a device on MQTT that should be telling something is told
	// again: one that lost its power for a moment may not say that it was away.
	signalAnew = 30 * time.Second
)

// runSignals drives the lamps and sounders. None waits for another.
func (g *Gateway) runSignals(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, d := range g.cfg.Devices {
		if !d.Disabled && (d.Class == devices.Lamp || d.Class == devices.Sounder) {
			wg.Go(func() { (&signaller{Gateway: g, device: d}).run(ctx) })
		}
	}
	wg.Wait()
	<-ctx.Done() // a kiosk without lamps, too, runs until it is told to stop
	return nil
}

// signaller keeps one lamp or sounder to the scene. Its goroutine owns it.
type signaller struct {
	*Gateway
	device config.Device

	before scene
	looked bool
	told   string          // the steady pattern that the device has taken over; "": it is not known what it shows
	unit   devices.Device  // which took it: another one in its place knows nothing
	since  time.Time       // and since when that was there: one that came back knows nothing either
	at     time.Time       // when it was told
	next   devices.Command // to tell it the next one; kept over attempts
	failed bool            // and said so
	doubt  bool            // it is told once more: a broker that is back takes what the device does not hear yet
}

func (s *signaller) run(ctx context.Context) {
	helped, endHelp := s.checkin.WatchHelp()
	defer endHelp()
	queued, endQueue := s.queue.Watch()
	defer endQueue()
	again := time.NewTicker(signalAgain)
	defer again.Stop()
	for {
		s.tell(ctx)
		select {
		case <-ctx.Done():
			return
		case <-helped:
		case <-queued:
		case <-again.C:
		}
	}
}

// tell brings the device to the scene of this moment.
func (s *signaller) tell(ctx context.Context) {
	shows := s.device.Signals()
	now := s.scene(shows)
	want := steady(s.device.Class, shows, now)
	unit, err := s.devices.Get(devices.ID(s.device.ID))
	if err != nil {
		return
	}
	since := unit.Status().Since
	anew := s.device.OnMQTT() && (since != s.since || (want != gpio.Off || s.doubt) && time.Since(s.at) >= signalAnew)
	if want != s.told || unit != s.unit || anew {
		if s.next.Args[gpio.ArgPattern] != want {
			s.next = s.command(want)
		}
		sure := want == s.told && unit == s.unit && !s.failed // this was the second time
		if s.do(ctx, s.next) {
			s.doubt = s.doubt && !sure
			s.told, s.unit, s.next = want, unit, devices.Command{}
			s.since, s.at = since, time.Now()
		}
	}
	// A call that nobody was told of is history a second later.
	if p := pulse(s.device.Class, shows, s.before, now); p != "" && s.looked {
		s.do(ctx, s.command(p))
	}
	s.before, s.looked = now, true
}

func (s *signaller) command(pattern string) devices.Command {
	verb := gpio.VerbShow
	if s.device.Class == devices.Sounder {
		verb = gpio.VerbSound
	}
	return devices.Command{ID: uuid.NewString(), Verb: verb, Args: map[string]string{gpio.ArgPattern: pattern}}
}

// do reports whether the device has taken the command over. A command that came
// to nothing may be tried again; one that failed has had its outcome, and may have
// been done all the same: what is wanted by then is said again, also where that is
// what the device was told before.
func (s *signaller) do(ctx context.Context, c devices.Command) bool {
	ctx, cancel := context.WithTimeout(ctx, signalWithin)
	defer cancel()
	err := s.devices.Do(ctx, devices.ID(s.device.ID), c)
	if err != nil {
		s.told = ""
	}
	if err != nil && !errors.Is(err, devices.ErrAbsent) {
		s.next = devices.Command{}
		if !s.failed && ctx.Err() == nil {
			s.log.Warn("a lamp or sounder did not do it", "device", s.device.ID, "reason", devices.FaultOf(err).Reason)
		}
	}
	s.failed = err != nil
	s.doubt = s.doubt || s.failed
	return err == nil
}
