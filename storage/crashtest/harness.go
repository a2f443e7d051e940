package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Plan says how much is tried.
type Plan struct {
	Driver  string // the built driver
	Work    string // a directory, best in memory
	Specs   []Spec
	Workers int
	// Phases are tried, by name; nil: all.
	Phases []string
	// Points is every how many kill and fault points one is tried; 0: none.
	Points int
	// Bursts is every how many of them the disk is full for a while and then not.
	Bursts int
	// Draws is how many combinations are drawn at a sync that leaves many; 0:
	// the power is never cut.
	Draws int
	// Lies is every how many syncs one is recorded that fails, to cut the power
	// afterwards; 0: none. Kills is the same for processes that are killed and
	// followed by another before the power is cut.
	Lies, Kills int
	LieDraws    int
	// First ends everything at the first violation.
	First bool
	// Env is added to the driver's environment.
	Env []string
	Log func(format string, args ...any)
}

// Counts are what a plan came to.
type Counts struct {
	Operations  int
	Calls       int // write and sync calls of the recorded scenarios
	KillPoints  int
	FaultPoints int
	Missed      int // points that the run did not come by
	CameBack    int // faults after which the same process finished the phase
	Recordings  int
	Syncs       int // syncs at which the power was cut
	CutStates   int
	Salvaged    int // states that needed a salvage
	Violations  map[string]int
	Findings    []string
	Took        time.Duration
}

// Total is the number of violations.
func (c *Counts) Total() int {
	n := 0
	for _, v := range c.Violations {
		n += v
	}
	return n
}

// String is a table for people.
func (c *Counts) String() string {
	var b strings.Builder
	row := func(name string, v any) { fmt.Fprintf(&b, "%-52s %10v\n", name, v) }
	row("operations in the scenarios", c.Operations)
	row("write and sync calls recorded", c.Calls)
	row("kill points (SIGKILL at a system call)", c.KillPoints)
	row("fault points (EIO on a sync, ENOSPC on a write)", c.FaultPoints)
	row("  of them the same process went on", c.CameBack)
	row("  points that a run did not come by (not counted)", c.Missed)
	row("recordings cut off", c.Recordings)
	row("  at so many syncs", c.Syncs)
	row("power-cut states", c.CutStates)
	row("  of them salvaged", c.Salvaged)
	row("violations", c.Total())
	for _, k := range sortedKeys(c.Violations) {
		row("  "+k, c.Violations[k])
	}
	row("seconds", int(c.Took.Seconds()))
	return b.String()
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// harness is a plan being carried out.
type harness struct {
	Plan
	ctx    context.Context
	cancel context.CancelFunc

	mu  sync.Mutex
	out Counts
}

// stage is one phase of one scenario, ready to be tried.
type stage struct {
	spec    Spec
	sc      *Scenario
	phase   int
	name    string
	files   map[string][]byte // at its beginning
	history *History          // what was known then
	burn    map[string]int
	calls   []Call
	trace   string
	start   string // directory with the files, for cuts
}

// recordRoot is where every recording is made, so that paths in it are known.
const recordRoot = "record"

// Carry does what the plan says.
func (p Plan) Carry(ctx context.Context) (Counts, error) {
	begin := time.Now()
	h := &harness{Plan: p}
	h.out.Violations = map[string]int{}
	h.ctx, h.cancel = context.WithCancel(ctx)
	defer h.cancel()
	if h.Log == nil {
		h.Log = func(string, ...any) {}
	}
	var stages []*stage
	for i, spec := range p.Specs {
		more, err := h.prepare(i, spec)
		if err != nil && h.ctx.Err() == nil {
			return h.out, err
		}
		stages = append(stages, more...)
	}
	var jobs []func(w *worker) error
	for _, s := range stages {
		if p.Phases == nil || slices.Contains(p.Phases, s.name) {
			jobs = append(jobs, h.jobs(s)...)
		}
	}
	h.Log("%d stages, %d jobs", len(stages), len(jobs))
	err := h.work(jobs)
	h.out.Took = time.Since(begin)
	if p.First && h.out.Total() > 0 {
		err = nil // of what was cut short
	}
	if err == nil {
		err = ctx.Err()
	}
	return h.out, err
}

// prepare runs a scenario once, without faults, and keeps what each phase began
// with and did.
func (h *harness) prepare(number int, spec Spec) (stages []*stage, err error) {
	sc := spec.Scenario()
	history := NewHistory(sc)
	work := filepath.Join(h.Work, fmt.Sprintf("stages-%d", number))
	dir := filepath.Join(h.Work, recordRoot)
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	files, err := fresh()
	if err != nil {
		return nil, err
	}
	var older, last []byte
	w := h.worker("prepare")
	defer w.close()
	for phase := range sc.Phases[:h.until(sc)] {
		s := &stage{spec: spec, sc: sc, phase: phase, name: sc.Phases[phase].Name}
		s.trace = filepath.Join(work, fmt.Sprintf("trace-%d", phase))
		s.start = filepath.Join(work, fmt.Sprintf("start-%d", phase))
		if phase > 0 {
			older, last = last, files["data/store.db"]
			if err := lay(dir, files); err != nil {
				return nil, err
			}
			if err := history.wreak(dir, phase, older); err != nil {
				return nil, err
			}
			if files, err = readFiles(dir); err != nil {
				return nil, err
			}
		}
		history.Begin()
		s.files, s.history = files, history.Clone()
		if err := lay(s.start, below(files, "data/")); err != nil {
			return nil, err
		}
		// Once to see how many calls the first thread makes, once for good.
		for range 2 {
			if err := lay(dir, files); err != nil {
				return nil, err
			}
			o, err := drive(h.ctx, h.Driver, s.job(dir), s.trace, nil, h.Env)
			if err != nil {
				return nil, err
			}
			if o.failed || o.hung {
				h.found(Died, fmt.Sprintf("%s: without any fault: %s", s.name, o.log))
				return stages, nil
			}
			if err := s.read(dir); err != nil {
				return nil, err
			}
			if s.burn == nil {
				s.burn = s.counts()
				continue
			}
			if err := history.Read(o.out); err != nil {
				return nil, err
			}
		}
		h.out.Operations += len(sc.Phases[phase].Ops)
		for i := range s.calls {
			if s.calls[i].point() {
				h.out.Calls++
			}
		}
		if files, err = readFiles(dir); err != nil {
			return nil, err
		}
		v, err := w.look(Look{Spec: spec, Phase: phase, History: history, Dir: dir, Depth: Reopen})
		if err != nil {
			return nil, err
		}
		h.judge(s.name+": without any fault", v)
		if h.ctx.Err() != nil {
			return nil, nil
		}
		h.Log("seed %d, %s: %d operations, %d calls, opened %v, %d events", spec.Seed, s.name, len(sc.Phases[phase].Ops), len(s.calls), history.Opened, v.Present)
		stages = append(stages, s)
	}
	return stages, nil
}

// until is the number of phases that are needed.
func (h *harness) until(sc *Scenario) int {
	if h.Phases == nil {
		return len(sc.Phases)
	}
	last := 0
	for i, p := range sc.Phases {
		if slices.Contains(h.Phases, p.Name) {
			last = i + 1
		}
	}
	return last
}

// fresh is a directory before the first start: a root key and nothing else.
func fresh() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "crashtest-key-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := createKey(dir); err != nil {
		return nil, err
	}
	files, err := readFiles(dir)
	if err == nil {
		files["data"] = nil
	}
	return files, err
}

func below(files map[string][]byte, prefix string) map[string][]byte {
	out := map[string][]byte{}
	for name, b := range files {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			out[rest] = b
		}
	}
	return out
}

// lay writes files into a directory that then holds nothing else. Zeros at a
// file's end become a hole.
func lay(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if b == nil {
			if err := os.MkdirAll(path, 0o700); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, bytes.TrimRight(b, "\x00"), 0o600); err != nil {
			return err
		}
		if err := os.Truncate(path, int64(len(b))); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) job(dir string) Job {
	return Job{Spec: s.spec, Phase: s.phase, Dir: dir, Burn: s.burn, Patience: 20 * time.Millisecond}
}

func (s *stage) read(dir string) error {
	f, err := os.Open(s.trace)
	if err != nil {
		return err
	}
	defer f.Close()
	var names []string
	for name := range below(s.files, "data/") {
		names = append(names, name)
	}
	s.calls, err = ReadTrace(f, filepath.Join(dir, "data"), names)
	return err
}

// counts are the calls of the first thread, by name.
func (s *stage) counts() map[string]int {
	counts := map[string]int{}
	first := s.calls[0].Thread
	for i := range s.calls {
		c := &s.calls[i]
		if c.Thread == first && c.What != Creates && c.What != Empties && c.What != MakesDir {
			counts[c.Name] = max(counts[c.Name], c.Index+1)
		}
	}
	return counts
}

// point reports whether a process is killed at the call.
func (c *Call) point() bool {
	return !c.Failed && c.What != Creates && c.What != Empties && c.What != MakesDir
}

// jobs are all that is tried with a stage.
func (h *harness) jobs(s *stage) (jobs []func(w *worker) error) {
	rnd := rand.New(rand.NewPCG(s.spec.Seed, uint64(s.phase)))
	every := func(n int) bool { return n > 0 && rnd.IntN(n) == 0 }
	if h.Draws > 0 {
		jobs = append(jobs, func(w *worker) error { return w.cut(s, s.history, []string{s.trace}, h.Draws, "") })
	}
	seen := map[string]bool{}
	for i := range s.calls {
		c := &s.calls[i]
		key := fmt.Sprint(c.Name, c.Index)
		if !c.point() || seen[key] {
			continue
		}
		seen[key] = true
		if every(h.Points) {
			jobs = append(jobs, func(w *worker) error { return w.kill(s, c) })
		}
		for _, f := range s.faults(i) {
			if every(h.Points) {
				jobs = append(jobs, func(w *worker) error { return w.fault(s, c, f) })
			}
		}
		if f := s.burst(c); f != nil && every(h.Bursts) {
			jobs = append(jobs, func(w *worker) error { return w.fault(s, c, *f) })
		}
		if c.What == Syncs && every(h.Lies) {
			for _, f := range s.faults(i) {
				jobs = append(jobs, func(w *worker) error { return w.aftermath(s, c, f.name, f.inject) })
			}
		}
		if c.What != Says && every(h.Kills) {
			jobs = append(jobs, func(w *worker) error {
				return w.aftermath(s, c, "kill", []injection{{c.Name, "signal=SIGKILL", fmt.Sprint(c.Index)}})
			})
		}
	}
	rnd.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	return jobs
}

// fault is one way for a call to fail.
type fault struct {
	name     string
	inject   []injection
	patience time.Duration
}

// faults are the ways for call i to fail: once, and from then on.
func (s *stage) faults(i int) []fault {
	c := &s.calls[i]
	once := func(err string) fault {
		return fault{name: err + " once", inject: []injection{{c.Name, "error=" + err, fmt.Sprint(c.Index)}}}
	}
	// From then on the calls of this thread fail that go the same way.
	lasting := func(err string, names ...string) fault {
		f := fault{name: err + " from then on"}
		for _, name := range names {
			n := 0
			for j := range s.calls[:i] {
				if p := &s.calls[j]; p.Thread == c.Thread && p.Name == name {
					n = max(n, p.Index)
				}
			}
			if n == 0 && c.Thread != s.calls[0].Thread {
				n = s.burn[name]
			}
			f.inject = append(f.inject, injection{name, "error=" + err, fmt.Sprintf("%d+", n+1)})
		}
		return f
	}
	switch c.What {
	case Syncs:
		return []fault{once("EIO"), lasting("EIO", "fdatasync", "fsync")}
	case Writes, Resizes:
		if c.Name == "write" {
			return []fault{once("ENOSPC")} // the driver's own words are such calls too
		}
		return []fault{once("ENOSPC"), lasting("ENOSPC", "pwrite64", "ftruncate")}
	case Renames, Removes:
		return []fault{once("EIO")}
	}
	return nil
}

// burst is a disk that is full, or fails, for some calls and then works again.
func (s *stage) burst(c *Call) *fault {
	err := ""
	switch {
	case c.What == Syncs:
		err = "EIO"
	case c.Name == "pwrite64":
		err = "ENOSPC"
	default:
		return nil
	}
	when := fmt.Sprintf("%d..%d", c.Index, c.Index+6)
	return &fault{err + " for a while", []injection{{c.Name, "error=" + err, when}}, 8 * time.Second}
}

// found notes a violation.
func (h *harness) found(kind, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out.Violations[kind]++
	if len(h.out.Findings) < 200 {
		h.out.Findings = append(h.out.Findings, kind+": "+detail)
	}
	h.Log("VIOLATION %s: %s", kind, detail)
	if h.First {
		h.cancel()
	}
}

func (h *harness) judge(where string, v Verdict) {
	for _, bad := range v.Violations {
		h.found(bad.Kind, where+": "+bad.Detail)
	}
}

func (h *harness) count(fn func(c *Counts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn(&h.out)
}

// work does the jobs, some at a time.
func (h *harness) work(jobs []func(w *worker) error) error {
	queue := make(chan func(w *worker) error)
	errs := make(chan error, h.Workers)
	var wg sync.WaitGroup
	for i := range h.Workers {
		wg.Go(func() {
			w := h.worker(fmt.Sprint("worker-", i))
			defer w.close()
			for job := range queue {
				if err := job(w); err != nil && h.ctx.Err() == nil {
					errs <- err
					h.cancel()
				}
			}
		})
	}
	report := time.NewTicker(30 * time.Second)
	defer report.Stop()
	for n := 0; n < len(jobs); {
		select {
		case queue <- jobs[n]:
			n++
		case <-report.C:
			h.count(func(c *Counts) {
				h.Log("%d of %d jobs: %d kill points, %d fault points, %d power-cut states, %d violations", n, len(jobs), c.KillPoints, c.FaultPoints, c.CutStates, c.Total())
			})
		case <-h.ctx.Done():
			n = len(jobs)
		}
	}
	close(queue)
	wg.Wait()
	close(errs)
	return <-errs
}

// worker does one job at a time, in a directory of its own.
type worker struct {
	h    *harness
	dir  string
	cmd  *exec.Cmd // the process that looks
	in   io.WriteCloser
	out  *bufio.Reader
	log  *bytes.Buffer
	dead bool
}

func (h *harness) worker(name string) *worker {
	return &worker{h: h, dir: filepath.Join(h.Work, name)}
}

func (w *worker) close() {
	if w.cmd != nil {
		_ = w.in.Close()
		_ = w.cmd.Wait()
		w.cmd = nil
	}
}

// errLookDied means that what was left killed the process that looked at it.
var errLookDied = errors.New("looking at what was left killed the process")

// look has a process look at a directory; what it finds may kill it.
func (w *worker) look(l Look) (v Verdict, err error) {
	if w.cmd == nil {
		w.cmd = exec.CommandContext(w.h.ctx, w.h.Driver, "look")
		w.log = new(bytes.Buffer)
		w.cmd.Stderr = w.log
		w.cmd.Env = append(os.Environ(), w.h.Env...)
		if w.in, err = w.cmd.StdinPipe(); err != nil {
			return v, err
		}
		out, err := w.cmd.StdoutPipe()
		if err != nil {
			return v, err
		}
		w.out = bufio.NewReader(out)
		if err := w.cmd.Start(); err != nil {
			return v, err
		}
	}
	late := time.AfterFunc(hangAfter, func() { _ = w.cmd.Process.Kill() })
	defer late.Stop()
	if err = json.NewEncoder(w.in).Encode(l); err == nil {
		var line []byte
		if line, err = w.out.ReadBytes('\n'); err == nil {
			err = json.Unmarshal(line, &v)
		}
	}
	if err != nil && w.h.ctx.Err() == nil {
		w.close()
		v.add(Died, "%v: %.2000s", errLookDied, w.log)
		return v, nil
	}
	return v, err
}

// point runs the stage with something injected, and looks at what is left.
func (w *worker) point(s *stage, c *Call, name string, inject []injection, patience time.Duration) (o outcome, met bool, err error) {
	if err := lay(w.dir, s.files); err != nil {
		return o, false, err
	}
	job := s.job(w.dir)
	job.Patience = max(job.Patience, patience)
	if o, err = drive(w.h.ctx, w.h.Driver, job, "", inject, w.h.Env); err != nil {
		return o, false, err
	}
	if w.h.ctx.Err() != nil {
		return o, false, w.h.ctx.Err()
	}
	where := fmt.Sprintf("seed %d, %s, %s at %s %d (%s)", s.spec.Seed, s.name, name, c.Name, c.Index, c.Path)
	if o.hung {
		w.h.found(Died, where+": hung")
		return o, true, nil
	}
	if o.crashed() {
		w.h.found(Died, fmt.Sprintf("%s: %.2000s", where, o.log))
	}
	if !o.killed && !o.injected {
		return o, false, nil
	}
	history := s.history.Clone()
	if err := history.Read(o.out); err != nil {
		return o, true, fmt.Errorf("%s: %w", where, err)
	}
	v, err := w.look(Look{Spec: s.spec, Phase: s.phase, History: history, Dir: w.dir, Depth: Reopen})
	w.h.judge(where, v)
	return o, true, err
}

func (w *worker) kill(s *stage, c *Call) error {
	o, met, err := w.point(s, c, "kill", []injection{{c.Name, "signal=SIGKILL", fmt.Sprint(c.Index)}}, 0)
	w.h.count(func(n *Counts) {
		if met && o.killed {
			n.KillPoints++
		} else {
			n.Missed++
		}
	})
	return err
}

func (w *worker) fault(s *stage, c *Call, f fault) error {
	o, met, err := w.point(s, c, f.name, f.inject, f.patience)
	w.h.count(func(n *Counts) {
		switch {
		case !met:
			n.Missed++
		case o.failed:
			n.FaultPoints++
		default:
			n.FaultPoints++
			n.CameBack++
		}
	})
	return err
}

// aftermath records a run with something injected and the run of a process that
// follows it, and cuts the power from the fault on.
func (w *worker) aftermath(s *stage, c *Call, name string, inject []injection) error {
	where := fmt.Sprintf(", %s at %s %d (%s)", name, c.Name, c.Index, c.Path)
	traces, err := w.record(s, where, inject)
	if err != nil || traces == nil {
		return err
	}
	return w.cut(s, s.history, traces, w.h.LieDraws, where)
}

// record records a run with something injected and, where it does not come to
// its end, that of a process that follows it.
func (w *worker) record(s *stage, where string, inject []injection) (traces []string, err error) {
	traces = []string{w.dir + ".trace-1", w.dir + ".trace-2"}
	where = fmt.Sprintf("seed %d, %s%s", s.spec.Seed, s.name, where)
	if err := lay(w.dir, s.files); err != nil {
		return nil, err
	}
	o, err := drive(w.h.ctx, w.h.Driver, s.job(w.dir), traces[0], inject, w.h.Env)
	if err != nil {
		return nil, err
	}
	if o.hung {
		w.h.found(Died, where+": hung")
		return nil, nil
	}
	if !o.failed {
		return traces[:1], nil
	}
	history := s.history.Clone()
	if err := history.Read(o.out); err != nil {
		return nil, err
	}
	job := s.job(w.dir)
	for _, op := range s.sc.Phases[s.phase].Ops {
		if a := history.Answers[op.N]; a.Pending || a.Acked || a.Unknown {
			job.From = op.N
		}
	}
	if o, err = drive(w.h.ctx, w.h.Driver, job, traces[1], nil, w.h.Env); err != nil {
		return nil, err
	}
	if o.failed || o.hung {
		w.h.found(Unusable, fmt.Sprintf("%s: the process after it: %.2000s", where, o.log))
		return nil, nil
	}
	return traces, nil
}

// maxDeaths bounds how often a cutting process is started again.
const maxDeaths = 5

// cut has a process cut the power all along a recording.
func (w *worker) cut(s *stage, history *History, traces []string, draws int, what string) error {
	where := fmt.Sprintf("seed %d, %s%s, power cut", s.spec.Seed, s.name, what)
	root := filepath.Join(w.dir, "data")
	if len(traces) == 1 && traces[0] == s.trace {
		root = filepath.Join(w.h.Work, recordRoot, "data")
	}
	key := w.dir + ".key"
	if err := os.WriteFile(key, s.files[KeyFileName], 0o600); err != nil {
		return err
	}
	c := Cut{
		Spec: s.spec, Phase: s.phase, History: history, Start: s.start, Key: key, Traces: traces, Root: root,
		Seed2: uint64(len(what)), Draws: draws, Late: what != "", Work: w.dir + ".cut",
	}
	for range maxDeaths {
		if err := lay(c.Work, nil); err != nil {
			return err
		}
		result, last, log, err := w.cutOnce(c)
		if err != nil || w.h.ctx.Err() != nil {
			return err
		}
		if result.Done {
			w.h.count(func(n *Counts) {
				n.Recordings++
				n.Syncs += result.Epochs
				n.CutStates += result.States
				n.Salvaged += result.Salvaged
			})
			for _, f := range result.Findings {
				w.h.found(f.Kind, fmt.Sprintf("%s after call %d (state %d): %s", where, f.Call, f.State, f.Detail))
			}
			return nil
		}
		w.h.found(Died, fmt.Sprintf("%s: state %d killed the process: %.2000s", where, last, log))
		c.Skip = last + 1
	}
	return nil
}

func (w *worker) cutOnce(c Cut) (result Cuts, last int, log string, err error) {
	cmd := exec.CommandContext(w.h.ctx, w.h.Driver, "cut")
	cmd.Env = append(os.Environ(), w.h.Env...)
	in, err := json.Marshal(c)
	if err != nil {
		return result, 0, "", err
	}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return result, 0, "", err
	}
	if err := cmd.Start(); err != nil {
		return result, 0, "", err
	}
	late := time.AfterFunc(hangAfter, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	last = c.Skip - 1
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		late.Reset(hangAfter)
		if rest, ok := bytes.CutPrefix(line, []byte("s ")); ok {
			_, _ = fmt.Sscanf(string(rest), "%d", &last)
		} else if rest, ok := bytes.CutPrefix(line, []byte("r ")); ok {
			if err := json.Unmarshal(rest, &result); err != nil {
				return result, last, "", err
			}
		}
	}
	err = cmd.Wait()
	if !result.Done && err != nil && strings.Contains(stderr.String(), "driver:") && !strings.Contains(stderr.String(), "panic") {
		return result, last, "", fmt.Errorf("cutting: %s", stderr.String())
	}
	return result, last, stderr.String(), nil
}
