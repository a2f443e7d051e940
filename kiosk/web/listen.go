package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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
