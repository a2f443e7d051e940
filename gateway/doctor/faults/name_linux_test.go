package faults_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// names is the name server of every test, and what it says about each name.
type names struct {
	conn net.PacketConn

	mu    sync.Mutex
	known map[string]answer // guarded by mu
}

type answer struct {
	ip      [4]byte
	refused bool // the server answers nothing of use
}

var server = &names{known: map[string]answer{}}

// TestMain gives this process a name server and a time zone of its own.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	var err error
	if server.conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		panic(err)
	}
	go server.serve()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.conn.LocalAddr().String())
	}}
	os.Exit(m.Run())
}

// says sets what the server says about a name.
func (n *names) says(name string, a answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[name] = a
}

// forgets makes a name unknown.
func (n *names) forgets(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.known, name)
}

func (n *names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		n.mu.Lock()
		a, ok := n.known[strings.TrimSuffix(q.Name.String(), ".")]
		n.mu.Unlock()
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		switch {
		case a.refused:
			m.RCode = dnsmessage.RCodeServerFailure
		case !ok:
			m.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA:
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: a.ip}}}
		}
		out, err := m.Pack()
		if err != nil {
			continue
		}
		_, _ = n.conn.WriteTo(out, from)
	}
}
