package bridge

import (
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	maxClients      = 512 // connections of all listeners
	maxPerAddress   = 64  // of these, from one address of the network
	maxHalfOpen     = 64  // connections that have not yet said who they are
	maxHalfOpenEach = 8   // of these, from one address of the network
	helloDeadline   = 10 * time.Second
)

// gate lets connections in, within bounds. Each has helloDeadline to get through
// TLS and say who it is; after that the broker's own deadlines hold.
type gate struct {
	net.Listener
	tls *tls.Config // nil: loopback, in the clear

	doors *doors
}

// doors counts the connections of all gates.
type doors struct {
	mu        sync.Mutex // guards what follows
	open      map[*visitor]bool
	shut      bool // nobody is let in any more
	refused   int64
	timedOut  int64
	untrusted int64     // certificates of clients
	abused    time.Time // when the last of these was
}

func newDoors() *doors { return &doors{open: map[*visitor]bool{}} }

// visitor is one connection.
type visitor struct {
	net.Conn
	from   netip.Addr
	doors  *doors
	hello  bool          // it said who it is, or by what certificate it is nobody; guarded by doors.mu
	met    chan struct{} // closed when somebody reads it, or closes it
	meet   sync.Once
	closed sync.Once
}

// Accept gives the next connection that is let in. It ends when the listener is
// closed, and only then: a machine that is out of file descriptors must not
// leave the broker deaf.
func (g *gate) Accept() (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := g.Listener.Accept()
		if err == nil {
			if v := g.doors.let(conn, g.tls != nil); v != nil {
				if g.tls != nil {
					v.Conn = tls.Server(conn, g.tls)
				}
				return v, nil
			}
			_ = conn.Close()
			pause = 5 * time.Millisecond
			continue
		}
		if t, ok := err.(net.Error); !ok || !t.Timeout() && !temporary(err) {
			return nil, err
		}
		time.Sleep(pause)
	}
}

// let registers a connection, or gives nil when there are too many. Devices of
// this machine all have one address; those of the network do not.
func (d *doors) let(conn net.Conn, network bool) *visitor {
	v := &visitor{Conn: conn, doors: d, met: make(chan struct{})}
	if a, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		v.from = a.Addr().Unmap()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return nil
	}
	var halfOpen, same, sameHalfOpen int
	for o := range d.open {
		if !o.hello {
			halfOpen++
		}
		if o.from == v.from {
			same++
			if !o.hello {
				sameHalfOpen++
			}
		}
	}
	if len(d.open) >= maxClients || halfOpen >= maxHalfOpen || network && (same >= maxPerAddress || sameHalfOpen >= maxHalfOpenEach) {
		d.refused++
		d.abused = time.Now()
		return nil
	}
	d.open[v] = true
	_ = conn.SetDeadline(time.Now().Add(helloDeadline))
	return v
}

// close lets nobody in any more, and waits for a moment until who was let in is
// met: the broker's library counts a connection when it begins to read it, and ends
// without those that it has not counted.
func (d *doors) close() {
	d.mu.Lock()
	d.shut = true
	in := slices.Collect(maps.Keys(d.open))
	d.mu.Unlock()
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	for _, v := range in {
		select {
		case <-v.met:
		case <-patience.C:
			return
		}
	}
}

// greeted notes that the connection said who it is.
func (v *visitor) greeted() {
	v.doors.mu.Lock()
	defer v.doors.mu.Unlock()
	v.hello = true
}

// Read reads; with the first bytes of TLS comes the client's certificate, and one that
// is not believed ends the connection.
func (v *visitor) Read(p []byte) (int, error) {
	v.meet.Do(func() { close(v.met) })
	n, err := v.Conn.Read(p)
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		v.doors.mu.Lock()
		defer v.doors.mu.Unlock()
		if !v.hello {
			v.hello = true
			v.doors.untrusted++
			v.doors.abused = time.Now()
		}
	}
	return n, err
}

// Close closes the connection and frees its place.
func (v *visitor) Close() error {
	v.meet.Do(func() { close(v.met) })
	v.closed.Do(func() {
		v.doors.mu.Lock()
		defer v.doors.mu.Unlock()
		delete(v.doors.open, v)
		if !v.hello {
			v.doors.timedOut++
			v.doors.abused = time.Now()
		}
	})
	return v.Conn.Close()
}

// certified gives the common name of the certificate that the client proved to
// have, or "".
func (v *visitor) certified() string {
	c, ok := v.Conn.(*tls.Conn)
	if !ok {
		return ""
	}
	if chains := c.ConnectionState().VerifiedChains; len(chains) > 0 {
		return chains[0][0].Subject.CommonName
	}
	return ""
}

// temporary reports whether accepting may work again: the system is out of file
// descriptors or memory for the moment, or the peer had gone.
func temporary(err error) bool {
	t, ok := err.(interface{ Temporary() bool })
	return ok && t.Temporary()
}
