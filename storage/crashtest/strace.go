package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// injection is one -e inject of strace.
type injection struct {
	call string // name of the system call
	what string // "signal=SIGKILL", "error=EIO"
	when string // which calls of a thread: "7", "7+", "7..9"
}

func (i injection) String() string { return "inject=" + i.call + ":" + i.what + ":when=" + i.when }

// outcome is how a run of the driver ended.
type outcome struct {
	out      []byte // what it said
	log      []byte // what it said on stderr
	killed   bool
	failed   bool
	injected bool // the fault was met
	hung     bool
}

// crashed reports whether the driver died of itself.
func (o *outcome) crashed() bool {
	return !o.killed && (bytes.Contains(o.log, []byte("panic:")) || bytes.Contains(o.log, []byte("fatal error:")) ||
		bytes.Contains(o.log, []byte("SIGBUS")) || bytes.Contains(o.log, []byte("SIGSEGV")))
}

// hangAfter is when a process is given up on.
const hangAfter = 2 * time.Minute

// drive runs the driver under strace. A trace file records everything that the
// oracle needs; without one only the injections are watched.
func drive(ctx context.Context, driver string, job Job, trace string, inject []injection, env []string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, hangAfter)
	defer cancel()
	args := []string{"-f", "-qq", "-e", "signal=none"}
	if !slices.ContainsFunc(inject, func(i injection) bool { return strings.HasPrefix(i.what, "signal") }) {
		args = append(args, "--seccomp-bpf") // quicker, but signals are not injected with it
	}
	log := trace
	if trace != "" {
		args = append(args, "-y", "-xx", "-s", "1100000", "-e", "trace="+traced, "-o", trace)
	} else {
		var names []string
		for _, i := range inject {
			names = append(names, i.call)
		}
		log = filepath.Join(job.Dir, "strace.log")
		args = append(args, "-e", "trace="+strings.Join(names, ","), "-e", "status=failed", "-s", "0", "-o", log)
	}
	for _, i := range inject {
		args = append(args, "-e", i.String())
	}
	cmd := exec.CommandContext(ctx, "strace", append(args, driver, "run")...)
	cmd.Env = append(append(os.Environ(), "GODEBUG=asyncpreemptoff=1"), env...)
	in, err := json.Marshal(job)
	if err != nil {
		return outcome{}, err
	}
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &stderr
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	o := outcome{out: out.Bytes(), log: stderr.Bytes()}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		o.hung = true
	case errors.As(err, &exit):
		o.failed = true
		if status, ok := exit.Sys().(syscall.WaitStatus); ok {
			o.killed = status.Signaled() && status.Signal() == syscall.SIGKILL
		}
	default:
		return o, fmt.Errorf("cannot run strace: %w", err)
	}
	if len(inject) > 0 && !o.killed {
		b, err := os.ReadFile(log)
		if err != nil {
			return o, err
		}
		o.injected = bytes.Contains(b, []byte("(INJECTED)"))
	}
	return o, nil
}
