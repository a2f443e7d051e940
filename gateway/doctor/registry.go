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
	Warn    State = "warn"    // works, and somebody should look at it
	Fail    State = "fail"    // does not work, or breaks a rule of the product
)

// Result is what a check found. Detail is one clause; Hint is a command or a
// place to look, and is there for Warn and Fail.
type Result struct {
	State  State
	Detail string
	Hint   string
}

// Check is one question about the kiosk.
type Check struct {
	ID        string   // lower-kebab, stable: people and scripts name it
	DependsOn []string // checks whose failure makes this one pointless
	// Run answers within a few seconds or when ctx ends. It changes nothing.
	Run func(ctx context.Context) Result
}

// Report is a Result with its check.
type Report struct {
	ID      string    `json:"id"`
	State   State     `json:"state"`
	Detail  string    `json:"detail"`
	Hint    string    `json:"hint,omitempty"`
	Because string    `json:"because,omitempty"` // the failed check that this one was skipped for
	Since   time.Time `json:"since,omitzero"`    // first run in a row that failed or warned
}

// Bounds of one run.
const (
	checkTimeout = 5 * time.Second
	totalTimeout = 60 * time.Second
)

// Registry is the list of checks of one kiosk. Its methods may be called from
// several goroutines; runs happen one after the other.
type Registry struct {
	checks []Check

	mu     sync.Mutex           // one run at a time; guards all below
	since  map[string]time.Time // of checks that failed or warned in the last run
	hanged map[string]chan struct{}
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
	return &Registry{checks: checks, since: map[string]time.Time{}, hanged: map[string]chan struct{}{}}, nil
}

// Run runs every check in order and reports on each. It takes at most a minute;
// what there was no time for is skipped.
func (r *Registry) Run(ctx context.Context) []Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	reports := make([]Report, 0, len(r.checks))
	cause := map[string]string{} // failed or skipped check -> the failure at the bottom of it
	for _, c := range r.checks {
		report := Report{ID: c.ID}
		if i := slices.IndexFunc(c.DependsOn, func(d string) bool { return cause[d] != "" }); i >= 0 {
			report.State, report.Because = Skipped, cause[c.DependsOn[i]]
			report.Detail = "not looked at because " + report.Because + " failed"
			cause[c.ID] = report.Because
		} else {
			found := r.runOne(ctx, c)
			report.State, report.Detail, report.Hint = found.State, found.Detail, found.Hint
			if found.State == Fail {
				cause[c.ID] = c.ID
			}
		}
		report.Since = r.remember(report)
		reports = append(reports, report)
	}
	return reports
}

func (r *Registry) remember(report Report) time.Time {
	if report.State != Fail && report.State != Warn {
		delete(r.since, report.ID)
		return time.Time{}
	}
	if _, ok := r.since[report.ID]; !ok {
		r.since[report.ID] = time.Now()
	}
	return r.since[report.ID]
}

// runOne runs a check in a goroutine of its own, so that one that ignores its
// context delays nobody. It is not started again while it hangs.
func (r *Registry) runOne(ctx context.Context, c Check) Result {
	if done, ok := r.hanged[c.ID]; ok {
		select {
		case <-done:
			delete(r.hanged, c.ID)
		default:
			return hung
		}
	}
	if ctx.Err() != nil {
		return Result{State: Skipped, Detail: "no time was left for it"}
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

func rank(s State) int { return slices.Index([]State{OK, Skipped, Warn, Fail}, s) }
