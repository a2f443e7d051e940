package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoDumps: where dumps are wanted, this program, started by hand, leaves none when it
// is aborted, and there is none of its memory in one that is handed over.
func TestNoDumps(t *testing.T) {
	dir := t.TempDir()
	c := exec.Command("sh", "-c", "ulimit -S -c $(ulimit -H -c) && exec clinicgate store verify-child") // it waits for its keys
	c.Dir, c.Env = dir, append(os.Environ(), "GOTRACEBACK=crash")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	of := func(name string) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.Process.Pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(text)), " ")
	}
	sealed := func() bool {
		return strings.Contains(of("limits"), "Max core file size 0 0 bytes") && of("coredump_filter") == "00000000"
	}
	for end := time.Now().Add(time.Minute); !sealed() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if !sealed() {
		t.Errorf("it may leave a dump: filter %s, %s", of("coredump_filter"), of("limits"))
	}
	if err := c.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // aborted
	if c.ProcessState.Sys().(syscall.WaitStatus).CoreDump() {
		left, _ := filepath.Glob(filepath.Join(dir, "*"))
		t.Errorf("it was dumped: %s", left)
	}
}
