package scanner

import (
	"context"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"
)

// pageGap is the default of IdleGap with ByPage: nobody types two characters
// in less, and scanners send theirs every 1 to 16 ms.
const pageGap = 35 * time.Millisecond

// Page is a scanner in keyboard mode that no service can read, which is every
// one on Windows: its keys go to the browser, the check-in page tells them from
// typing by their speed, and Capture makes of them what Scanner makes of the
// bytes of a port.
//
// It is Attached while it runs: whether a scanner is there nobody can know
// before it scans. Status.LastReading tells when one did.
type Page struct {
	cfg  Config
	turn chan struct{} // of one: held by the Capture under way
	judge

	mu   sync.Mutex   // guards sink
	sink devices.Sink // nil while Run is not running
}

var _ devices.Device = (*Page)(nil)

// NewPage makes the scanner of a config whose mode is ByPage.
func NewPage(cfg Config, deps devices.Deps) (*Page, error) {
	cfg.Mode = ByPage
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	link := devices.NewLink(devices.Info{ID: cfg.ID, Class: devices.Scanner, Binding: "check-in page"}, deps)
	return &Page{cfg: cfg.withDefaults(), turn: make(chan struct{}, 1), judge: newJudge(link, deps)}, nil
}

// Keys says how the page tells a scan: the longest time between two of its
// keys, and the names of the keys that end it, as the browser calls them. With
// none of them, a pause ends it.
func (c Config) Keys() (gap time.Duration, ends []string) {
	c = c.withDefaults()
	switch suffix, _ := suffixBytes(c.Suffix); suffix {
	case SuffixAuto:
		ends = []string{"Enter", "Tab"}
	case "\r", "\n", "\r\n":
		ends = []string{"Enter"}
	case "\t":
		ends = []string{"Tab"}
	}
	return c.IdleGap, ends
}

// Info implements devices.Device.
func (p *Page) Info() devices.Info { return p.link.Info() }

// Status implements devices.Device.
func (p *Page) Status() devices.Status { return p.link.Status() }

// Probe implements devices.Device.
func (p *Page) Probe(context.Context) devices.Probe {
	switch {
	case p.cfg.Disabled:
		return devices.Probe{Outcome: devices.Skipped, Reason: "disabled in the configuration"}
	case p.link.Status().LastReading.IsZero():
		return devices.Probe{Outcome: devices.Skipped, Reason: "seen only when it scans", Hint: "scan a code while the check-in page is open"}
	}
	return devices.ProbeOf("check-in page", nil)
}

// Run implements devices.Device: while it runs, Capture works.
func (p *Page) Run(ctx context.Context, sink devices.Sink) error {
	if p.cfg.Disabled {
		return p.link.Disabled(ctx, "disabled in the configuration")
	}
	p.mu.Lock()
	p.sink = sink
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.sink = nil
		p.mu.Unlock()
	}()
	return p.link.Run(ctx, func(ctx context.Context, up func(string)) error {
		up("check-in page")
		<-ctx.Done()
		return nil
	})
}

// Capture takes the keys of one scan, without the one that ended it, and hands
// the reading on. It returns when the sink has, with the sink's error.
// devices.ErrAbsent means that Run is not running, or that the scanner is
// disabled.
func (p *Page) Capture(ctx context.Context, keys phi.Text) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	sink := p.sink
	p.mu.Unlock()
	if sink == nil {
		return devices.ErrAbsent
	}
	framer := NewFramer(p.cfg.framing())
	defer framer.Reset()
	var err error
	emit := func(f Frame) {
		if e := p.deliver(ctx, f, sink); err == nil {
			err = e
		}
	}
	framer.Feed([]byte(keys.Reveal()), emit)
	framer.Gap(emit)
	p.countNoise(framer)
	return err
}
