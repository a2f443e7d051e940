package service

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
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
	return program(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}
