package session

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// tree is a browser or a compositor with all that it starts.
type tree struct{ group int }

// pass gives the browser its two ends of the pipe, as descriptors 3 and 4.
func pass(cmd *exec.Cmd, read, write *os.File) { cmd.ExtraFiles = []*os.File{read, write} }

// startTree starts a command and closes ended when it ended. It dies with this
// process, whatever ends that.
func startTree(cmd *exec.Cmd, ended chan struct{}) (*tree, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The kernel sends the signal when the thread ends that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended does not change what is done
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return &tree{cmd.Process.Pid}, nil
}

// kill ends all of it at once.
func (t *tree) kill() { _ = syscall.Kill(-t.group, syscall.SIGKILL) } // it may have ended
