//go:build linux

package machinetest

import (
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// A process lives on when threads of this process end, as those do that were in
// another network.
func TestTiedOutlivesThreads(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	var ended chan struct{}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ended, err = tied(cmd)
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		gone := make(chan struct{})
		go func() { defer close(gone); runtime.LockOSThread() }()
		<-gone
	}
	select {
	case <-ended:
		t.Error("it ended with a thread")
	case <-time.After(300 * time.Millisecond):
	}
	_ = cmd.Process.Kill()
	<-ended
}
