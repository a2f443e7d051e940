package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"
)

// State is the outcome of a check.
type State string

// The states, from best to worst but for Skipped.
const (
	OK      State = "ok"
	Skipped State = "skipped" // could not or need not be looked at
	Info    State = "info"    // nothing is wrong, and somebody may want to know it
	Warn    State = "warn"    // works, and somebody should look at it
	Fail    State = "fail"    // does not work, or breaks a rule of the product
)

// Bad reports whether somebody should do something.
func (s State) Bad() bool { return s == Warn || s == Fail }

// Result is what a check found. Detail is one clause; Hint is a command or a
// place to look, and is there for Warn and Fail.
type Result struct {
	State  State
	Detail string
	Hint   string
}

// Check is one question about the kiosk.
type Check struct {
	ID string // lower-kebab, stable: people and scripts name it; see [Catalogue]
	// DependsOn names checks whose failure makes this one pointless. It is looked at
	// although one of them only warns; what it finds that is no worse is then a
	// consequence.
	DependsOn []string
	Online    bool // asks somebody on the network
	// Run answers within a few seconds or when ctx ends. It changes nothing.
	Run func(ctx context.Context) Result
}

// Report is a Result with its check.
type Report struct {
	ID      string    `json:"id"`
	State   State     `json:"state"`
	Did     string    `json:"did,omitempty"` // what was looked at
	Detail  string    `json:"detail"`
	Hint    string    `json:"hint,omitempty"`
	Impacts []Impact  `json:"impacts,omitempty"` // who is harmed, where something is wrong
	Because string    `json:"because,omitempty"` // the check that this one is a consequence of
	Since   time.Time `json:"since,omitzero"`    // first run in a row that failed or warned
}

// Root reports whether this is a cause and no consequence.
func (r Report) Root() bool { return r.State.Bad() && r.Because == "" }

// Roots gives the causes: failures first, and among equals the one that others may
// depend on first.
func Roots(reports []Report) (roots []Report) {
	for _, s := range []State{Fail, Warn} {
		for _, r := range reports {
			if r.Root() && r.State == s {
				roots = append(roots, r)
			}
		}
	}
	return roots
}

// Folded counts the consequences of a cause.
func Folded(reports []Report, cause string) (n int) {
	for _, r := range reports {
		if r.Because == cause {
			n++
		}
	}
	return n
}

// Bounds of one run.
const (
	checkTimeout = 5 * time.Second
	totalTimeout = 60 * time.Second
	atOnce       = 6 // checks
)

// Selection says what is looked at.
type Selection struct {
	Only    []string     // none: all
	Skip    []string     // not these
	Offline bool         // nobody on the network is asked
	Each    func(Report) // told each report as it is there, one at a time; may be nil
}

func (s Selection) wants(c Check) bool {
	return (len(s.Only) == 0 || slices.Contains(s.Only, c.ID)) && !slices.Contains(s.Skip, c.ID) && !(s.Offline && c.Online)
}

// cut reports whether a run tells of checks without those that they depend on, or was
// ended early: then it is no news.
func (s Selection) cut(ctx context.Context) bool {
	return len(s.Only) > 0 || len(s.Skip) > 0 || ctx.Err() != nil
}

// all reports whether the run tells of the whole kiosk.
func (s Selection) all() bool { return len(s.Only) == 0 && len(s.Skip) == 0 && !s.Offline }

// Registry is the list of checks of one kiosk. Its methods may be called from
// several goroutines, and runs may overlap.
type Registry struct {
	checks []Check
	turns  map[string]chan struct{} // each check runs once at a time: two of its probes would find each other

	mu     sync.Mutex
	since  map[string]time.Time     // guarded by mu; of checks that failed or warned when they last ran
	hanged map[string]chan struct{} // guarded by mu
	memory *memory                  // guarded by mu; nil: nothing outlives the process
	last   map[string]Report        // guarded by mu; what each check found when it last ran
}

var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// New makes a registry. A check comes after those that it depends on.
func New(checks ...Check) (*Registry, error) {
	var errs []error
	seen := map[string]bool{}
	for _, c := range checks {
		if !kebab.MatchString(c.ID) || c.Run == nil {
			errs = append(errs, fmt.Errorf("check %q: want a lower-kebab id and a function", c.ID))
		}
		if seen[c.ID] {
			errs = append(errs, fmt.Errorf("check %q is there twice", c.ID))
		}
		for _, d := range c.DependsOn {
			if !seen[d] {
				errs = append(errs, fmt.Errorf("check %q depends on %q, which does not come before it", c.ID, d))
			}
		}
		seen[c.ID] = true
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	turns := map[string]chan struct{}{}
	for id := range seen {
		turns[id] = make(chan struct{}, 1)
	}
	return &Registry{checks: checks, turns: turns, since: map[string]time.Time{}, hanged: map[string]chan struct{}{}, last: map[string]Report{}}, nil
}

// IDs lists the checks, in order.
func (r *Registry) IDs() (ids []string) {
	for _, c := range r.checks {
		ids = append(ids, c.ID)
	}
	return ids
}

// AsksNetwork reports whether a check asks somebody on the network.
func (r *Registry) AsksNetwork(id string) bool {
	return slices.ContainsFunc(r.checks, func(c Check) bool { return c.ID == id && c.Online })
}

// Last gives what each check found when it last ran, of those that did, in order.
func (r *Registry) Last() (reports []Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.checks {
		if found, ran := r.last[c.ID]; ran {
			reports = append(reports, found)
		}
	}
	return reports
}

// Run runs every check and reports on each.
func (r *Registry) Run(ctx context.Context) []Report { return r.Look(ctx, Selection{}) }

// verdict is what a check says to those that depend on it.
type verdict struct {
	decided chan struct{} // closed when the rest is there
	failed  string        // the failure at the bottom of it
	warned  string        // the warning at the bottom of it
}

// Look runs the checks that are wanted, several at a time, and reports on each in
// the registry's order. It takes at most a minute; what there was no time for is
// skipped.
func (r *Registry) Look(ctx context.Context, s Selection) []Report {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	var chosen []Check
	verdicts := map[string]*verdict{}
	for _, c := range r.checks {
		if s.wants(c) {
			chosen = append(chosen, c)
			verdicts[c.ID] = &verdict{decided: make(chan struct{})}
		}
	}
	reports := make([]Report, len(chosen))
	slots := make(chan struct{}, atOnce)
	var telling sync.Mutex
	var wg sync.WaitGroup
	for i, c := range chosen {
		wg.Go(func() {
			own := verdicts[c.ID]
			defer close(own.decided)
			report := r.judge(ctx, c, verdicts, slots)
			switch {
			case report.State == Skipped:
				own.failed = report.Because
			case report.State == Fail:
				own.failed = c.ID
			case report.State == Warn:
				own.warned = c.ID
				if report.Because != "" {
					own.warned = report.Because
				}
			}
			reports[i] = report
			if !s.cut(ctx) {
				r.mu.Lock()
				r.last[c.ID] = report
				r.mu.Unlock()
			}
			if s.Each != nil {
				telling.Lock()
				defer telling.Unlock()
				s.Each(report)
			}
		})
	}
	wg.Wait()
	if s.all() && ctx.Err() == nil {
		r.keep(reports)
	}
	return reports
}

// judge waits for what a check depends on, runs it, and reports.
func (r *Registry) judge(ctx context.Context, c Check, verdicts map[string]*verdict, slots chan struct{}) Report {
	topic, _ := TopicOf(c.ID)
	report := Report{ID: c.ID, Did: topic.Does}
	warned := ""
	for _, d := range c.DependsOn {
		v := verdicts[d]
		if v == nil {
			continue
		}
		<-v.decided // it comes before us, and each ends in bounded time
		if v.failed != "" {
			report.State, report.Because = Skipped, v.failed
			report.Detail = "not looked at because " + v.failed + " failed"
			r.remember(report)
			return report
		}
		if warned == "" {
			warned = v.warned
		}
	}
	found := Result{State: Skipped, Detail: "no time was left for it"}
	select {
	case slots <- struct{}{}:
		found = r.runOne(ctx, c)
		<-slots
	case <-ctx.Done():
	}
	report.State, report.Detail, report.Hint = found.State, found.Detail, found.Hint
	if found.State == Warn {
		report.Because = warned
	}
	if found.State.Bad() {
		report.Impacts = topic.Impacts
	}
	report.Since = r.remember(report)
	return report
}

// runOne runs a check in a goroutine of its own, so that one that ignores its
// context delays nobody. It is not started again while it hangs.
func (r *Registry) runOne(ctx context.Context, c Check) Result {
	none := Result{State: Skipped, Detail: "no time was left for it"}
	select {
	case r.turns[c.ID] <- struct{}{}:
		defer func() { <-r.turns[c.ID] }()
	case <-ctx.Done():
		return none
	}
	r.mu.Lock()
	done, hangs := r.hanged[c.ID]
	r.mu.Unlock()
	if hangs {
		select {
		case <-done:
			r.mu.Lock()
			delete(r.hanged, c.ID)
			r.mu.Unlock()
		default:
			return hung
		}
	}
	if ctx.Err() != nil {
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	result, done := make(chan Result, 1), make(chan struct{})
	go func() {
		defer cancel()
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				// What was panicked with may hold anything; its type says enough.
				result <- Result{State: Fail, Detail: fmt.Sprintf("the check itself broke (%T)", p), Hint: "report this with the version from `clinicgate version`"}
			}
		}()
		result <- c.Run(ctx)
	}()
	select {
	case found := <-result:
		return found
	case <-ctx.Done():
	}
	select {
	case found := <-result: // it noticed, and has something to say
		return found
	case <-time.After(time.Second):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hanged[c.ID] = done
		return hung
	}
}

var hung = Result{State: Fail, Detail: "the check does not come to an end", Hint: "what it looks at hangs; restart the service if it stays so"}

// Worst is the worst state of the reports: OK for none.
func Worst(reports []Report) State {
	worst := OK
	for _, r := range reports {
		if rank(r.State) > rank(worst) {
			worst = r.State
		}
	}
	return worst
}

func rank(s State) int { return slices.Index([]State{OK, Skipped, Info, Warn, Fail}, s) }
