//go:build vm

package vm

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/packaging/machinetest"
)

const (
	prepareWithin = 10 * time.Minute // a slow mirror
	buildWithin   = 10 * time.Minute // a cold build cache
	runWithin     = 10 * time.Minute
)

// A mark begins what the machine's own script says; the rest is of the tests.
const mark = "@@ "

// TestMachine runs every TestVM... inside the machine.
func TestMachine(t *testing.T) {
	began := time.Now()
	lap := func(what string) {
		t.Logf("%s: %.1f s", what, time.Since(began).Seconds())
		began = time.Now()
	}
	ctx, cancel := context.WithTimeout(t.Context(), prepareWithin)
	defer cancel()
	k := machinetest.PrepareKernel(ctx, t)
	lap("kernel " + k.Release)

	ctx, cancel = context.WithTimeout(t.Context(), buildWithin)
	defer cancel()
	programs := buildTests(ctx, t)
	lap(fmt.Sprintf("%d test programs", len(programs)))

	dir := t.TempDir()
	disk := filepath.Join(dir, "initramfs.cpio")
	writeDisk(t, disk, k, programs)
	ctx, cancel = context.WithTimeout(t.Context(), runWithin)
	defer cancel()
	run(ctx, t, k, disk, filepath.Join(dir, "console.log"), programs)
	lap("machine")
}

// run boots the machine, shows what the tests say, and judges.
func run(ctx context.Context, t *testing.T, k machinetest.Kernel, disk, console string, programs []program) {
	cmd := k.Command(ctx, t, disk, "tsc=reliable", "-smp", "2", "-serial", "file:"+console, "-serial", "stdio")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, finished, passed := map[string]string{}, false, 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		said, ours := strings.CutPrefix(line, mark)
		switch {
		case !ours:
			t.Log(line)
			if strings.HasPrefix(line, "--- PASS: ") {
				passed++
			}
		case said == "finished":
			finished = true
		case strings.HasPrefix(said, "ended "):
			name, status, _ := strings.Cut(strings.TrimPrefix(said, "ended "), " ")
			ended[name] = status
		default:
			t.Log(said)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("qemu: %v", err)
	}
	kernelSaid, _ := os.ReadFile(console)
	if !finished {
		t.Errorf("the machine did not come to its end; its console:\n%s", machinetest.Tail(string(kernelSaid), 60))
	}
	for _, fault := range []string{"BUG:", "Oops", "Call Trace:", "Kernel panic"} {
		if strings.Contains(string(kernelSaid), fault) {
			t.Errorf("the kernel reports a fault (%s); its console:\n%s", fault, machinetest.Tail(string(kernelSaid), 60))
			break
		}
	}
	for _, p := range programs {
		if status, ok := ended[p.name]; status != "0" {
			t.Errorf("%s: ended %v, status %q, want 0", p.pkg, ok, status)
		}
	}
	if passed == 0 {
		t.Error("no test passed inside the machine")
	}
	t.Logf("%d tests passed inside the machine", passed)
}
