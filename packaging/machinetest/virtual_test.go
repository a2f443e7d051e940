//go:build vm && linux

package machinetest_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"clinicgate/packaging/machinetest"
)

// TestCutLosesWhatWasNotFlushed: the power cut of a virtual machine is one.
func TestCutLosesWhatWasNotFlushed(t *testing.T) {
	m := machinetest.NewVirtual(t, nil)
	m.Start()
	m.Run("sh", "-c", "echo durable >/root/a && sync /root/a && echo lost >/root/b")
	if _, lost := m.Cut(0, rand.New(rand.NewPCG(1, 1))); lost == 0 {
		t.Log("nothing was in the disk's cache")
	}
	m.Start()
	if got := strings.TrimSpace(m.Run("cat", "/root/a")); got != "durable" {
		t.Errorf("what was flushed is %q", got)
	}
	if got, err := m.Try("cat", "/root/b"); err == nil {
		t.Errorf("what was not flushed is there: %q", got)
	}
	m.PowerOff()
	m.Start()
	m.Run("test", "-e", "/root/a")
}
