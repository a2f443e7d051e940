//go:build crash

package crashtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// workDir is a directory in memory, where there is one.
func workDir(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	parent := os.TempDir()
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		parent = memory
	}
	dir, err := os.MkdirTemp(parent, "crashtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestCrash(t *testing.T) {
	plan := Plan{
		Driver: build(t, ""), Work: workDir(t), Workers: runtime.NumCPU(), Log: t.Logf,
		Specs: []Spec{{Seed: 1}, {Seed: 2}}, Points: 1, Bursts: 60, Draws: 60, Lies: 3, Kills: 30, LieDraws: 12,
	}
	if os.Getenv("CRASH") == "small" {
		plan.Specs, plan.Points, plan.Bursts, plan.Draws, plan.Lies, plan.Kills = plan.Specs[:1], 6, 300, 12, 20, 200
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
