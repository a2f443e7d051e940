package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// ErrNotLoopback means that the patient page was told to listen where another
// machine could reach it. Use an address such as 127.0.0.1:8470; displays on
// the network have the board's own listener.
var ErrNotLoopback = errors.New("the check-in page listens on loopback only")

// listenLoopback opens the patient page's listener and refuses any address that
// another machine could reach.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("cannot read the page's address %q: %w", addr, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%q: %w", addr, ErrNotLoopback)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot open the page's listener: %w", err)
	}
	// What the resolver made of "localhost" counts, not the word.
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("%q: %w", addr, ErrNotLoopback)
	}
	return l, nil
}

// boundedListener closes a connection at once when there are too many, so that
// a flood of idle sockets costs no memory and the page's own connections stay.
type boundedListener struct {
	net.Listener
	free chan struct{}
}

func bounded(l net.Listener, limit int) net.Listener {
	return &boundedListener{Listener: l, free: make(chan struct{}, limit)}
}

// Accept returns the next connection within the bound.
func (b *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.free <- struct{}{}:
			return &boundedConn{Conn: c, free: b.free}, nil
		default:
			_ = c.Close()
		}
	}
}

// boundedConn gives its place back once.
type boundedConn struct {
	net.Conn
	free chan struct{}
	once sync.Once
}

// Close closes the connection and frees its place.
func (c *boundedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.free })
	return err
}
