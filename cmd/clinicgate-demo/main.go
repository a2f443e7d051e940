// Command clinicgate-demo shows the whole product on one machine, on loopback
// and with no account anywhere: the gateway as a process of its own, a PubNub
// double, simulated devices, and a fictional clinic.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command's.
type options struct {
	dir       string
	seed      uint64
	auto      float64
	dataLimit string
	readyFile string
	gateway   string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	f := flag.NewFlagSet("clinicgate-demo", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.dir, "dir", "", "folder of the demo's data; default: a fresh one, removed at the end")
	f.Uint64Var(&o.seed, "seed", 1, "the same seed makes the same fictional people")
	f.Float64Var(&o.auto, "auto", 0, "fictional patients a minute who check in by themselves")
	f.StringVar(&o.dataLimit, "data-limit", "1GiB", "bytes that the gateway's store may use, such as 64MiB")
	f.StringVar(&o.readyFile, "ready-file", "", "JSON file with all addresses, rewritten whenever something changes")
	f.StringVar(&o.gateway, "gateway", "", "the clinicgate program; default: beside this one")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if f.NArg() > 0 || o.auto < 0 || o.auto > 600 {
		fmt.Fprintln(stderr, "error: takes options only, and --auto from 0 to 600\nhint: clinicgate-demo -h")
		return 2
	}
	err := demonstrate(ctx, o, stdout, stderr)
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "error: %v\n", err)
		if h, ok := errors.AsType[interface {
			error
			Hint() string
		}](err); ok {
			fmt.Fprintf(stderr, "hint: %s\n", h.Hint())
		}
		return 1
	}
	return 0
}
