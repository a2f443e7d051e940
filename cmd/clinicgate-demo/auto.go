package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"clinicgate/kiosk/web/webtest"
)

// patients are fictional people who check in by themselves, through the
// scanner's serial path and the page's own buttons.
type patients struct {
	demo *demo

	mu        sync.Mutex
	perMinute float64
	changed   chan struct{}
	browser   *webtest.Browser
	aside     time.Time // a person took the kiosk: leave it alone until then
	sum       patientCounts
}

type patientCounts struct {
	CheckedIn int    `json:"checkedIn"`
	Served    int    `json:"served"`
	Failed    int    `json:"failed"`
	Paused    bool   `json:"paused"`
	Trouble   string `json:"trouble"`
}

func newPatients(d *demo) *patients {
	return &patients{demo: d, perMinute: d.o.auto, changed: make(chan struct{}, 1)}
}

func (p *patients) counts() patientCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.sum
	c.Paused = p.perMinute > 0 && time.Now().Before(p.aside)
	return c
}

func (p *patients) setRate(perMinute float64) {
	p.mu.Lock()
	p.perMinute = perMinute
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// personHas is how long the simulated patients leave the kiosk to a person who
// opened it.
const personHas = 2 * time.Minute

func (p *patients) standAside() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aside = time.Now().Add(personHas)
	p.browser = nil
}

// run lets patients arrive until ctx ends.
func (p *patients) run(ctx context.Context) error {
	for ctx.Err() == nil {
		p.mu.Lock()
		rate, aside := p.perMinute, p.aside
		p.mu.Unlock()
		wait := time.Hour
		if rate > 0 {
			wait = time.Duration(float64(time.Minute) / rate)
		}
		if left := time.Until(aside); rate > 0 && left > 0 {
			wait = max(wait, left)
		}
		began := time.Now()
		if rate > 0 && time.Now().After(aside) {
			p.one(ctx)
		}
		select {
		case <-ctx.Done():
		case <-p.changed:
		case <-time.After(max(0, wait-time.Since(began))):
		}
	}
	return nil
}

// one lets one patient check in; a gateway that is being killed meanwhile costs
// patience, and the patient tries again.
func (p *patients) one(ctx context.Context) {
	c, err := p.demo.next(ctx)
	if err != nil {
		p.note(err)
		return
	}
	p.demo.announce()
	for try := 0; try < 8 && ctx.Err() == nil; try++ {
		var b *webtest.Browser
		b, err = p.hold(ctx)
		if err == nil {
			var ticket string
			ticket, err = b.CheckIn(ctx, func() error {
				_, err := p.demo.scanOne(ctx, c.Scan)
				return err
			}, func(string) bool { return true })
			if err == nil && ticket != "" {
				p.mu.Lock()
				p.sum.CheckedIn++
				p.sum.Trouble = ""
				p.mu.Unlock()
				return
			}
			if err == nil {
				err = errors.New("no number was given")
			}
		}
		p.note(err)
		pause(ctx, time.Second)
	}
	if _, refused := errors.AsType[*webtest.Refused](err); !refused { // else the next one would meet the same
		p.demo.giveBack(c)
	}
	p.mu.Lock()
	p.sum.Failed++
	p.mu.Unlock()
}

func (p *patients) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum.Trouble = err.Error()
}

// hold gives the browser that holds the page, a fresh one where needed.
func (p *patients) hold(ctx context.Context) (*webtest.Browser, error) {
	p.mu.Lock()
	b := p.browser
	p.mu.Unlock()
	if b != nil && !b.Ended() {
		return b, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	address, err := p.demo.launch(ctx)
	if err != nil {
		return nil, err
	}
	if b, err = webtest.Open(ctx, address); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.browser = b
	p.mu.Unlock()
	go b.Follow(p.demo.running)
	_, err = b.Until(ctx, "attract", "language", "identify", "consent", "ready", "done", "already", "refused")
	return b, err
}

// help presses the help button of the page.
func (p *patients) help(ctx context.Context) error {
	b, err := p.hold(ctx)
	if err != nil {
		return err
	}
	return b.Press(ctx, "help", map[string]any{"kind": "need-help"})
}
