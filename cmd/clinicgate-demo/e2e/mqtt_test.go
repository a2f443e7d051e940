//go:build e2e

package e2e_test

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// device is an MQTT 3.1.1 client of a few lines: another program's idea of the
// protocol, not the gateway's library.
type device struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func field(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }

func packet(kind byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	out := []byte{kind}
	for n := len(body); ; {
		digit := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			digit |= 0x80
		}
		out = append(out, digit)
		if n == 0 {
			return append(out, body...)
		}
	}
}

// connectMQTT opens a session under a client id.
func connectMQTT(t *testing.T, address, id string) *device {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d := &device{t, conn, bufio.NewReader(conn)}
	d.send(packet(0x10, field("MQTT"), []byte{4, 2, 0, 30}, field(id)))
	if kind, body := d.read(10 * time.Second); kind != 0x20 || len(body) != 2 || body[1] != 0 {
		t.Fatalf("no session for %s: %x %x", id, kind, body)
	}
	return d
}

func (d *device) send(p []byte) {
	d.t.Helper()
	if _, err := d.conn.Write(p); err != nil {
		d.t.Fatal(err)
	}
}

// read gives the next packet; its kind is 0 when none comes in time or the
// connection ended.
func (d *device) read(within time.Duration) (kind byte, body []byte) {
	_ = d.conn.SetReadDeadline(time.Now().Add(within))
	kind, err := d.in.ReadByte()
	if err != nil {
		return 0, nil
	}
	length := 0
	for shift := 0; shift < 28; shift += 7 {
		digit, err := d.in.ReadByte()
		if err != nil {
			return 0, nil
		}
		length |= int(digit&0x7f) << shift
		if digit&0x80 == 0 {
			break
		}
	}
	body = make([]byte, length)
	if _, err := io.ReadFull(d.in, body); err != nil {
		return 0, nil
	}
	return kind &^ 0x0f, body
}

// publish sends at QoS 1 and tells whether it was acknowledged.
func (d *device) publish(topic, payload string, retain bool) bool {
	d.t.Helper()
	kind := byte(0x32)
	if retain {
		kind |= 1
	}
	d.send(packet(kind, field(topic), []byte{0, 7}, []byte(payload)))
	got, _ := d.read(15 * time.Second)
	return got == 0x40
}

// listen subscribes to filters and gives how many were granted and all that
// came: acknowledgements and messages, as they are on the wire.
func (d *device) listen(filters ...string) (granted int, all []byte) {
	d.t.Helper()
	for i, f := range filters {
		d.send(packet(0x82, []byte{0, byte(i + 1)}, field(f), []byte{1}))
	}
	answers := 0
	for {
		patience := 15 * time.Second // for an answer; then there may be messages
		if answers >= len(filters) {
			patience = 2 * time.Second
		}
		kind, body := d.read(patience)
		if kind == 0 {
			break
		}
		if kind == 0x90 {
			answers++
			if body[len(body)-1] < 0x80 {
				granted++
			}
		}
		all = append(append(all, kind), body...)
	}
	if answers != len(filters) {
		d.t.Errorf("%d of %d subscriptions were answered", answers, len(filters))
	}
	return granted, all
}
