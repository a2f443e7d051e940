package devices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Set runs the configured devices of a kiosk. It is made once and does not
// change; its methods may be called from several goroutines.
type Set struct {
	log     *slog.Logger
	devices []Device
}

// NewSet takes the devices in the order in which lists show them. Two devices
// cannot have one id.
func NewSet(log *slog.Logger, devices ...Device) (*Set, error) {
	seen := map[ID]bool{}
	var errs []error
	for _, d := range devices {
		id := d.Info().ID
		if !id.Valid() {
			errs = append(errs, fmt.Errorf("device id %q: use 1 to 40 lower-case letters, digits and inner hyphens", id))
		}
		if seen[id] {
			errs = append(errs, fmt.Errorf("device id %q is used twice", id))
		}
		seen[id] = true
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Set{log: log, devices: devices}, nil
}

// Run runs every device until ctx ends and all of them have let go of their
// hardware, then returns nil. A device whose Run gives up is run again after
// 1 s, then 2 s, up to a minute; the others do not notice.
func (s *Set) Run(ctx context.Context, sink Sink) error {
	var wg sync.WaitGroup
	for _, d := range s.devices {
		wg.Go(func() {
			for pause := time.Second; ; pause = min(2*pause, time.Minute) {
				err := d.Run(ctx, sink)
				if ctx.Err() != nil {
					return
				}
				s.log.Error("device gave up", "device", string(d.Info().ID), "err", err, "pause", pause)
				wait(ctx, pause)
			}
		})
	}
	wg.Wait()
	<-ctx.Done() // an empty set, too, runs until it is told to stop
	return nil
}

// Report is the outcome of probing one device.
type Report struct {
	Info
	Probe
}

// Probe looks at every device at once, and waits for all.
func (s *Set) Probe(ctx context.Context) []Report {
	reports := make([]Report, len(s.devices))
	var wg sync.WaitGroup
	for i, d := range s.devices {
		wg.Go(func() { reports[i] = Report{d.Info(), d.Probe(ctx)} })
	}
	wg.Wait()
	return reports
}

// Status is a snapshot of every device.
func (s *Set) Status() []Status {
	all := make([]Status, len(s.devices))
	for i, d := range s.devices {
		all[i] = d.Status()
	}
	return all
}

// ErrUnknown: no device of that id is configured.
var ErrUnknown = errors.New("no such device is configured")

// Do gives a command to the output device of that id. See Output.Do.
func (s *Set) Do(ctx context.Context, id ID, c Command) error {
	for _, d := range s.devices {
		if d.Info().ID != id {
			continue
		}
		if out, ok := d.(Output); ok {
			return out.Do(ctx, c)
		}
		return fmt.Errorf("device %s: %w", id, ErrUnsupported)
	}
	return fmt.Errorf("device %s: %w", id, ErrUnknown)
}
