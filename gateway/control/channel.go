package control

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"clinicgate/gateway/config"
)

// Channel is the bound channel. It outlives the servers that answer on it one after
// the other in one process: who asks while there is none waits for the next, and
// does not take the service for one that is down. The zero Channel is not bound.
type Channel struct {
	listener net.Listener
	accepted chan net.Conn
	closed   chan struct{}
	err      error // why accepting ended; set before accepted is closed
}

// bind binds it, once.
func (c *Channel) bind(cfg config.Control) error {
	if c.listener != nil {
		return nil
	}
	l, err := listen(cfg)
	if err != nil {
		return fmt.Errorf("cannot open control channel: %w", err)
	}
	c.listener, c.accepted, c.closed = l, make(chan net.Conn), make(chan struct{})
	go c.accept()
	return nil
}

func (c *Channel) accept() {
	defer close(c.accepted)
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			c.err = err
			return
		}
		select {
		case c.accepted <- conn:
		case <-c.closed:
			_ = conn.Close() // nobody will answer
			return
		}
	}
}

// Close gives the channel back.
func (c *Channel) Close() error {
	if c.listener == nil {
		return nil
	}
	close(c.closed)
	return c.listener.Close()
}

// turn is the channel for one server: closing it ends only that server's accepting.
func (c *Channel) turn() net.Listener { return &turn{channel: c, over: make(chan struct{})} }

type turn struct {
	channel *Channel
	over    chan struct{}
	once    sync.Once
}

func (t *turn) Accept() (net.Conn, error) {
	select { // a turn that is over takes nothing from the next
	case <-t.over:
		return nil, net.ErrClosed
	default:
	}
	select {
	case conn, ok := <-t.channel.accepted:
		if !ok {
			return nil, errors.Join(net.ErrClosed, t.channel.err)
		}
		return conn, nil
	case <-t.over:
		return nil, net.ErrClosed
	}
}

func (t *turn) Close() error {
	t.once.Do(func() { close(t.over) })
	return nil
}

func (t *turn) Addr() net.Addr { return t.channel.listener.Addr() }
