package simulator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	tendEvery  = 250 * time.Millisecond
	keepUnread = 5 * time.Second
	writeLimit = time.Second
)

// ErrUnplugged: the bytes went nowhere.
var ErrUnplugged = errors.New("simulated device is unplugged")

// SerialPort is a pretended device on a serial port. Its methods may be called
// from several goroutines.
type SerialPort struct {
	link  string
	input *terminal

	mu     sync.Mutex // guards device
	device *terminal  // nil while unplugged
}

// terminal is a pseudo-terminal. The device's side is the one that has a path;
// it is held open and raw, so that programs may come and go on it without
// ending it, and no byte is changed or sent back.
type terminal struct {
	control *os.File // our side
	held    *os.File // the side that has a path
}

func (t *terminal) close() {
	_ = t.control.Close()
	_ = t.held.Close()
}

// NewSerialPort makes the links <dir>/<name> and <dir>/<name>.input, plugged
// in. What an earlier simulator left under these names is replaced. Call Run,
// which removes them again. Without pseudo-terminals the error wraps
// errors.ErrUnsupported.
func NewSerialPort(dir, name string) (*SerialPort, error) {
	p := &SerialPort{link: filepath.Join(dir, name)}
	input, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("cannot simulate a serial port: %w", err)
	}
	p.input = input
	if err := relink(input.held.Name(), p.Input()); err != nil {
		input.close()
		return nil, err
	}
	if err := p.Plug(); err != nil {
		input.close()
		_ = os.Remove(p.Input())
		return nil, err
	}
	return p, nil
}

// Path is what a gateway names as the device's port. It stays the same.
func (p *SerialPort) Path() string { return p.link }

// Input is what a program opens and writes a scan to, suffix included.
func (p *SerialPort) Input() string { return p.link + ".input" }

// Run carries bytes from Input to the device until ctx ends; then it unplugs
// the device and removes the links.
func (p *SerialPort) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(p.relay)
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	var unreadSince time.Time
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			unreadSince = p.tend(unreadSince)
		}
	}
	p.input.close() // ends the relay
	wg.Wait()
	p.Unplug()
	_ = os.Remove(p.Input())
	return nil
}

// relay ends when the input is closed.
func (p *SerialPort) relay() {
	buf := make([]byte, 4096)
	for {
		n, err := p.input.control.Read(buf)
		if err != nil {
			return
		}
		_, _ = p.Write(buf[:n]) // scanning with an unplugged scanner does nothing
	}
}

// tend frees both terminals of a program that took them for itself and was
// killed, and drops what nobody fetched.
func (p *SerialPort) tend(unreadSince time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	share(p.input.held)
	if p.device == nil {
		return time.Time{}
	}
	share(p.device.held)
	switch {
	case unread(p.device.held) == 0:
		return time.Time{}
	case unreadSince.IsZero():
		return time.Now()
	case time.Since(unreadSince) >= keepUnread:
		discard(p.device.held)
	}
	return unreadSince
}

// Write is what the device sends, at once and in one piece. It takes at most
// 4096 bytes a call; a device that is full for a second loses the rest.
func (p *SerialPort) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.device == nil {
		return 0, ErrUnplugged
	}
	if err := p.device.control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	return p.device.control.Write(b)
}

// Unplug takes the device away, under a blocked read too. Unplugging twice is
// no error.
func (p *SerialPort) Unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.device == nil {
		return
	}
	_ = os.Remove(p.link)
	p.device.close()
	p.device = nil
}

// Plug brings the device back as a new node, and points the link at it.
func (p *SerialPort) Plug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.device != nil {
		return nil
	}
	t, err := openTerminal()
	if err != nil {
		return fmt.Errorf("cannot plug in the simulated device: %w", err)
	}
	if err := relink(t.held.Name(), p.link); err != nil {
		t.close()
		return err
	}
	p.device = t
	return nil
}

// relink points a link at a node, in one step for whoever follows it.
func relink(node, link string) error {
	next := link + ".new"
	_ = os.Remove(next)
	if err := os.Symlink(node, next); err != nil {
		return fmt.Errorf("cannot link the simulated port: %w", err)
	}
	if err := os.Rename(next, link); err != nil {
		_ = os.Remove(next)
		return fmt.Errorf("cannot link the simulated port: %w", err)
	}
	return nil
}
