package devices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Set runs the configured devices of a kiosk. Which ids there are does not
// change; the hardware behind one may (Replace). Its methods may be called from
// several goroutines.
type Set struct {
	log   *slog.Logger
	slots []*slot
}

// slot is the place of one id.
type slot struct {
	mu     sync.Mutex
	device Device
	renew  context.CancelFunc // ends the run of the device; nil while none runs
	aside  Sink               // takes the readings instead of Run's sink, while a person tests
}

// NewSet takes the devices in the order in which lists show them. Two devices
// cannot have one id.
func NewSet(log *slog.Logger, devices ...Device) (*Set, error) {
	seen := map[ID]bool{}
	var errs []error
	s := &Set{log: log}
	for _, d := range devices {
		id := d.Info().ID
		if !id.Valid() {
			errs = append(errs, fmt.Errorf("device id %q: use 1 to 40 lower-case letters, digits and inner hyphens", id))
		}
		if seen[id] {
			errs = append(errs, fmt.Errorf("device id %q is used twice", id))
		}
		seen[id] = true
		s.slots = append(s.slots, &slot{device: d})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Run runs every device until ctx ends and all of them have let go of their
// hardware, then returns nil. A device whose Run gives up is run again after
// 1 s, then 2 s, up to a minute; the others do not notice.
func (s *Set) Run(ctx context.Context, sink Sink) error {
	var wg sync.WaitGroup
	for _, p := range s.slots {
		wg.Go(func() {
			for pause := time.Second; ; pause = min(2*pause, time.Minute) {
				renewed, err := p.run(ctx, sink)
				if ctx.Err() != nil {
					return
				}
				if renewed {
					pause = time.Second / 2
					continue
				}
				s.log.Error("device gave up", "device", string(p.get().Info().ID), "err", err, "pause", pause)
				wait(ctx, pause)
			}
		})
	}
	wg.Wait()
	<-ctx.Done() // an empty set, too, runs until it is told to stop
	return nil
}

// run runs the device of the moment until ctx ends, it gives up, or another one
// takes its place.
func (p *slot) run(ctx context.Context, sink Sink) (renewed bool, err error) {
	part, cancel := context.WithCancel(ctx)
	defer cancel()
	p.mu.Lock()
	d := p.device
	p.renew = cancel
	p.mu.Unlock()
	err = d.Run(part, func(ctx context.Context, r Reading) error {
		p.mu.Lock()
		to := p.aside
		p.mu.Unlock()
		if to == nil {
			to = sink
		}
		return to(ctx, r)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew = nil
	return p.device != d, err
}

func (p *slot) get() Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.device
}

// Report is the outcome of probing one device.
type Report struct {
	Info
	Probe
}

// Probe looks at every device at once, and waits for all.
func (s *Set) Probe(ctx context.Context) []Report {
	reports := make([]Report, len(s.slots))
	var wg sync.WaitGroup
	for i, p := range s.slots {
		d := p.get()
		wg.Go(func() { reports[i] = Report{d.Info(), d.Probe(ctx)} })
	}
	wg.Wait()
	return reports
}

// Status is a snapshot of every device.
func (s *Set) Status() []Status {
	all := make([]Status, len(s.slots))
	for i, p := range s.slots {
		all[i] = p.get().Status()
	}
	return all
}

var (
	// ErrUnknown: no device of that id is configured.
	ErrUnknown = errors.New("no such device is configured")
	// ErrAttended: a person tests that device now.
	ErrAttended = errors.New("the device is being tested")
)

func (s *Set) slot(id ID) (*slot, error) {
	i := slices.IndexFunc(s.slots, func(p *slot) bool { return p.get().Info().ID == id })
	if i < 0 {
		return nil, fmt.Errorf("device %s: %w", id, ErrUnknown)
	}
	return s.slots[i], nil
}

// Get gives the device of that id. The error wraps ErrUnknown.
func (s *Set) Get(id ID) (Device, error) {
	p, err := s.slot(id)
	if err != nil {
		return nil, err
	}
	return p.get(), nil
}

// Do gives a command to the output device of that id. See Output.Do.
func (s *Set) Do(ctx context.Context, id ID, c Command) error {
	d, err := s.Get(id)
	if err != nil {
		return err
	}
	if out, ok := d.(Output); ok {
		return out.Do(ctx, c)
	}
	return fmt.Errorf("device %s: %w", id, ErrUnsupported)
}

// Attend gives the readings of one device to a person who tests it, in place of
// Run's sink, until release is called. Only one can: the error wraps ErrAttended
// or ErrUnknown.
func (s *Set) Attend(id ID, aside Sink) (release func(), err error) {
	p, err := s.slot(id)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aside != nil {
		return nil, fmt.Errorf("device %s: %w", id, ErrAttended)
	}
	p.aside = aside
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.aside = nil
	}), nil
}

// Replace puts another unit in the place of the device with the same id and
// class, and ends the run of the one that was there; its counters begin anew.
func (s *Set) Replace(d Device) error {
	p, err := s.slot(d.Info().ID)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if was := p.device.Info().Class; was != d.Info().Class {
		return fmt.Errorf("device %s is a %s and cannot become a %s", d.Info().ID, was, d.Info().Class)
	}
	p.device = d
	if p.renew != nil {
		p.renew()
	}
	return nil
}
