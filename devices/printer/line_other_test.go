//go:build !linux

package printer

import (
	"errors"
	"testing"
	"time"

	"go.bug.st/serial"
)

// hanging is a port whose driver does not let go of a write.
type hanging struct {
	serial.Port
	free chan struct{}
}

func (h hanging) Write(b []byte) (int, error) { <-h.free; return len(b), nil }
func (hanging) Drain() error                  { return nil }
func (hanging) ResetOutputBuffer() error      { return nil }

// While a write hangs, the port is not opened for another one.
func TestOneWriteHangsAtMost(t *testing.T) {
	const name = "COM250"
	out, err := openOutlet(name)
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{})
	if _, err := (&line{hanging{free: free}, out}).Write([]byte{0x10, 4, 1}); !errors.Is(err, errStuck) {
		t.Errorf("a write that hangs: %v", err)
	}
	if _, err := openLine(name, 9600); !errors.Is(err, errStuck) {
		t.Errorf("opened again meanwhile: %v", err)
	}
	close(free)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err = openLine(name, 9600); !errors.Is(err, errStuck) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is not opened again after the write has ended")
		}
	}
}
