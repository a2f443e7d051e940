package pubnub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// Proxy is the way out of the clinic's network. The environment is not read:
// a service has none that a technician would find.
type Proxy struct {
	URL     string // "http://proxy.clinic:3128", also https and socks5; empty: no proxy
	NoProxy string // comma-separated hosts, .domains and networks that are reached directly

	// Credentials, if set, is asked for user and password at each new
	// connection, so that a changed password needs no restart.
	Credentials func() (user, password string)
}

// selector gives the function that http.Transport asks for each request.
func (p Proxy) selector() (func(*http.Request) (*url.URL, error), error) {
	if p.URL == "" {
		return nil, nil
	}
	u, err := url.Parse(p.URL)
	switch {
	case err != nil, u.Host == "":
		return nil, errors.New("proxy: not an address like http://host:port")
	case u.User != nil:
		return nil, errors.New("proxy: the address must not hold a password")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		return nil, errors.New("proxy: only http, https and socks5 are known")
	}
	choose := (&httpproxy.Config{HTTPProxy: p.URL, HTTPSProxy: p.URL, NoProxy: p.NoProxy}).ProxyFunc()
	return func(req *http.Request) (*url.URL, error) {
		u, err := choose(req.URL)
		if err != nil || u == nil || p.Credentials == nil {
			return u, err
		}
		with := *u
		with.User = url.UserPassword(p.Credentials())
		return &with, nil
	}, nil
}

// errProxyRefused says that the proxy did not open a way to PubNub.
var errProxyRefused = errors.New("refused by the proxy")

// traffic counts bytes on the network, TLS and proxy included.
type traffic struct{ sent, received atomic.Int64 }

type countedConn struct {
	net.Conn
	count *traffic
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.count.received.Add(int64(n))
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.count.sent.Add(int64(n))
	return n, err
}

// newNetwork builds the connection pool. It waits for an answer as long as the
// request's context allows: each request has a deadline. HTTP/2 stays off, since
// one lost connection would stall the poll and every publish together, and a
// cancelled poll would not show that the network is gone.
func newNetwork(cfg Config, count *traffic) (*http.Transport, error) {
	proxy, err := cfg.Proxy.selector()
	if err != nil {
		return nil, err
	}
	roots, err := loadRoots(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy: proxy,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode != http.StatusOK {
				return errProxyRefused
			}
			return nil
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return countedConn{conn, count}, nil
		},
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Time: cfg.Clock},
		TLSHandshakeTimeout: cfg.ConnectTimeout,
		// Below the minute after which middleboxes forget a silent connection:
		// a publish on a forgotten one has an unknown outcome.
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        32,
		MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

// loadRoots gives the system's CAs and the clinic's own; nil means the system's.
func loadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read CA file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s holds no certificate in PEM form", file)
	}
	return roots, nil
}

// clock is the time that certificates are checked against: never before this
// program was built, so that a kiosk whose clock lost its battery can still
// reach the trusted time.
func clock() time.Time {
	now := time.Now()
	if built := buildTime(); now.Before(built) {
		return built
	}
	return now
}

func buildTime() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			built, _ := time.Parse(time.RFC3339, s.Value)
			return built
		}
	}
	return time.Time{}
}
