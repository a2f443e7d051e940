package service

import (
	"context"
	"io"
	"slices"
)

// Program is the whole program: it returns the exit code. Its context ends when
// the process is to stop.
type Program func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// asked reports whether the command line is that of a service: `run --service`, or
// `upgrade keep --service`. It is looked at before anything is parsed.
func asked(args []string) bool {
	return slices.Contains(args, "--service") && (slices.Contains(args, "run") || slices.Contains(args, "keep"))
}

type notifierKey struct{}

// NotifierOf gives the service manager's ear in a Program's context; nil where the
// process is no service.
func NotifierOf(ctx context.Context) *Notifier {
	n, _ := ctx.Value(notifierKey{}).(*Notifier)
	return n
}
