package crashtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// Spec names a scenario.
type Spec struct {
	Seed  uint64
	Small bool
}

// Scenario makes it.
func (s Spec) Scenario() *Scenario {
	if s.Small {
		return SmallScenario(s.Seed)
	}
	return NewScenario(s.Seed)
}

// Job is what "driver run" is told.
type Job struct {
	Spec
	Phase    int
	From     int
	Dir      string
	Burn     map[string]int
	NoSync   bool
	Patience time.Duration
}

// Look is what "driver look" is told, one a line.
type Look struct {
	Spec
	Phase   int
	History *History
	Dir     string
	Depth   Depth
}

// Cut is what "driver cut" is told.
type Cut struct {
	Spec
	Phase   int
	History *History
	Start   string // directory as it was at the beginning
	Key     string // file with the root key
	Traces  []string
	Root    string // data directory in the traces
	Seed2   uint64
	Draws   int
	Late    bool   // only after the fault, or in the process that follows
	Skip    int    // states that were looked at already
	Work    string // an empty directory
}

// Serve is the driver.
func Serve(ctx context.Context, what string, in io.Reader, out io.Writer) error {
	dec := json.NewDecoder(bufio.NewReader(in))
	switch what {
	case "run":
		var j Job
		if err := dec.Decode(&j); err != nil {
			return err
		}
		r := Run{
			Scenario: j.Scenario(), Phase: j.Phase, From: j.From, Dir: j.Dir, Out: out, NoSync: j.NoSync, Patience: j.Patience,
		}
		if len(j.Burn) > 0 {
			r.InWriter = func() { _ = burn(j.Burn) }
		}
		return r.Do(ctx)
	case "look":
		scenarios := map[Spec]*Scenario{}
		for {
			var l Look
			if err := dec.Decode(&l); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if scenarios[l.Spec] == nil {
				scenarios[l.Spec] = l.Scenario()
			}
			l.History.sc = scenarios[l.Spec]
			v := l.History.Expect(l.Phase).Check(ctx, l.Dir, l.Depth)
			if err := json.NewEncoder(out).Encode(v); err != nil {
				return err
			}
		}
	case "cut":
		debug.SetGCPercent(400)
		var c Cut
		if err := dec.Decode(&c); err != nil {
			return err
		}
		return c.serve(ctx, out)
	}
	return fmt.Errorf("no such command: %s", what)
}

// Finding is a violation in a state.
type Finding struct {
	State int // number of the state
	Call  int // calls of the recording before the cut
	Violation
}

// Cuts is what came of a Cut.
type Cuts struct {
	States   int
	Epochs   int
	Salvaged int
	Findings []Finding
	Done     bool
}

// maxFindings bounds the list; the count goes on.
const maxFindings = 20

func (c *Cut) serve(ctx context.Context, out io.Writer) error {
	start, err := readFiles(c.Start)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(start))
	for name := range start {
		names = append(names, name)
	}
	calls, err := readTraces(c.Traces, c.Root, names)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	c.History.sc = c.Scenario()
	r := replay{
		history: c.History, phase: c.Phase, disk: newDisk(start), work: c.Work, key: key,
		cut: cutter{rnd: newRand(c.Seed2), draws: c.Draws}, skip: c.Skip, late: c.Late,
		before: func(n int) error { _, err := fmt.Fprintf(out, "s %d\n", n); return err },
	}
	result, err := r.run(ctx, calls)
	if err != nil {
		return err
	}
	result.Done = true
	_, _ = io.WriteString(out, "r ")
	return json.NewEncoder(out).Encode(result)
}

// readTraces reads the recordings of processes that followed one another. files
// are those that are there at the beginning.
func readTraces(traces []string, root string, files []string) (calls []Call, err error) {
	for i, name := range traces {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		more, err := ReadTrace(f, root, files)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			calls = append(calls, Call{What: Says, Data: []byte("b\n")})
		}
		calls = append(calls, more...)
		files = after(files, more)
	}
	return calls, nil
}

// after lists the files that there are after a recording.
func after(names []string, calls []Call) []string {
	there := map[string]bool{}
	for _, n := range names {
		there[n] = true
	}
	for i := range calls {
		switch c := &calls[i]; {
		case c.Failed:
		case c.What == Creates, c.What == MakesDir:
			there[c.Path] = true
		case c.What == Removes:
			delete(there, c.Path)
		case c.What == Renames:
			delete(there, c.Path)
			there[c.To] = true
		}
	}
	names = names[:0:0]
	for n := range there {
		names = append(names, n)
	}
	return names
}

// replay follows a recording and cuts the power at each of its syncs.
type replay struct {
	history *History
	phase   int
	disk    *disk
	cut     cutter
	work    string
	key     []byte // content of the key file
	skip    int
	each    int // looks at every so manieth state; 0: at all
	late    bool
	first   bool // end at the first finding
	before  func(state int) error

	built int
	out   Cuts
	err   error
}

func (r *replay) run(ctx context.Context, calls []Call) (Cuts, error) {
	if err := os.WriteFile(filepath.Join(r.work, KeyFileName), r.key, 0o600); err != nil {
		return r.out, err
	}
	r.cut.d = r.disk
	lied, again := false, false
	for i := range calls {
		c := &calls[i]
		switch {
		case c.What == Says:
			again = again || string(c.Data) == "b\n"
			if err := r.history.Read(c.Data); err != nil {
				return r.out, err
			}
		case c.What == Syncs && r.disk.since > 0 && (!r.late || lied || again):
			if !r.epoch(ctx, i, lied) {
				return r.out, r.err
			}
		}
		lied = lied || c.Lie && c.What == Syncs
		if err := r.disk.do(c, i+1); err != nil {
			return r.out, fmt.Errorf("call %d, %s: %w", i, c.Name, err)
		}
	}
	r.epoch(ctx, len(calls), lied)
	return r.out, r.err
}

// epoch tries the states of this moment.
func (r *replay) epoch(ctx context.Context, call int, lied bool) (more bool) {
	x := r.history.Expect(r.phase)
	// After a failed sync the two meta pages may be apart: a salvage is in order,
	// as long as it loses nothing.
	x.salvage = x.salvage || lied
	r.out.Epochs++
	r.disk.since = 0
	data := filepath.Join(r.work, "data")
	r.cut.states(func(put func(dir string) error) bool {
		r.built++
		if r.each > 1 && r.built%r.each != 0 {
			return true
		}
		n := r.out.States
		r.out.States++
		if n < r.skip {
			return true
		}
		if r.err = r.before(n); r.err != nil {
			return false
		}
		if r.err = os.RemoveAll(data); r.err != nil {
			return false
		}
		if r.err = os.Mkdir(data, 0o700); r.err != nil {
			return false
		}
		if r.err = put(data); r.err != nil {
			return false
		}
		depth := Compare
		if n%4 == 0 {
			depth = Retry
		}
		if n%16 == 0 {
			depth = Reopen
		}
		v := x.Check(ctx, r.work, depth)
		if v.Salvaged {
			r.out.Salvaged++
		}
		for _, bad := range v.Violations {
			if len(r.out.Findings) < maxFindings {
				r.out.Findings = append(r.out.Findings, Finding{n, call, bad})
			}
		}
		return ctx.Err() == nil && !(r.first && len(r.out.Findings) > 0)
	})
	return r.err == nil && ctx.Err() == nil && !(r.first && len(r.out.Findings) > 0)
}
