// Command driver is one life of a process on a store, for the crash harness to
// kill, to fail and to cut off; and the one that looks at what is left.
//
//	driver run  < Job     does the operations of a phase, and says so on stdout
//	driver look < Look... opens what was left, and holds it against the history
//	driver cut  < Cut     builds the states that a power cut may leave, and looks at each
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"clinicgate/storage/crashtest"
)

// The operations that are not the writer's run on the first thread, so that an
// injected fault hits the same system call in each run.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "driver: want run, look or cut")
		os.Exit(2)
	}
	if err := crashtest.Serve(context.Background(), os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}
