package printer

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"clinicgate/devices"
)

// wire is the open connection to a printer. It has one owner, who also closes it.
type wire interface {
	// Write sends all of b, or fails within writeWithin when nothing moves.
	Write(b []byte) (int, error)
	// Listen reads what came, or 0, nil when nothing came in time.
	Listen(b []byte, within time.Duration) (int, error)
	Close() error
}

const (
	dialWithin  = 3 * time.Second
	writeWithin = 10 * time.Second // for each piece
	piece       = 4096
)

// errStuck: the printer has stopped the line and does not go on.
var errStuck = &devices.Fault{Reason: "printer takes no more bytes", Hint: "see whether it has paper and its cover is closed; switch it off and on"}

// send writes a job in pieces, each of which has to be taken in time. It ends
// early with ctx.
func send(ctx context.Context, w wire, j job) (sent int, err error) {
	for sent < len(j) {
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		n, err := w.Write(j[sent:min(len(j), sent+piece)])
		if sent += n; err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// deadlined is a connection or a file whose reads and writes can be given a time.
type deadlined interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// stream is a wire over TCP or over a device node.
type stream struct{ deadlined }

func (s stream) Write(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return 0, err
	}
	n, err := s.deadlined.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errStuck
	}
	return n, err
}

func (s stream) Listen(b []byte, within time.Duration) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(within)); err != nil {
		return 0, err
	}
	n, err := s.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// dial opens a printer on the network. Probes of the system find a connection
// whose other end is gone, as a switched-off printer leaves it.
func dial(ctx context.Context, host string) (wire, error) {
	d := net.Dialer{Timeout: dialWithin, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	c, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		f := &devices.Fault{Reason: "printer does not answer on the network", Err: err,
			Hint: "check that it is switched on and its cable; print its own self-test to see its address"}
		if _, ok := errors.AsType[*net.DNSError](err); ok {
			f.Reason, f.Hint = "printer's name is not known on the network", "write its number in the device's address, or ask clinic IT for the name"
		}
		return nil, f
	}
	return stream{c.(*net.TCPConn)}, nil
}

// open opens the printer where it is now.
func (a Address) open(ctx context.Context, baud int) (w wire, at devices.SerialPort, err error) {
	switch a.way {
	case byNetwork:
		at.Name = a.host
		w, err = dial(ctx, a.host)
	case byUSB:
		if at, err = devices.FindPrinterPort(a.unit); err == nil {
			w, err = openNode(at.Name)
		}
	case bySerial:
		if at, err = devices.FindSerialPort(a.unit); err == nil {
			w, err = openLine(at.Name, baud)
		}
	}
	return w, at, err
}

// moved looks whether an open port is still the unit's: not every driver ends a
// read when its device is unplugged.
func (a Address) moved(at devices.SerialPort) error {
	var now devices.SerialPort
	var err error
	switch a.way {
	case byNetwork:
		return nil
	case byUSB:
		now, err = devices.FindPrinterPort(a.unit)
	case bySerial:
		now, err = devices.FindSerialPort(a.unit)
	}
	if err == nil && now != at {
		err = &devices.Fault{Reason: "moved to another port", Hint: "nothing to do"}
	}
	return err
}
