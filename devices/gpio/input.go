package gpio

import (
	"context"
	"time"

	"periph.io/x/conn/v3/gpio"

	"clinicgate/devices"
)

const (
	// readTick bounds how long a stop waits for an edge, and how long a level
	// whose edge was lost stays unseen.
	readTick = 250 * time.Millisecond
	// settleWithin is how long a contact may bounce. What takes longer is no
	// contact: a line that nothing pulls, or noise on the cable.
	settleWithin = time.Second
)

// input is the part of a button and a presence sensor that is the same.
type input struct {
	cfg  Config
	line Line
	link *devices.Link
	open opener
}

func newInput(class devices.Class, cfg Config, deps devices.Deps) (input, error) {
	if err := cfg.Validate(class); err != nil {
		return input{}, err
	}
	line, err := ParseLine(cfg.Line)
	if err != nil {
		return input{}, err
	}
	info := devices.Info{ID: cfg.ID, Class: class, Binding: line.String()}
	return input{cfg: cfg.withDefaults(class), line: line, link: devices.NewLink(info, deps), open: openLine}, nil
}

// Info implements devices.Device.
func (in *input) Info() devices.Info { return in.link.Info() }

// Status implements devices.Device.
func (in *input) Status() devices.Status { return in.link.Status() }

// Probe implements devices.Device. Only while Run is not running does it open
// the line, and gives it back.
func (in *input) Probe(context.Context) devices.Probe {
	return probe(in.link, in.cfg, in.line, in.open)
}

// run takes the line into use and calls work with it, again after each loss,
// until ctx ends.
func (in *input) run(ctx context.Context, work func(ctx context.Context, p *held, up func(string)) error) error {
	switch {
	case in.cfg.Disabled:
		return in.link.Disabled(ctx, "disabled in the configuration")
	case !supported:
		return in.link.Disabled(ctx, unsupported)
	}
	return in.link.Run(ctx, func(ctx context.Context, up func(string)) error {
		p, err := in.open(in.line)
		if err != nil {
			return err
		}
		defer p.close()
		if err := p.In(pulls()[in.cfg.Pull], gpio.BothEdges); err != nil {
			return lineFault(err)
		}
		return work(ctx, p, up)
	})
}

// follow calls step with what the line says, at each change and at least every
// readTick, until ctx ends, the chip is gone, or step returns an error.
func (in *input) follow(ctx context.Context, p *held, step func(on bool, now time.Time) error) error {
	for ctx.Err() == nil {
		on := in.cfg.on(p.Read())
		// After the read: periph gives no error there either, and a level that was
		// read from a chip that is gone is none.
		if err := p.gone(); err != nil {
			return err
		}
		if err := step(on, time.Now()); err != nil {
			return err
		}
		if err := in.await(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// await returns when the line has changed and settled, or after readTick.
func (in *input) await(ctx context.Context, p *held) error {
	began := time.Now()
	if !p.WaitForEdge(readTick) {
		// periph gives no error here: of a chip that went away the wait ends at
		// once, and must not be begun again at once.
		pause(ctx, readTick-time.Since(began))
		return nil
	}
	for edge := time.Now(); p.WaitForEdge(in.cfg.Debounce); {
		if time.Since(edge) > settleWithin {
			return &devices.Fault{Reason: "line does not settle", Hint: "check the wiring; a line that nothing drives needs pull = \"up\" or \"down\", or a resistor"}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	return nil
}

// pause returns after d or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
