//go:build bench

package bench

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// relay is the way to PubNub: TCP that takes its time, and that can be cut.
// Cutting resets what is open and what comes.
type relay struct {
	listener net.Listener
	target   string
	delay    time.Duration // each way

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

func newRelay(t *testing.T, target string, delay time.Duration) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, target: target, delay: delay, conns: map[net.Conn]struct{}{}}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		_ = l.Close()
		r.set(true)
		r.wg.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for c := range r.conns {
			reset(c)
		}
	}
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() {
			if !r.hold(in) {
				return
			}
			defer r.release(in)
			out, err := net.Dial("tcp", r.target)
			if err != nil || !r.hold(out) {
				return
			}
			defer r.release(out)
			var both sync.WaitGroup
			both.Go(func() { r.pump(out, in) })
			both.Go(func() { r.pump(in, out) })
			both.Wait()
		})
	}
}

// hold takes a connection in, or resets it.
func (r *relay) hold(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		reset(c)
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *relay) release(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	_ = c.Close()
}

type parcel struct {
	due  time.Time
	data []byte
}

// pump copies one direction, each byte delay later than it came, until an end
// closes.
func (r *relay) pump(to, from net.Conn) {
	parcels := make(chan parcel, 1024)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer func() { _ = errors.Join(to.Close(), from.Close()) }()
		for p := range parcels {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		for range parcels { // the reader ends by itself
		}
	})
	for {
		buf := make([]byte, 32<<10)
		n, err := from.Read(buf)
		if n > 0 {
			parcels <- parcel{time.Now().Add(r.delay), buf[:n]}
		}
		if err != nil {
			break
		}
	}
	close(parcels)
	writer.Wait()
}
