package printer_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"clinicgate/devices/printer"
	"clinicgate/devices/simulator"
)

// The same tickets through a device node, as usblp has it, and through a serial
// line: both are a pseudo-terminal here, whose other end is the simulated printer.
func TestTicketOverNodeAndLine(t *testing.T) {
	for _, prefix := range []string{"", "serial:"} {
		control, node, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := term.MakeRaw(int(node.Fd())); err != nil {
			t.Fatal(err)
		}
		b := newBench(t, func(c *printer.Config) {
			host := strings.TrimPrefix(c.Address, "tcp:")
			c.Address = prefix + node.Name()
			go func() {
				far, err := net.Dial("tcp", host)
				if err != nil {
					return
				}
				defer func() { _ = far.Close() }()
				go func() { _, _ = io.Copy(control, far) }()
				_, _ = io.Copy(far, control)
			}()
		}, simulator.Trouble{})
		t.Cleanup(func() { _ = control.Close(); _ = node.Close() })
		b.attached()
		for range 2 {
			if err := b.do(ticket("cmd", "A-017")); err != nil {
				t.Fatalf("%s: %v", prefix, err)
			}
		}
		if got := b.tickets("A-017"); got != 1 || !b.dev.Says().Answers {
			t.Errorf("%s: %d tickets, want 1: %+v", prefix, got, b.sim.Papers())
		}
		b.stop()
	}
}
