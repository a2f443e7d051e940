package simulator

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func start(t *testing.T) (p *SerialPort, stop func()) {
	t.Helper()
	p, err := NewSerialPort(t.TempDir(), "scanner")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(stop)
	return p, stop
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// read gives the next n bytes of the device.
func read(t *testing.T, f *os.File, n int) string {
	t.Helper()
	buf := make([]byte, n)
	if err := f.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(f, buf); err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(buf)
}

func TestProgramsComeAndGo(t *testing.T) {
	t.Parallel()
	p, stop := start(t)
	for range 3 { // the gateway
		reader := open(t, p.Path())
		for range 3 { // the program
			w, err := os.OpenFile(p.Input(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // as a shell's > does
			if err != nil {
				t.Fatal(err)
			}
			const scan = "A\r\n\x04\x03\x11\x13\x7f\xff\x00Z\n"
			if _, err := w.WriteString(scan); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got := read(t, reader, len(scan)); got != scan {
				t.Errorf("read %q, want %q", got, scan)
			}
		}
		_ = reader.Close()
	}
	stop()
	for _, link := range []string{p.Path(), p.Input()} {
		if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s after Run: %v", filepath.Base(link), err)
		}
	}
}

func TestUnplugEndsABlockedRead(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	reader := open(t, p.Path())
	defer func() { _ = reader.Close() }()
	done := make(chan error, 1)
	go func() {
		_, err := reader.Read(make([]byte, 1))
		done <- err
	}()
	p.Unplug()
	p.Unplug()
	select {
	case err := <-done:
		if err == nil {
			t.Error("read of an unplugged device gave a byte")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("read goes on after the device was unplugged")
	}
	if _, err := p.Write([]byte("A")); !errors.Is(err, ErrUnplugged) {
		t.Errorf("Write = %v, want ErrUnplugged", err)
	}
	if err := p.Plug(); err != nil {
		t.Fatal(err)
	}
	again := open(t, p.Path())
	defer func() { _ = again.Close() }()
	if _, err := p.Write([]byte("B")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, again, 1); got != "B" {
		t.Errorf("read %q after plugging in again, want B", got)
	}
}

// The gateway was killed with the port in exclusive use. Only a program without
// root's rights is refused by that, so for root this test shows little.
func TestExclusiveUseEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	killed := open(t, p.Path())
	if err := unix.IoctlSetInt(int(killed.Fd()), unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	_ = killed.Close()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(p.Path(), os.O_RDWR|unix.O_NOCTTY, 0)
		if err == nil {
			_ = f.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("port stays taken: %v", err)
		}
	}
}

func TestWhatNobodyFetchesIsDropped(t *testing.T) {
	t.Parallel()
	p, err := NewSerialPort(t.TempDir(), "scanner") // without Run: the test is the clock
	if err != nil {
		t.Fatal(err)
	}
	defer p.input.close()
	defer p.Unplug()
	if _, err := p.Write([]byte("CHK1:STALE\r")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); unread(p.device.held) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // the kernel passes it on
	}
	since := p.tend(time.Time{})
	if since.IsZero() || unread(p.device.held) != 11 {
		t.Fatalf("%d bytes wait since %v, want 11 since now", unread(p.device.held), since)
	}
	if p.tend(since); unread(p.device.held) != 11 {
		t.Error("dropped at once")
	}
	if p.tend(since.Add(-keepUnread)); unread(p.device.held) != 0 {
		t.Error("kept for ever")
	}
	if since := p.tend(since); !since.IsZero() {
		t.Errorf("nothing waits, but since %v", since)
	}
}

// What a simulator that was killed left behind does not stop the next one.
func TestLinksLeftBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"scanner", "scanner.input", "scanner.new"} {
		if err := os.Symlink("/dev/pts/99999", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := NewSerialPort(dir, "scanner")
	if err != nil {
		t.Fatal(err)
	}
	defer p.input.close()
	defer p.Unplug()
	open(t, p.Path()).Close()
	if _, err := NewSerialPort(filepath.Join(dir, "missing"), "scanner"); err == nil {
		t.Error("NewSerialPort in a folder that is not there")
	}
}

// A program that keeps the input open does not keep the simulator.
func TestEndsUnderAProgram(t *testing.T) {
	t.Parallel()
	p, stop := start(t)
	w := open(t, p.Input())
	defer w.Close()
	ended := make(chan struct{})
	go func() {
		stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = w.Close()
		t.Error("the simulator goes on while a program has its input open")
		<-ended
	}
}

// Nor does a program that does not read: what is too much for it is lost.
func TestADeviceThatIsFullLosesTheRest(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	r := open(t, p.Path())
	defer r.Close()
	written := make(chan error, 1)
	go func() {
		for range 1000 {
			if _, err := p.Write(make([]byte, 4096)); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	select {
	case err := <-written:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %v, want the deadline", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("a write waits for a program that does not read")
		_ = r.Close()
	}
}
