package session

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// tree is a browser with all that it starts: a job of Windows.
type tree struct{ job windows.Handle }

// pass gives the browser its two ends of the pipe. Their numbers are on its command
// line, as it wants them; they are worth nothing in another process.
func pass(cmd *exec.Cmd, read, write *os.File) {
	ends := []syscall.Handle{syscall.Handle(read.Fd()), syscall.Handle(write.Fd())}
	cmd.SysProcAttr = &syscall.SysProcAttr{AdditionalInheritedHandles: ends}
	for _, h := range ends {
		_ = windows.SetHandleInformation(windows.Handle(h), windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT) // else the start fails, which is said
	}
	cmd.Args = append(cmd.Args, fmt.Sprintf("--remote-debugging-io-pipes=%d,%d", ends[0], ends[1]))
}

// startTree starts a command and closes ended when it ended. It dies with this
// process, whatever ends that: the job's last handle is then closed.
func startTree(cmd *exec.Cmd, ended chan struct{}) (*tree, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot make a job for the browser: %w", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, windows.CloseHandle(job))
	}
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err == nil {
		err = errors.Join(windows.AssignProcessToJobObject(job, h), windows.CloseHandle(h))
	}
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait(), windows.CloseHandle(job))
	}
	go func() {
		_ = cmd.Wait() // how it ended does not change what is done
		close(ended)
	}()
	return &tree{job}, nil
}

// kill ends all of it at once.
func (t *tree) kill() {
	_ = windows.TerminateJobObject(t.job, 1) // it may have ended
	_ = windows.CloseHandle(t.job)
}
