//go:build vm

package vm

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	k := prepareKernel(ctx, t)
	lap("kernel " + k.release)

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
func run(ctx context.Context, t *testing.T, k kernel, disk, console string, programs []program) {
	cmd := exec.CommandContext(ctx, tool(t, "qemu-system-x86_64", "qemu-system-x86"),
		"-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max", "-smp", "2", "-m", "768", "-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "file:"+console, "-serial", "stdio",
		"-kernel", k.image, "-initrd", disk,
		"-append", "console=ttyS0 panic=-1 mitigations=off nokaslr tsc=reliable random.trust_cpu=on",
		"-device", "virtio-rng-pci")
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
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
		t.Errorf("the machine did not come to its end; its console:\n%s", tail(string(kernelSaid), 60))
	}
	for _, fault := range []string{"BUG:", "Oops", "Call Trace:", "Kernel panic"} {
		if strings.Contains(string(kernelSaid), fault) {
			t.Errorf("the kernel reports a fault (%s); its console:\n%s", fault, tail(string(kernelSaid), 60))
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

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// tool finds a program, or says what to install.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install --no-install-recommends %s", name, pkg)
	}
	return path
}

// do runs a program in a folder and gives its output.
func do(ctx context.Context, t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, tail(string(out), 30), tail(said.String(), 30))
	}
	return string(out)
}
