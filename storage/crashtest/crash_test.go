//go:build crash

package crashtest

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// build builds the driver.
func build(t *testing.T, tags string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "driver")
	cmd := exec.Command("go", "build", "-tags", tags, "-o", path, "./driver")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the driver: %v\n%s", err, out)
	}
	return path
}

func TestCrash(t *testing.T) {
	plan := Plan{
		Driver: build(t, ""), Work: workDir(t), Workers: runtime.NumCPU(), Log: t.Logf,
		Specs: []Spec{{Seed: 1}}, Points: 1, Bursts: 60, Draws: 60, Lies: 3, Kills: 30, LieDraws: 8,
	}
	switch os.Getenv("CRASH") {
	case "small":
		plan.Points, plan.Bursts, plan.Draws, plan.Lies, plan.Kills = 12, 600, 8, 40, 400
	case "large":
		plan.Specs = append(plan.Specs, Spec{Seed: 2})
	}
	if phases := os.Getenv("CRASH_PHASES"); phases != "" {
		plan.Phases = strings.Split(phases, ",")
	}
	counts, err := plan.Carry(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &counts)
	for _, f := range counts.Findings {
		t.Error(f)
	}
	if counts.Total() > 0 {
		t.Fatalf("%d violations", counts.Total())
	}
}

var record = flag.Bool("record", false, "make the recordings in testdata anew")

// TestRecord makes the recordings that the tests without strace replay: one run
// without a fault, and one with a sync that fails for good, followed by another
// process.
func TestRecord(t *testing.T) {
	if !*record {
		t.Log("not asked to; see -record")
		return
	}
	h := &harness{Plan: Plan{Driver: build(t, ""), Work: workDir(t), Log: t.Logf}}
	h.out.Violations = map[string]int{}
	h.ctx, h.cancel = context.WithCancel(t.Context())
	defer h.cancel()
	stages, err := h.prepare(0, Spec{Seed: 1, Small: true})
	if err != nil || h.out.Total() > 0 {
		t.Fatal(err, h.out.Findings)
	}
	s := stages[0]
	r := Recording{Spec: s.spec, Key: s.files[KeyFileName], Calls: s.calls}
	if err := r.Save(filepath.Join("testdata", "plain.trace")); err != nil {
		t.Fatal(err)
	}
	// The sync of a meta page in the middle of the run.
	syncs := 0
	for i := range s.calls {
		c := &s.calls[i]
		if c.Path != "store.db" || c.What != Syncs || c.Failed {
			continue
		}
		if syncs++; syncs < 30 || s.calls[i-1].Off >= 2*pageSize {
			continue
		}
		w := h.worker("worker")
		traces, err := w.record(s, "", s.faults(i)[1].inject)
		if err != nil || len(traces) != 2 {
			t.Fatal(traces, err)
		}
		if r.Calls, err = readTraces(traces, filepath.Join(w.dir, "data"), nil); err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := r.Save(filepath.Join("testdata", "failed-sync.trace")); err != nil {
		t.Fatal(err)
	}
}

// TestCrashPlantedBugs makes each known mistake again and expects the harness to
// see it.
func TestCrashPlantedBugs(t *testing.T) {
	driver := build(t, "plantedbugs")
	small, full := []Spec{{Seed: 1, Small: true}}, []Spec{{Seed: 1}}
	alone := Plan{Specs: small} // seen without any fault
	points := Plan{Specs: small, Points: 1}
	cuts := Plan{Specs: small, Draws: 16}
	lies := Plan{Specs: small, Lies: 1, LieDraws: 8}
	kills := Plan{Specs: small, Kills: 1, LieDraws: 8}
	retained := Plan{Specs: full, Phases: []string{"keys"}}
	bugs := []struct {
		name string
		plan Plan
	}{
		{"ack-before-commit", points},
		{"no-sync", cuts},
		{"one-sync", cuts},
		{"no-dir-sync", cuts},
		{"retry-on-handle", lies},
		{"error-is-failure", points},
		{"trust-page-cache", lies},
		{"no-settle", kills},
		{"head-before-commit", points},
		{"rollback-accepted", Plan{Specs: full}},
		{"advance-too-far", alone},
		{"dedupe-by-time", points},
		{"seq-from-clock", alone},
		{"keep-refused", alone},
		{"keep-refused-head", alone},
		{"no-place", Plan{Specs: full, Phases: []string{"swapped"}}},
		{"key-not-durable", cuts},
		{"key-in-place", cuts},
		{"prune-undelivered", retained},
		{"prune-leaf", retained},
		{"swap-unsynced", cuts},
		{"blob-unsynced", cuts},
	}
	caught := 0
	for _, b := range append(bugs, struct {
		name string
		plan Plan
	}{"", points}) {
		plan := b.plan
		plan.Driver, plan.Work, plan.Workers, plan.First = driver, workDir(t), runtime.NumCPU(), true
		plan.Env = []string{"PLANTED_BUG=" + b.name}
		counts, err := plan.Carry(t.Context())
		switch {
		case b.name == "" && (err != nil || counts.Total() > 0):
			t.Errorf("no bug: %v, %v", err, counts.Findings)
		case b.name == "":
		case counts.Total() == 0:
			t.Errorf("%s: nothing seen, %v\n%s", b.name, err, &counts)
		default:
			caught++
			t.Logf("%-20s caught in %2.0f s: %.150s", b.name, counts.Took.Seconds(), counts.Findings[0])
		}
	}
	t.Logf("%d of %d planted bugs caught", caught, len(bugs))
}
