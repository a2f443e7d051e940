//go:build linux

package machinetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Addresses of a cable's ends. Each cable is a network of its own, so that all may
// have the same.
const (
	Inside  = "10.77.0.2"
	Outside = "10.77.0.1"
)

// Cable is a machine's way to a network in which there is nobody but the test.
type Cable struct {
	t    *testing.T
	name string // of the network namespace and of the interface in it
}

// Cable connects the machine. It is gone when the test ends, or the machine.
func (m *Machine) Cable(t *testing.T) *Cable {
	t.Helper()
	c := &Cable{t: t, name: "cg" + strconv.Itoa(m.leader)} // an interface's name has 15 characters
	c.ip("netns", "add", c.name)
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", c.name).CombinedOutput(); err != nil {
			t.Errorf("ip netns del: %v: %s", err, out)
		}
	})
	c.ip("-n", c.name, "link", "add", c.name, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(m.leader))
	c.ip("-n", c.name, "addr", "add", Outside+"/24", "dev", c.name)
	c.Plug()
	m.Run("ip", "addr", "add", Inside+"/24", "dev", "eth0")
	m.Run("ip", "link", "set", "eth0", "up")
	m.Run("ip", "route", "add", "default", "via", Outside)
	return c
}

// Pull pulls it out: the machine's interface has no carrier.
func (c *Cable) Pull() { c.t.Helper(); c.ip("-n", c.name, "link", "set", c.name, "down") }

// Plug puts it back.
func (c *Cable) Plug() { c.t.Helper(); c.ip("-n", c.name, "link", "set", c.name, "up") }

func (c *Cable) ip(args ...string) {
	c.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		c.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// Listen listens at the far end.
func (c *Cable) Listen(port int) net.Listener {
	c.t.Helper()
	type answer struct {
		net.Listener
		error
	}
	got := make(chan answer)
	go func() {
		// The thread is in the other network from here on: it ends with this goroutine.
		runtime.LockOSThread()
		f, err := os.Open(filepath.Join("/run/netns", c.name))
		if err == nil {
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			_ = f.Close()
		}
		if err != nil {
			got <- answer{nil, err}
			return
		}
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", Outside, port))
		got <- answer{l, err}
	}()
	a := <-got
	if a.error != nil {
		c.t.Fatal(a.error)
	}
	return a.Listener
}
