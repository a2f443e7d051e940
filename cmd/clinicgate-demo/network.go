package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// network is the way between the gateway and PubNub: a TCP relay on loopback
// that can be cut, slowed and restored. Cutting ends what is open and refuses
// what comes; so does the real thing.
type network struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	state linkState
	conns map[net.Conn]struct{}
	bytes int64
}

// linkState is how the network is.
type linkState string

const (
	linkUp   linkState = "up"
	linkSlow linkState = "slow" // a quarter of a second each way, 16 KiB a second
	linkCut  linkState = "cut"
)

func newNetwork(target string) (*network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot open the network: %w", err)
	}
	return &network{listener: l, target: target, state: linkUp, conns: map[net.Conn]struct{}{}}, nil
}

func (n *network) addr() string { return n.listener.Addr().String() }

func (n *network) set(s linkState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
	if s == linkCut {
		for c := range n.conns {
			if t, ok := c.(*net.TCPConn); ok {
				_ = t.SetLinger(0)
			}
			_ = c.Close()
		}
	}
}

func (n *network) get() linkState {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

const maxConns = 256

func (n *network) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { n.set(linkCut); _ = n.listener.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := n.listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("cannot accept: %w", err)
		}
		if !n.hold(c) {
			continue
		}
		wg.Go(func() {
			defer n.release(c)
			n.relay(c)
		})
	}
}

// hold takes a connection in, or resets it when the network is cut.
func (n *network) hold(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == linkCut || len(n.conns) >= maxConns {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		_ = c.Close()
		return false
	}
	n.conns[c] = struct{}{}
	return true
}

func (n *network) release(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
	_ = c.Close()
}

func (n *network) relay(c net.Conn) {
	up, err := net.DialTimeout("tcp", n.target, 2*time.Second)
	if err != nil {
		return
	}
	if !n.hold(up) {
		return
	}
	defer n.release(up)
	var wg sync.WaitGroup
	wg.Go(func() { n.pump(up, c) })
	wg.Go(func() { n.pump(c, up) })
	wg.Wait()
}

// pump copies one direction until an end closes.
func (n *network) pump(to, from net.Conn) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
	}()
	buf := make([]byte, 16<<10)
	for {
		k, err := from.Read(buf)
		if k > 0 {
			if n.get() == linkSlow {
				time.Sleep(250*time.Millisecond + time.Duration(k)*time.Second/(16<<10))
			}
			if _, err := to.Write(buf[:k]); err != nil {
				return
			}
			n.mu.Lock()
			n.bytes += int64(k)
			n.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}
