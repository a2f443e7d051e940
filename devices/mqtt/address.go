package mqtt

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
)

// ErrNotEncrypted says that a broker elsewhere would be spoken to in the clear.
var ErrNotEncrypted = errors.New("a broker that is not on this machine needs tls://")

// ParseBroker reads tls://host[:port] (8883 where none is given) or, for
// loopback, tcp://host[:port] (1883).
func ParseBroker(text string) (host, addr string, secure bool, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", false, errors.New("a broker is written tls://host:port, or tcp://127.0.0.1:port on this machine, and nothing after it")
	}
	host, port := u.Hostname(), u.Port()
	switch u.Scheme {
	case "tls":
		secure = true
		if port == "" {
			port = "8883"
		}
	case "tcp":
		if a, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !a.IsLoopback()) {
			return "", "", false, ErrNotEncrypted
		}
		if port == "" {
			port = "1883"
		}
	default:
		return "", "", false, errors.New("a broker is written tls://host:port, or tcp://127.0.0.1:port on this machine")
	}
	return host, net.JoinHostPort(host, port), secure, nil
}
