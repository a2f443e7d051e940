package emulator

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// Kind is a family of endpoints that a fault rule can match.
type Kind string

const (
	Any       Kind = "" // every endpoint
	Publish   Kind = "publish"
	Subscribe Kind = "subscribe"
	Presence  Kind = "presence"
	History   Kind = "history"
	Actions   Kind = "actions"
	Objects   Kind = "objects"
	Groups    Kind = "groups"
	Access    Kind = "access"
	Time      Kind = "time"
)

// Action is what a fault does to a request.
type Action string

const (
	// Answer replies with Status, Header and Body.
	Answer Action = "answer"
	// Reset breaks the connection. A rule that is added while polls are held
	// also breaks those it matches. Note that net/http clients send a GET again
	// by themselves when a kept connection breaks.
	Reset Action = "reset"
	// Stall never answers: until the rule is cleared, the client leaves, or Wait
	// is over (default 5 min). Then the connection is reset.
	Stall Action = "stall"
	// Garbage replies 200 with a captive portal's page.
	Garbage Action = "garbage"
	// Truncate lets the request take effect and breaks off in half of the reply.
	Truncate Action = "truncate"
	// Slow only waits.
	Slow Action = "slow"

	// The following act on publishes alone, whatever Kind says.

	// Duplicate accepts the message twice, with two timetokens.
	Duplicate Action = "duplicate"
	// Reorder delivers the message after the channel's next one, at the latest
	// after Wait (default 1 s).
	Reorder Action = "reorder"
	// Hide keeps the message out of history for Wait; live delivery is at once.
	Hide Action = "hide"
	// FlipBit changes one bit of the payload before it is kept and delivered. The
	// result is still JSON.
	FlipBit Action = "flip-bit"
)

const (
	stallLimit = 5 * time.Minute
	portal     = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome to the guest network</h1></body></html>"
)

// Rule says which requests fail, and how.
type Rule struct {
	Action  Action
	Kind    Kind
	Channel string        // a name, or a beginning followed by *; empty is any
	Skip    int           // let so many matching requests through first
	Count   int           // fail so many; 0 is until cleared
	Wait    time.Duration // before acting; for Stall, Reorder and Hide see there
	Accept  bool          // the request takes effect before it fails
	Status  int           // for Answer
	Header  http.Header   // for Answer, such as Retry-After
	Body    string        // for Answer
}

// Faults is the list of armed rules. Rules are tried in the order they were
// added: those that wait or change a publish add up, and the first that ends the
// request ends it. It is safe for concurrent use.
type Faults struct {
	mu      sync.Mutex
	rules   []*Armed
	serial  int           // of the newest rule
	changed chan struct{} // closed and replaced when a rule is added
	cleared chan struct{} // closed and replaced by Clear
}

// Armed is a rule in force.
type Armed struct {
	rule    Rule
	faults  *Faults
	serial  int
	skip    int
	hits    int
	cleared chan struct{} // closed by Clear
	over    bool
}

func newFaults() *Faults {
	return &Faults{changed: make(chan struct{}), cleared: make(chan struct{})}
}

// Add arms a rule.
func (f *Faults) Add(r Rule) *Armed {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serial++
	a := &Armed{rule: r, faults: f, serial: f.serial, skip: r.Skip, cleared: make(chan struct{})}
	f.rules = append(f.rules, a)
	close(f.changed)
	f.changed = make(chan struct{})
	return a
}

// Clear disarms every rule and ends what they stall.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
	close(f.cleared)
	f.cleared = make(chan struct{})
}

// Rules lists what is armed and not used up.
func (f *Faults) Rules() []Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Rule
	for _, a := range f.rules {
		out = append(out, a.rule)
	}
	return out
}

// Clear disarms this rule and ends what it stalls. Clearing twice is harmless.
func (a *Armed) Clear() {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	if !a.over {
		a.over = true
		close(a.cleared)
	}
	a.faults.drop(a)
}

// Hits counts the requests the rule has caught.
func (a *Armed) Hits() int {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	return a.hits
}

func (f *Faults) drop(a *Armed) {
	for i, b := range f.rules {
		if a == b {
			f.rules = append(f.rules[:i:i], f.rules[i+1:]...)
			return
		}
	}
}

// plan is what the rules hold for one request.
type plan struct {
	delay   time.Duration
	publish publishFault
	final   *Armed
	cleared <-chan struct{}
	serial  int // of the newest rule considered
}

type publishFault struct {
	duplicate, reorder, flip bool
	hold, hide               time.Duration
}

func (f *Faults) plan(kind Kind, channels []string) plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := plan{cleared: f.cleared, serial: f.serial}
	for _, a := range append([]*Armed(nil), f.rules...) {
		if !a.rule.matches(kind, channels) || p.final != nil && a.rule.final() || !a.take() {
			continue
		}
		switch r := a.rule; r.Action {
		case Slow:
			p.delay += r.Wait
		case Duplicate:
			p.publish.duplicate = true
		case Reorder:
			p.publish.reorder, p.publish.hold = true, r.Wait
		case Hide:
			p.publish.hide = r.Wait
		case FlipBit:
			p.publish.flip = true
		default:
			p.final = a
		}
	}
	return p
}

// interrupt tells whether a reset rule has come since the plan was made that
// matches a held poll, and returns the channel that closes when the next comes.
func (f *Faults) interrupt(p *plan, kind Kind, channels []string) (bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range append([]*Armed(nil), f.rules...) {
		late := a.serial > p.serial && a.rule.Action == Reset && !a.rule.Accept
		if late && a.rule.matches(kind, channels) && a.take() {
			return true, f.changed
		}
	}
	p.serial = f.serial
	return false, f.changed
}

// take counts one matching request, and tells whether the rule catches it.
// Callers hold the lock.
func (a *Armed) take() bool {
	if a.skip > 0 {
		a.skip--
		return false
	}
	a.hits++
	if a.rule.Count > 0 && a.hits >= a.rule.Count {
		a.faults.drop(a)
	}
	return true
}

func (r Rule) final() bool {
	switch r.Action {
	case Slow, Duplicate, Reorder, Hide, FlipBit:
		return false
	}
	return true
}

func (r Rule) matches(kind Kind, channels []string) bool {
	switch r.Action {
	case Duplicate, Reorder, Hide, FlipBit:
		if kind != Publish {
			return false
		}
	default:
		if r.Kind != Any && r.Kind != kind {
			return false
		}
	}
	if r.Channel == "" {
		return true
	}
	prefix, wild := strings.CutSuffix(r.Channel, "*")
	for _, c := range channels {
		if c == r.Channel || wild && strings.HasPrefix(c, prefix) {
			return true
		}
	}
	return false
}

// fail ends a request as the rule says; rep is what the handler answered when it
// ran.
func (e *Emulator) fail(q *request, a *Armed, rep reply) reply {
	r := a.rule
	wait := r.Wait
	if r.Action == Stall && wait <= 0 {
		wait = stallLimit
	}
	if !e.pause(q, wait, a.cleared) || r.Action == Stall {
		return reply{}
	}
	switch r.Action {
	case Answer:
		return reply{status: r.Status, header: r.Header, body: []byte(r.Body)}
	case Garbage:
		return reply{status: http.StatusOK, header: http.Header{"Content-Type": {"text/html"}}, body: []byte(portal)}
	case Truncate:
		rep.cut = true
		return rep
	}
	return reply{}
}

// pause waits, and tells whether the whole time passed undisturbed: not cut
// short by the client, by Close, or by clearing the rule.
func (e *Emulator) pause(q *request, d time.Duration, cleared <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-cleared:
	case <-q.fault.cleared:
	case <-q.ctx.Done():
	case <-e.done:
	}
	return false
}
