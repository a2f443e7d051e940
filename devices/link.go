package devices

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// The times of a Link. A device that is plugged in again is seen within
// retryMax, well inside the 3 s that a person waits for.
const (
	retryMin       = 200 * time.Millisecond
	retryMax       = time.Second
	steadyAfter    = 10 * time.Second // an attachment that held
	shortTolerated = 3                // attachments in a row that did not
	sinkDeadline   = 10 * time.Second
	healthDeadline = 10 * time.Second
)

// Link keeps one device attached, counts for it and tells about it: the part
// of a Device that is the same in every class. Its methods may be called from
// several goroutines.
type Link struct {
	info Info
	deps Deps

	mu     sync.Mutex // guards status, never held over I/O
	status Status

	shortInRow int         // owned by Run
	news       chan Health // of one: a change that nobody heard yet gives way to the next
	said       State       // owned by tell: what was said last
}

// NewLink makes the link of a device. It opens nothing.
func NewLink(info Info, deps Deps) *Link {
	deps.Log = deps.Log.With("device", string(info.ID))
	return &Link{
		info: info, deps: deps, news: make(chan Health, 1),
		status: Status{Info: info, State: Stopped, Since: time.Now()},
	}
}

// Attach opens the hardware, calls up once it can be used, and works with it
// until it is lost (the error says why) or ctx ends. It has released the
// hardware when it returns.
type Attach func(ctx context.Context, up func(where string)) error

// Run attaches, and attaches again after each loss, until ctx ends; then it
// returns nil. A panic in attach is a loss.
func (l *Link) Run(ctx context.Context, attach Attach) error {
	defer l.become(Stopped, "", nil)
	l.become(Waiting, "", nil)
	var wg sync.WaitGroup
	wg.Go(func() { l.tell(ctx) })
	defer wg.Wait()
	for pause := retryMin; ctx.Err() == nil; pause = min(2*pause, retryMax) {
		if held := l.attachment(ctx, attach); held >= steadyAfter {
			pause = retryMin
		}
		wait(ctx, pause*3/4+rand.N(pause/4))
	}
	return nil
}

// Disabled stands in for Run when the configuration says not to use the
// device.
func (l *Link) Disabled(ctx context.Context, reason string) error {
	l.become(Disabled, "", &Fault{Reason: reason, Hint: "nothing to do"})
	<-ctx.Done()
	return nil
}

// attachment runs one attach to its end and returns how long the device was
// in use.
func (l *Link) attachment(ctx context.Context, attach Attach) (held time.Duration) {
	up := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- l.contained(func() error {
			return attach(ctx, func(where string) {
				select {
				case up <- where:
				default: // said already
				}
			})
		})
	}()

	var attachedAt time.Time
	var where string
	var steady <-chan time.Time
	attached := func(at string) {
		where, attachedAt = at, time.Now()
		l.become(Attached, where, nil)
		if l.shortInRow < shortTolerated {
			l.say(Attached, where, "")
			return
		}
		t := time.NewTimer(steadyAfter)
		steady = t.C
	}
	for {
		select {
		case at := <-up:
			attached(at)
		case <-steady:
			l.say(Attached, where, "")
		case err := <-done:
			if ctx.Err() != nil {
				return 0
			}
			select {
			case at := <-up: // it went up and away before we looked
				attached(at)
			default:
			}
			if !attachedAt.IsZero() {
				held = time.Since(attachedAt)
				if l.shortInRow++; held >= steadyAfter {
					l.shortInRow = 0
				}
			}
			f := FaultOf(err)
			if f == nil {
				f = &Fault{Reason: "device code ended without a reason", Hint: "report this with the service's log"}
			}
			l.become(Lost, "", f)
			l.say(Lost, "", f.Reason)
			return held
		}
	}
}

// contained turns a panic of device code into a loss: one broken driver must
// not take the kiosk's page down. The panic's own text is not kept, it may
// quote what was read.
func (l *Link) contained(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			l.deps.Log.Error("device code panicked", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = &Fault{Reason: "device code panicked", Hint: "report this with the service's log"}
		}
	}()
	return f()
}

// become records the state. The reason of a loss is updated on each attempt to
// attach, the time of the loss is not.
func (l *Link) become(s State, where string, f *Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status.State != s {
		if s == Attached {
			l.status.Counters.Attachments++
		}
		if l.status.State == Attached && s == Lost {
			l.status.Counters.Losses++
		}
		l.status.State, l.status.Since = s, time.Now()
	}
	l.status.Where, l.status.Reason, l.status.Hint = where, "", ""
	if s != Attached {
		l.status.Firmware = ""
	}
	if f != nil {
		l.status.Reason, l.status.Hint = f.Reason, f.Hint
	}
}

// say leaves a change for tell. Only Run calls it, so the second send cannot
// block.
func (l *Link) say(s State, where, reason string) {
	h := Health{Info: l.info, State: s, Reason: reason, Where: where, At: time.Now()}
	select {
	case l.news <- h:
		return
	default:
	}
	select {
	case <-l.news:
	default:
	}
	l.news <- h
}

// tell tells log and Health of each change, once. It has a goroutine of its
// own, because Health may wait for a disk and a device that is plugged in
// again may not.
func (l *Link) tell(ctx context.Context) {
	for {
		var h Health
		select {
		case h = <-l.news:
		case <-ctx.Done():
			return
		}
		if l.said == h.State {
			continue
		}
		l.said = h.State
		if h.State == Attached {
			l.deps.Log.Info("device attached", "where", h.Where)
		} else {
			l.deps.Log.Warn("device lost", "reason", h.Reason)
		}
		if l.deps.Health != nil {
			bounded, cancel := context.WithTimeout(ctx, healthDeadline)
			l.deps.Health(bounded, h)
			cancel()
		}
	}
}

// Deliver completes the reading with the device's name and hands it to the
// sink. The error is the sink's; it has been counted.
func (l *Link) Deliver(ctx context.Context, sink Sink, r Reading) error {
	r.Device, r.Class = l.info.ID, l.info.Class
	ctx, cancel := context.WithTimeout(ctx, sinkDeadline)
	defer cancel()
	err := sink(ctx, r)
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.status.Counters
	switch r.Verdict {
	case Refused:
		c.Refused++
	case Damaged:
		c.Damaged++
	}
	if err != nil {
		c.Unaccepted++
		return err
	}
	c.Accepted++
	l.status.LastReading = r.At
	return nil
}

// Count changes the counters under the link's lock; f must not block.
func (l *Link) Count(f func(*Counters)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.status.Counters)
}

// Firmware keeps the version that the attached unit tells, for lists. What is
// not printable, and what is beyond 40 bytes, is dropped: the unit chose it.
func (l *Link) Firmware(version string) {
	version = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, version)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Firmware = version[:min(len(version), 40)]
}

// Charge keeps the battery's charge in percent, for lists.
func (l *Link) Charge(percent int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Battery = &percent
}

// Heard notes that the device spoke.
func (l *Link) Heard(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Heard = at
}

// Info says which device this is.
func (l *Link) Info() Info { return l.info }

// Status is a snapshot.
func (l *Link) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
