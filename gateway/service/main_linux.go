package service

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"clinicgate/gateway/logging"
)

// Main runs the program until it ends, SIGTERM or Ctrl-C; a second signal does not
// wait. The variables of the service manager go no further than this process.
func Main(args []string, program Program) int {
	_ = NoDumps() // a machine where this fails still has patients to check in
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if asked(args) {
		n, err := NewNotifier(os.Getenv)
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			return 1
		}
		defer n.Close()
		for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
			_ = os.Unsetenv(name) // only fails for a name that is none
		}
		ctx = context.WithValue(ctx, notifierKey{}, n)
	}
	stderr := io.Writer(os.Stderr)
	if logging.ToJournald() {
		stderr = errorLines{os.Stderr}
	}
	return program(ctx, args, os.Stdin, os.Stdout, stderr)
}

// errorLines is standard error that journald reads: what the program ends with has an
// error's priority there, and with it its hint.
type errorLines struct{ to io.Writer }

// Write implements io.Writer. A line is written at once.
func (l errorLines) Write(p []byte) (int, error) {
	var b bytes.Buffer
	for line := range bytes.Lines(p) {
		if bytes.HasPrefix(line, []byte("error:")) || bytes.HasPrefix(line, []byte("hint:")) {
			b.WriteString("<3>")
		}
		b.Write(line)
	}
	if _, err := l.to.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
