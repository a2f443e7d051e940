package printer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"clinicgate/devices"
)

const (
	pollEvery   = 2 * time.Second  // of a printer that answers
	pollMuteMax = 30 * time.Second // of one that has not, so far
	maxTries    = 3                // of one ticket, over connections that break
	maxQueued   = 16               // tickets that wait for the printer
	maxDone     = 512              // commands that are remembered
)

// ErrBusy: too many tickets wait for the printer; nothing was done.
var ErrBusy = errors.New("too many tickets wait for the printer")

// Printer is a receipt printer. Make one with New.
type Printer struct {
	cfg     Config
	address Address
	words   []Words
	link    *devices.Link
	queue   chan *ticketJob

	mu     sync.Mutex // guards what follows, never held over I/O
	status Status
	jobs   map[string]*ticketJob // by command id: under way, and done
	order  []string              // their ids, oldest first

	// Owned by Run.
	current *ticketJob // broke off with its connection
	half    half
	plain   bool // it does not know GS r
}

// half is how far half a job that the printer may have has been ended.
type half int

const (
	unfilled half = iota // an earlier process, or a connection that broke, may have left one
	uncut                // the printer waits for no more of it; what is printed still hangs out
	whole                // there is none
)

// ticketJob is one command.
type ticketJob struct {
	ctx   context.Context
	bytes job
	tries int
	done  chan struct{}
	err   error // set before done is closed
}

var _ devices.Output = (*Printer)(nil)

// New makes a printer that knows tickets in the languages of words; the first of
// them stands in for others. It opens nothing; the error is that of
// Config.Validate.
func New(cfg Config, words []Words, deps devices.Deps) (*Printer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("a printer needs the words of at least one language")
	}
	address, err := ParseAddress(cfg.Address)
	if err != nil {
		return nil, err
	}
	info := devices.Info{ID: cfg.ID, Class: devices.Printer, Binding: address.String()}
	return &Printer{cfg: cfg.withDefaults(), address: address, words: words, link: devices.NewLink(info, deps),
		queue: make(chan *ticketJob, maxQueued), jobs: map[string]*ticketJob{}}, nil
}

// Info implements devices.Device.
func (p *Printer) Info() devices.Info { return p.link.Info() }

// Status implements devices.Device. A printer whose paper runs low is attached,
// and says so in Reason.
func (p *Printer) Status() devices.Status {
	st := p.link.Status()
	if said := p.Says(); st.State == devices.Attached && said.PaperLow {
		st.Reason, st.Hint = ReasonLow, "have a new roll of paper at hand"
	} else if st.State == devices.Attached && !said.Answers {
		st.Reason, st.Hint = "does not say how it is", "tickets are sent, and nobody knows whether they were printed; see whether its manual has DLE EOT"
	}
	return st
}

// Says is what the printer said last. Answers is false where it never did: then
// Do returns nil for a ticket that was sent, and nobody knows more.
func (p *Printer) Says() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *Printer) said(s Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = s
}

// Probe implements devices.Device. Only while Run is not running does it open the
// printer, asks it how it is, and closes it again.
func (p *Printer) Probe(ctx context.Context) devices.Probe {
	if p.cfg.Disabled {
		return devices.Probe{Outcome: devices.Skipped, Reason: "disabled in the configuration"}
	}
	switch st := p.Status(); st.State {
	case devices.Attached:
		probe := devices.ProbeOf(st.Where, nil)
		if st.Reason != "" {
			probe.Reason, probe.Hint = st.Reason, st.Hint
		}
		return probe
	case devices.Lost:
		return devices.Probe{Outcome: devices.Failed, Reason: st.Reason, Hint: st.Hint}
	}
	w, at, err := p.address.open(ctx, p.cfg.Baud)
	if err != nil {
		return devices.ProbeOf(at.Name, err)
	}
	s, err := (&talk{wire: w}).ask()
	if f := s.Fault(); err == nil && f != nil {
		err = f
	}
	_ = w.Close() // nothing was printed
	return devices.ProbeOf(at.Name, err)
}

// Run implements devices.Device. It reads nothing that a sink could take.
func (p *Printer) Run(ctx context.Context, _ devices.Sink) error {
	if p.cfg.Disabled {
		return p.link.Disabled(ctx, "disabled in the configuration")
	}
	defer p.drop()
	return p.link.Run(ctx, p.attach)
}

// drop ends the commands that nobody will carry out any more.
func (p *Printer) drop() {
	if p.current != nil {
		p.end(p.current, errBroken)
		p.current = nil
	}
	for {
		select {
		case j := <-p.queue:
			p.end(j, devices.ErrAbsent)
		default:
			return
		}
	}
}

var errBroken = errors.New("connection to the printer broke in the middle of a ticket")

// attach holds the printer. What keeps it from printing (no paper, an open cover)
// is a loss: attached means that a ticket would come out.
func (p *Printer) attach(ctx context.Context, up func(string)) error {
	w, at, err := p.address.open(ctx, p.cfg.Baud)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	t := &talk{wire: w}
	if p.half == unfilled {
		if _, err := send(ctx, t, job{}.fill(p.cfg)); err != nil {
			return lost(err)
		}
		p.half = uncut
	}
	if err := p.check(t); err != nil {
		return err
	}
	up(at.Name)
	if p.half == uncut {
		if _, err := send(ctx, t, job{}.rescue(p.cfg)); err != nil {
			return lost(err)
		}
		p.half = whole
	}
	if p.current != nil { // the ticket that broke off
		j := p.current
		p.current = nil
		if err := p.print(ctx, t, j); err != nil {
			return err
		}
	}
	if p.Says().Answers && len(p.queue) == 0 { // nobody waits for it who has a ticket to come
		v, err := t.version()
		if err != nil {
			return err
		}
		p.link.Firmware(v)
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	asked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-p.queue:
			if err := p.print(ctx, t, j); err != nil {
				return err
			}
		case <-poll.C:
			if err := p.address.moved(at); err != nil {
				return err
			}
			if p.Says().Answers || time.Since(asked) >= pollMuteMax {
				asked = time.Now()
				err = p.check(t)
			} else {
				err = t.idle()
			}
			if err != nil {
				return err
			}
		}
	}
}

// check asks how the printer is; the error is its fault. One that answered before
// and does not now has gone.
func (p *Printer) check(t *talk) error {
	s, err := t.ask()
	if err != nil {
		return err
	}
	if !s.Answers && p.Says().Answers {
		p.said(Status{})
		return &devices.Fault{Reason: "printer stopped answering", Hint: "switch it off and on"}
	}
	p.said(s)
	if f := s.Fault(); f != nil {
		return f
	}
	return nil
}

// print carries out one command. An error means that the connection is of no more
// use, or that the printer cannot print now.
func (p *Printer) print(ctx context.Context, t *talk, j *ticketJob) error {
	if j.ctx.Err() != nil { // nobody waits for it any more: nothing may come out
		p.end(j, context.Cause(j.ctx))
		return nil
	}
	err := p.once(t, j)
	switch {
	case err == nil:
		p.link.Count(func(c *devices.Counters) { c.Commands++ })
		p.end(j, nil)
		return nil
	case ctx.Err() != nil || j.ctx.Err() != nil || j.tries >= maxTries:
		p.end(j, err)
	default:
		p.current = j // once more over the next connection, if there is one in time
	}
	return err
}

// once sends the ticket and waits for the printer's word.
func (p *Printer) once(t *talk, j *ticketJob) error {
	j.tries++
	if err := t.idle(); err != nil {
		return err
	}
	p.half = unfilled
	if _, err := send(j.ctx, t, j.bytes); err != nil {
		return lost(err)
	}
	if p.Says().Answers {
		within := confirmWithin
		if p.plain {
			within = 2 * lookWithin
		}
		s, confirmed, err := t.confirm(j.ctx, within)
		if s.Answers {
			p.said(s)
		}
		if err != nil {
			return err
		}
		p.plain = !confirmed
	}
	p.half = whole
	return nil
}

// end gives a command its outcome. One that failed may be given again.
func (p *Printer) end(j *ticketJob, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j.err = err
	close(j.done)
	if err == nil {
		return
	}
	for id, other := range p.jobs {
		if other == j {
			delete(p.jobs, id)
			p.order = slices.DeleteFunc(p.order, func(o string) bool { return o == id })
		}
	}
}

// Do implements devices.Output: it prints one ticket, see Ticket.Args. It returns
// nil when the printer has confirmed it, or has taken it over and says nothing
// (see Says). While nobody waits any more, nothing is printed that had not begun.
func (p *Printer) Do(ctx context.Context, c devices.Command) error {
	if c.Verb != PrintTicket {
		return fmt.Errorf("%w: verb %.40q", devices.ErrUnsupported, c.Verb)
	}
	ticket, err := ParseTicket(c.Args, p.cfg.Places)
	if err != nil {
		return err
	}
	if c.ID == "" || len(c.ID) > 100 {
		return fmt.Errorf("%w: command without an id", devices.ErrUnsupported)
	}
	j, mine, err := p.join(ctx, c.ID)
	if err != nil {
		return err
	}
	if mine {
		if j.bytes, err = p.cfg.encode(ticket, p.wordsOf(ticket.Language)); err == nil {
			err = p.enqueue(j)
		}
		if err != nil {
			p.end(j, err)
			return err
		}
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		if f := p.Says().Fault(); f != nil {
			return f
		}
		return ctx.Err()
	}
}

// join finds the command under way or done, or begins it.
func (p *Printer) join(ctx context.Context, id string) (j *ticketJob, mine bool, err error) {
	st := p.link.Status() // before the lock, which it does not need
	p.mu.Lock()
	defer p.mu.Unlock()
	if j, ok := p.jobs[id]; ok {
		return j, false, nil
	}
	if st.State != devices.Attached {
		return nil, false, absent(st)
	}
	if len(p.order) >= maxDone {
		delete(p.jobs, p.order[0])
		p.order = p.order[1:]
	}
	j = &ticketJob{ctx: ctx, done: make(chan struct{})}
	p.jobs[id], p.order = j, append(p.order, id)
	return j, true, nil
}

// absent is devices.ErrAbsent with the reason that staff can mend.
func absent(st devices.Status) error {
	if st.Reason == "" {
		return devices.ErrAbsent
	}
	return &devices.Fault{Reason: st.Reason, Hint: st.Hint, Err: devices.ErrAbsent}
}

func (p *Printer) enqueue(j *ticketJob) error {
	select {
	case p.queue <- j:
		return nil
	default:
		return ErrBusy
	}
}

func (p *Printer) wordsOf(language string) Words {
	for _, w := range p.words {
		if w.Tag == language {
			return w
		}
	}
	return p.words[0]
}
