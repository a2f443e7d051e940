package gpio

import (
	"context"
	"errors"
	"sync"
	"time"

	"clinicgate/devices"
)

const (
	// assertEvery is how often a steady level is written again: it finds a chip
	// that went away, and undoes what a disturbance did.
	assertEvery = time.Second
	// remembered is how many commands are known by their ids.
	remembered = 64
)

// Output is a lamp or a sounder. Make one with NewLamp or NewSounder.
type Output struct {
	cfg  Config
	line Line
	link *devices.Link
	open opener

	player player // owned by Run

	mu       sync.Mutex // guards what follows, never held over I/O
	attached *attachment
	done     []outcome // the newest last, at most remembered
}

var _ devices.Output = (*Output)(nil)

// attachment is the time between taking a line into use and giving it back.
type attachment struct {
	asks  chan ask
	ended chan struct{}
}

type ask struct {
	id      string
	pattern pattern
	answer  chan error // of one
}

type outcome struct {
	id  string
	err error
}

// NewLamp makes a lamp. It opens nothing; the error is that of Config.Validate.
func NewLamp(cfg Config, deps devices.Deps) (*Output, error) {
	return newOutput(devices.Lamp, cfg, deps)
}

// NewSounder makes a buzzer, a bell or a siren. It opens nothing; the error is
// that of Config.Validate.
func NewSounder(cfg Config, deps devices.Deps) (*Output, error) {
	return newOutput(devices.Sounder, cfg, deps)
}

func newOutput(class devices.Class, cfg Config, deps devices.Deps) (*Output, error) {
	if err := cfg.Validate(class); err != nil {
		return nil, err
	}
	line, err := ParseLine(cfg.Line)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults(class)
	info := devices.Info{ID: cfg.ID, Class: class, Binding: line.String()}
	return &Output{
		cfg: cfg, line: line, link: devices.NewLink(info, deps), open: openLine,
		player: player{base: pattern{name: Off}, limit: cfg.Limit},
	}, nil
}

// Info implements devices.Device.
func (o *Output) Info() devices.Info { return o.link.Info() }

// Status implements devices.Device.
func (o *Output) Status() devices.Status { return o.link.Status() }

// Probe implements devices.Device. Only while Run is not running does it open
// the line, and gives it back as it was.
func (o *Output) Probe(context.Context) devices.Probe {
	return probe(o.link, o.cfg, o.line, o.open)
}

// Run implements devices.Device. It never calls the sink. The output is off from
// its beginning until the first command, and off at its end. What was asked for
// is there again when the hardware comes back.
func (o *Output) Run(ctx context.Context, _ devices.Sink) error {
	o.player.play(pattern{name: Off}, time.Now())
	switch {
	case o.cfg.Disabled:
		return o.link.Disabled(ctx, "disabled in the configuration")
	case !supported:
		return o.link.Disabled(ctx, unsupported)
	}
	return o.link.Run(ctx, func(ctx context.Context, up func(string)) error {
		p, err := o.open(o.line)
		if err != nil {
			return err
		}
		defer p.close()
		return o.drive(ctx, p, up)
	})
}

// drive plays on a line until it is lost or ctx ends.
func (o *Output) drive(ctx context.Context, p *held, up func(string)) (err error) {
	set := func(on bool) error {
		if err := p.Out(o.cfg.level(on)); err != nil {
			return lineFault(err)
		}
		return nil
	}
	if err := set(false); err != nil {
		return err
	}
	defer func() {
		if off := set(false); err == nil {
			err = off
		}
	}()
	o.player.silence()
	a := &attachment{asks: make(chan ask), ended: make(chan struct{})}
	o.use(a)
	defer func() { o.use(nil); close(a.ended) }()
	up(p.where)

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		on, left := o.player.at(time.Now())
		if err := set(on); err != nil {
			return err
		}
		if left == 0 || left > assertEvery {
			left = assertEvery
		}
		timer.Reset(left)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			if err := p.gone(); err != nil {
				return err
			}
		case q := <-a.asks:
			if err, known := o.outcome(q.id); known {
				q.answer <- err
				continue
			}
			o.player.play(q.pattern, time.Now())
			on, _ := o.player.at(time.Now())
			err := set(on)
			o.remember(q.id, err)
			q.answer <- err
			if err != nil {
				return err
			}
		}
	}
}

// Do implements devices.Output. It returns when the line has the pattern's first
// level; the rest follows. See VerbShow and VerbSound.
func (o *Output) Do(ctx context.Context, c devices.Command) error {
	p, err := parse(o.link.Info().Class, c)
	if err != nil {
		return err
	}
	if err, known := o.outcome(c.ID); known {
		return err
	}
	o.mu.Lock()
	a := o.attached
	o.mu.Unlock()
	if a == nil {
		return devices.ErrAbsent
	}
	q := ask{c.ID, p, make(chan error, 1)}
	select {
	case a.asks <- q:
		return <-q.answer // drive answers what it has taken before it does anything else
	case <-a.ended:
		return devices.ErrAbsent
	case <-ctx.Done():
		return errors.Join(devices.ErrAbsent, ctx.Err())
	}
}

func (o *Output) use(a *attachment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attached = a
}

func (o *Output) outcome(id string) (err error, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range o.done {
		if d.id == id {
			return d.err, true
		}
	}
	return nil, false
}

// remember keeps what became of a command.
func (o *Output) remember(id string, err error) {
	if err == nil {
		o.link.Count(func(c *devices.Counters) { c.Commands++ })
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.done) >= remembered {
		o.done = append(o.done[:0], o.done[1:]...)
	}
	o.done = append(o.done, outcome{id, err})
}
