package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// dial opens the way to the broker, with TLS where it is not on this machine. No
// proxy is used: a broker is in the house.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectDeadline)
	defer cancel()
	var conn net.Conn
	var err error
	if !c.tls {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.addr)
	} else {
		var settings *tls.Config
		if settings, err = c.tlsConfig(); err != nil {
			return nil, err
		}
		conn, err = (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", c.addr)
	}
	if err != nil {
		return nil, err
	}
	return &sizeGuard{Conn: conn, limit: maxClientPacket}, nil
}

func (c *Client) tlsConfig() (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.host}
	if c.cfg.CAFile != "" {
		text, err := os.ReadFile(c.cfg.CAFile)
		if err != nil {
			return nil, &ClientFault{Reason: "cannot read mqtt.broker_ca_file", Hint: "check the path and that the service's account may read it", Err: err}
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, &ClientFault{Reason: "mqtt.broker_ca_file holds no certificate", Hint: "it must be PEM"}
		}
	}
	if c.cfg.CertificateFile != "" {
		pair, err := tls.LoadX509KeyPair(c.cfg.CertificateFile, c.cfg.KeyFile)
		if err != nil {
			return nil, &ClientFault{Reason: "cannot use the client certificate", Hint: "check mqtt.broker_certificate and mqtt.broker_key", Err: err}
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}

// connectFault says for a person why a connection did not come to be.
func connectFault(err error) error {
	if f, ok := errors.AsType[*ClientFault](err); ok {
		return f
	}
	fault := func(reason, hint string) error { return &ClientFault{Reason: reason, Hint: hint, Err: err} }
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return fault("the broker does not let this kiosk in", "check the kiosk's user, password or certificate at the broker")
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return fault("the broker refuses the client id", "set mqtt.broker_client_id to one that the broker takes")
	case errors.As(err, &authority):
		return fault("the broker's certificate is of an unknown authority", "set mqtt.broker_ca_file to the authority's certificate")
	case errors.As(err, &name):
		return fault("the broker's certificate is for another name", "write the name that the certificate has in mqtt.broker")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fault("the broker's certificate is not valid at this machine's time", "renew the certificate, or correct this machine's clock")
	case errors.As(err, &alert) && alert.Op == "remote error": // what the other side of TLS says, crypto/tls
		return fault("the broker does not accept this kiosk's certificate", "check mqtt.broker_certificate: is it set, not expired, and of an authority that the broker knows?")
	}
	return fault("the broker cannot be reached", "check that the broker runs and that mqtt.broker has its address and port")
}

var errPacketTooLarge = fmt.Errorf("the broker sent a packet of more than %d bytes", maxClientPacket)

// sizeGuard follows the lengths of MQTT packets and ends the connection before a
// larger one than limit is read: paho would make room for up to 256 MiB.
type sizeGuard struct {
	net.Conn
	limit int

	body   int  // bytes of the packet's body still to come
	length int  // the length as read so far
	shift  uint // of the next 7 bits of it; 0: its first byte is awaited
	inside bool // of a header: the type was read
}

func (g *sizeGuard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if bad := g.follow(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

// follow goes over what was read (MQTT 3.1.1, 2.2: type, remaining length in up
// to four bytes of 7 bits, body).
func (g *sizeGuard) follow(b []byte) error {
	for len(b) > 0 {
		switch {
		case g.body > 0:
			skip := min(g.body, len(b))
			g.body -= skip
			b = b[skip:]
			continue
		case !g.inside:
			g.inside, g.length, g.shift = true, 0, 0
		default:
			g.length |= int(b[0]&0x7f) << g.shift
			g.shift += 7
			if g.length > g.limit || g.shift == 28 && b[0]&0x80 != 0 { // a length has four bytes at most
				return errPacketTooLarge
			}
			if b[0]&0x80 == 0 {
				g.inside, g.body = false, g.length
			}
		}
		b = b[1:]
	}
	return nil
}
