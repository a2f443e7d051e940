package door

import (
	"net"
	"sync"
)

// boundedListener closes a connection at once when there are too many, so that
// a flood of idle sockets costs no memory and the page's own connections stay.
type boundedListener struct {
	net.Listener
	free chan struct{}
}

// Bounded gives a listener that holds at most limit connections open.
func Bounded(l net.Listener, limit int) net.Listener {
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
