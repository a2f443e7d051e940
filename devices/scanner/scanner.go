package scanner

import (
	"context"
	"errors"
	"time"

	"clinicgate/devices"
)

const (
	// readTick bounds how long a stop waits for a read.
	readTick = 200 * time.Millisecond
	// lookEvery is how often an open port is checked to still be the unit's:
	// not every driver ends a read when its device is unplugged.
	lookEvery = time.Second
)

// Scanner is a bar code scanner. Make one with New.
type Scanner struct {
	cfg Config
	at  transport
	judge
}

var _ devices.Device = (*Scanner)(nil)

// New makes a scanner. It opens nothing; the error is that of
// Config.Validate.
func New(cfg Config, deps devices.Deps) (*Scanner, error) {
	if cfg.Mode == ByPage {
		return nil, errors.New("the check-in page reads this scanner; it is a Page")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	identity, err := devices.ParseIdentity(cfg.Port)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	link := devices.NewLink(devices.Info{ID: cfg.ID, Class: devices.Scanner, Binding: identity.String()}, deps)
	return &Scanner{cfg: cfg, at: cfg.reach(identity), judge: newJudge(link, deps)}, nil
}

// Info implements devices.Device.
func (s *Scanner) Info() devices.Info { return s.link.Info() }

// Status implements devices.Device.
func (s *Scanner) Status() devices.Status { return s.link.Status() }

// Probe implements devices.Device. Only while Run is not running does it open
// the port, and closes it again.
func (s *Scanner) Probe(context.Context) devices.Probe {
	if s.cfg.Disabled {
		return devices.Probe{Outcome: devices.Skipped, Reason: "disabled in the configuration"}
	}
	switch st := s.link.Status(); st.State {
	case devices.Attached:
		return devices.ProbeOf(st.Where, nil)
	case devices.Lost:
		return devices.Probe{Outcome: devices.Failed, Reason: st.Reason, Hint: st.Hint}
	}
	at, err := s.at.find()
	if err != nil {
		return devices.ProbeOf("", err)
	}
	p, err := s.at.open(at.name)
	if err == nil {
		err = p.Close()
	}
	return devices.ProbeOf(at.name, err)
}

// Run implements devices.Device.
func (s *Scanner) Run(ctx context.Context, sink devices.Sink) error {
	if s.cfg.Disabled {
		return s.link.Disabled(ctx, "disabled in the configuration")
	}
	return s.link.Run(ctx, func(ctx context.Context, up func(string)) error {
		at, err := s.at.find()
		if err != nil {
			return err
		}
		p, err := s.at.open(at.name)
		if err != nil {
			return err
		}
		s.link.Firmware(at.node.Release())
		up(at.name)
		err = s.read(ctx, p, at, sink)
		_ = p.Close() // nothing was written, nothing can be lost
		return err
	})
}

// read frames and delivers until the port is lost or ctx ends.
func (s *Scanner) read(ctx context.Context, p port, at place, sink devices.Sink) error {
	framer := NewFramer(s.cfg.framing())
	defer func() {
		if framer.Reset() {
			s.link.Count(func(c *devices.Counters) { c.CutOff++ })
		}
	}()
	emit := func(f Frame) { _ = s.deliver(ctx, f, sink) } // counted; the sink knows its own error
	buf := make([]byte, 1024)
	defer clear(buf)

	lastByte, looked := time.Now(), time.Now()
	for ctx.Err() == nil {
		silence := framer.Silence()
		pause := readTick
		if silence > 0 {
			pause = max(time.Millisecond, min(pause, silence-time.Since(lastByte)))
		}
		if err := p.SetReadTimeout(pause); err != nil {
			return &devices.Fault{Reason: "port stopped working", Hint: "plug the scanner in again", Err: err}
		}
		n, err := p.Read(buf)
		if n > 0 {
			framer.Feed(buf[:n], emit)
			clear(buf[:n])
			lastByte = time.Now()
			s.countNoise(framer)
		}
		if err != nil {
			return &devices.Fault{Reason: "unplugged or switched off", Hint: "check the scanner's cable", Err: err}
		}
		// A pause is one only when the read itself found nothing: bytes that
		// came while the sink worked wait in the kernel.
		if n == 0 && silence > 0 && time.Since(lastByte) >= silence {
			framer.Gap(emit)
		}
		if time.Since(looked) >= lookEvery {
			looked = time.Now()
			if now, err := s.at.find(); err != nil {
				return err
			} else if now != at {
				return &devices.Fault{Reason: "moved to another port", Hint: "nothing to do"}
			}
		}
	}
	return nil
}
