package printer

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// A printer that takes no bytes costs a write its time and nothing more: once the line
// is closed nothing holds the port.
func TestALineThatIsStoppedIsLetGo(t *testing.T) {
	t.Parallel()
	control, held, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = control.Close() }()
	if _, err := term.MakeRaw(int(held.Fd())); err != nil {
		t.Fatal(err)
	}
	w, err := openLine(held.Name(), 9600)
	if err != nil {
		t.Fatal(err)
	}
	question, heard := []byte{0x10, 4, 1}, make([]byte, 16)
	if _, err := w.Write(question); err != nil {
		t.Errorf("before it is stopped: %v", err)
	}
	if n, err := control.Read(heard); err != nil || n != len(question) {
		t.Errorf("the printer heard %d bytes: %v", n, err)
	}
	if err := unix.IoctlSetInt(int(held.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(question); !errors.Is(err, errStuck) {
		t.Errorf("while it is stopped: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	_ = held.Close()
	gone := make(chan error, 1)
	go func() {
		_, err := control.Read(heard)
		gone <- err
	}()
	select {
	case err := <-gone:
		if !errors.Is(err, syscall.EIO) { // so says the system when nobody has the terminal open
			t.Errorf("the other end reads %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("something still has the port open")
	}
}
