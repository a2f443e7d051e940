//go:build bench

package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	fleetSize = 200
	fleetPace = 100 * time.Millisecond // of each device
)

// fleet is a waiting room full of MQTT devices that report while they are told
// to. They speak the few packets of MQTT 3.1.1 that a device needs.
type fleet struct {
	busy  atomic.Bool
	acked atomic.Int64
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu       sync.Mutex
	problems []error
}

func newFleet(t *testing.T, broker string) *fleet {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &fleet{stop: cancel}
	for i := range fleetSize {
		f.wg.Go(func() {
			// Spread over the period, as devices are.
			time.Sleep(fleetPace * time.Duration(i) / fleetSize)
			if err := f.device(ctx, broker, fmt.Sprintf("cuff-%d", i)); err != nil && ctx.Err() == nil {
				f.mu.Lock()
				f.problems = append(f.problems, err)
				f.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { _ = f.end() })
	return f
}

// end disconnects all and gives what went wrong before.
func (f *fleet) end() error {
	f.stop()
	f.wg.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.problems...)
}

// device publishes at quality 1 and waits for each acknowledgement: it has one
// message under way at a time.
func (f *fleet) device(ctx context.Context, broker, id string) error {
	conn, err := net.Dial("tcp", broker)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	in := bufio.NewReader(conn)
	const cleanSession = 2
	hello := append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, cleanSession, 0, 0}, mqttString(id)...)
	if err := exchange(conn, in, 0x10, hello, 0x20); err != nil {
		return err
	}
	topic := mqttString("clinic/main/lobby-1/vitals/" + id + "/event")
	tick := time.NewTicker(fleetPace)
	defer tick.Stop()
	for n := uint16(1); ; n = max(n+1, 1) {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !f.busy.Load() {
			continue
		}
		message := binary.BigEndian.AppendUint16(topic[:len(topic):len(topic)], n)
		message = fmt.Appendf(message, `{"v":1,"id":%q,"state":"ok"}`, newID())
		if err := exchange(conn, in, 0x32, message, 0x40); err != nil {
			return err
		}
		f.acked.Add(1)
	}
}

// exchange sends a packet and reads the answer, which is to be of a kind.
func exchange(to io.Writer, from *bufio.Reader, kind byte, body []byte, answer byte) error {
	packet := []byte{kind}
	for n := len(body); ; {
		digit := byte(n % 128)
		if n /= 128; n == 0 {
			packet = append(packet, digit)
			break
		}
		packet = append(packet, digit|128)
	}
	if _, err := to.Write(append(packet, body...)); err != nil {
		return err
	}
	got, err := from.ReadByte()
	if err != nil {
		return err
	}
	n, err := binary.ReadUvarint(from)
	if err != nil {
		return err
	}
	if _, err := from.Discard(int(n)); err != nil {
		return err
	}
	if got != answer {
		return fmt.Errorf("the broker answered with packet %#x, not %#x", got, answer)
	}
	return nil
}

func mqttString(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}
