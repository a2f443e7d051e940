//go:build linux

package machinetest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// tied starts a process that ends with this one, whatever ends that, and gives a
// channel that is closed when it has ended.
func tied(cmd *exec.Cmd) (ended chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	ended = make(chan struct{})
	started := make(chan error)
	go func() {
		// The kernel sends the signal when the thread ends that started it, and threads
		// that were in another network end.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(ended)
		}
	}()
	return ended, <-started
}
