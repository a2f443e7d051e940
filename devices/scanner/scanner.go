package scanner

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"
)

const (
	// readTick bounds how long a stop waits for a read.
	readTick = 200 * time.Millisecond
	// lookEvery is how often an open port is checked to still be the unit's:
	// not every driver ends a read when its device is unplugged.
	lookEvery = time.Second
)

// Readings that nothing can be done with may come at this rate; the rest is
// counted as throttled. Real codes have no limit but the sink's own speed.
const (
	unknownPerSecond = 5
	unknownBurst     = 10
)

// Scanner is a bar code scanner. Make one with New.
type Scanner struct {
	cfg      Config
	identity devices.Identity
	hashKey  []byte
	link     *devices.Link
	unknown  *rate.Limiter
}

var _ devices.Device = (*Scanner)(nil)

// New makes a scanner. It opens nothing; the error is that of
// Config.Validate.
func New(cfg Config, deps devices.Deps) (*Scanner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	identity, err := devices.ParseIdentity(cfg.Port)
	if err != nil {
		return nil, err
	}
	info := devices.Info{ID: cfg.ID, Class: devices.Scanner, Binding: identity.String()}
	return &Scanner{
		cfg:      cfg.withDefaults(),
		identity: identity,
		hashKey:  deps.HashKey,
		link:     devices.NewLink(info, deps),
		unknown:  rate.NewLimiter(unknownPerSecond, unknownBurst),
	}, nil
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
	at, err := devices.FindSerialPort(s.identity)
	if err != nil {
		return devices.ProbeOf("", err)
	}
	p, err := openPort(at.Name, s.cfg.mode())
	if err == nil {
		err = p.Close()
	}
	return devices.ProbeOf(at.Name, err)
}

// Run implements devices.Device.
func (s *Scanner) Run(ctx context.Context, sink devices.Sink) error {
	if s.cfg.Disabled {
		return s.link.Disabled(ctx, "disabled in the configuration")
	}
	return s.link.Run(ctx, func(ctx context.Context, up func(string)) error {
		at, err := devices.FindSerialPort(s.identity)
		if err != nil {
			return err
		}
		p, err := openPort(at.Name, s.cfg.mode())
		if err != nil {
			return err
		}
		s.link.Firmware(at.Release())
		up(at.Name)
		err = s.read(ctx, p, at, sink)
		_ = p.Close() // nothing was written, nothing can be lost
		return err
	})
}

// read frames and delivers until the port is lost or ctx ends.
func (s *Scanner) read(ctx context.Context, p port, at devices.SerialPort, sink devices.Sink) error {
	framer := NewFramer(s.cfg.framing())
	defer func() {
		if framer.Reset() {
			s.link.Count(func(c *devices.Counters) { c.CutOff++ })
		}
	}()
	emit := func(f Frame) { s.deliver(ctx, f, sink) }
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
			if now, err := devices.FindSerialPort(s.identity); err != nil {
				return err
			} else if now != at {
				return &devices.Fault{Reason: "moved to another port", Hint: "nothing to do"}
			}
		}
	}
	return nil
}

func (s *Scanner) countNoise(f *Framer) {
	if n := f.TakeNoise(); n > 0 {
		s.link.Count(func(c *devices.Counters) { c.Noise += n })
	}
}

// deliver turns a frame into a reading. A refused frame leaves nothing behind
// but its length and its kind.
func (s *Scanner) deliver(ctx context.Context, f Frame, sink devices.Sink) {
	r := devices.Reading{Symbology: f.Symbology, Length: f.Length, At: time.Now()}
	kind := Unknown
	if f.Damage != "" {
		r.Verdict, r.Reason = devices.Damaged, f.Damage
	} else if kind = Classify(f.Data); kind == PaymentCard {
		r.Verdict, r.Reason = devices.Refused, "payment cards are not taken"
	} else {
		r.Verdict = devices.Good
		r.Value = phi.New(string(f.Data))
		r.Hash = devices.Fingerprint(s.hashKey, devices.Scanner, f.Data)
	}
	r.Kind = string(kind)
	if (kind == Unknown || kind == PaymentCard) && !s.unknown.Allow() {
		s.link.Count(func(c *devices.Counters) { c.Throttled++ })
		return
	}
	_ = s.link.Deliver(ctx, sink, r) // counted; the sink knows its own error
}
