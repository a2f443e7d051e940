package simulator

import (
	"fmt"
	"net"
	"strconv"
	"sync/atomic"

	"math/rand/v2"
)

// The ports below those that Linux and Windows give to whoever asks for none, so that
// nobody's connection takes one between the look and the use.
const firstPort, ports = 10_000, 20_000

var nextPort atomic.Uint32

func init() { nextPort.Store(rand.Uint32N(ports)) }

// FreeAddress gives an address of loopback, host and port, at which nobody listens: for
// a program that must be told where to listen before it does. No other call of this
// process gets it; another process, which begins elsewhere, seldom does.
func FreeAddress() (string, error) {
	var last error
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+int(nextPort.Add(1)%ports)))
		l, err := net.Listen("tcp", address)
		if err == nil {
			return address, l.Close()
		}
		last = err
	}
	return "", fmt.Errorf("simulator: no free port of a hundred: %w", last)
}
