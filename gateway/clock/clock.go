// Package clock tells the time that events are stamped with.
//
// It promises an Instant whose wall time never goes back or jumps while it is
// unsynced, however the machine's clock is set meanwhile: it is the wall time at
// the process's start plus what the monotonic clock counted since. Once PubNub
// told the time (over TLS, or from loopback in the demo), the wall time is that
// one and Synced is true.
//
// What was stamped before is never rewritten. Every event holds the machine's
// boot and the time since it; when the trusted time becomes known for the first
// time in a boot, a CLOCK_CORRECTED event says which Unix time the boot's zero
// was, and so when everything in that boot truly happened, also what an earlier
// run of the process did before it was killed.
//
// The machine's own clock synchronisation was not taken as trust: on a kiosk it
// is often a switch's or a hypervisor's guess, and nothing tells which.
package clock

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"clinicgate/storage"

	"github.com/google/uuid"
)

// Source tells the trusted time.
type Source interface {
	Time(ctx context.Context) (time.Time, error)
}

// Config says how to measure and what to do with it.
type Config struct {
	Every     time.Duration // between two measurements, default 10 minutes
	Retry     time.Duration // after a failed one, default 5 seconds
	Tolerance time.Duration // a change of the offset above it is a step, default 2 seconds
	// Corrected makes it durable which Unix time the boot's zero was. It is called
	// in every run that gets to know the time, and again after an error.
	Corrected func(ctx context.Context, boot uuid.UUID, zero time.Time) error
	// Stepped is told when a later measurement moved the trusted time.
	Stepped func(by time.Duration)
}

// Clock is safe for concurrent use. Make it with New.
type Clock struct {
	machine Machine   // as it was at start
	start   time.Time // counts on monotonically, whatever the wall clock does

	mu     sync.Mutex
	offset time.Duration // guarded by mu
	synced bool          // guarded by mu
}

// Machine is what a machine's clocks show at one moment.
type Machine struct {
	Wall   time.Time
	Boot   uuid.UUID
	Uptime time.Duration // since boot, suspension included
}

// This reads the clocks of the machine that this process runs on. Where the
// system names no boot, the process stands for one.
func This() Machine {
	id, uptime := boot()
	return Machine{Wall: time.Now(), Boot: id, Uptime: uptime}
}

// New makes a clock that counts on from what a machine's clocks show now.
func New(m Machine) *Clock {
	m.Wall = m.Wall.Round(0)
	return &Clock{machine: m, start: time.Now()}
}

// Now gives the time of an event that happens now.
func (c *Clock) Now() storage.Instant {
	elapsed := time.Since(c.start)
	c.mu.Lock()
	defer c.mu.Unlock()
	return storage.Instant{
		Wall:   c.machine.Wall.Add(elapsed + c.offset),
		Boot:   c.machine.Boot,
		Mono:   c.machine.Uptime + elapsed,
		Synced: c.synced,
	}
}

// BootName names the machine's boot, or is empty where the system does not.
func (c *Clock) BootName() string {
	if c.machine.Uptime == 0 {
		return ""
	}
	return c.machine.Boot.String()
}

// Offset tells how far the machine's clock at start was off, and whether that
// is known.
func (c *Clock) Offset() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset, c.synced
}

// Run measures until ctx ends. Now works without it, unsynced.
func (c *Clock) Run(ctx context.Context, cfg Config, source Source, log *slog.Logger) error {
	if cfg.Every <= 0 {
		cfg.Every = 10 * time.Minute
	}
	if cfg.Retry <= 0 {
		cfg.Retry = 5 * time.Second
	}
	if cfg.Tolerance <= 0 {
		cfg.Tolerance = 2 * time.Second
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	recorded := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		timer.Reset(cfg.Retry)
		offset, err := c.measure(ctx, source)
		if err != nil {
			continue
		}
		if was, synced := c.Offset(); !synced {
			log.Info("trusted time is known", "machine_clock_off_by", -offset.Round(time.Millisecond))
		} else if by := offset - was; by.Abs() > cfg.Tolerance {
			log.Warn("trusted time moved", "by", by.Round(time.Millisecond))
			if cfg.Stepped != nil {
				cfg.Stepped(by)
			}
		}
		c.set(offset)
		if !recorded {
			if err := cfg.Corrected(ctx, c.machine.Boot, c.machine.Wall.Add(offset-c.machine.Uptime)); err != nil {
				log.Warn("clock correction waits", "error", err)
				continue
			}
			recorded = true
		}
		timer.Reset(cfg.Every)
	}
}

// slowest is the longest round trip that tells the time well enough.
const slowest = 3 * time.Second

// measure asks for the time; the answer is taken as of the middle of the
// request.
func (c *Clock) measure(ctx context.Context, source Source) (offset time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, slowest)
	defer cancel()
	before := time.Now()
	trusted, err := source.Time(ctx)
	if err != nil {
		return 0, err
	}
	took := time.Since(before)
	if took > slowest {
		return 0, errors.New("answer took too long to tell the time by")
	}
	middle := before.Add(took / 2)
	return trusted.Sub(c.machine.Wall.Add(middle.Sub(c.start))), nil
}

func (c *Clock) set(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.synced = offset, true
}
