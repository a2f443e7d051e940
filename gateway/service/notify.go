package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const cutGrace = time.Second // for Windows to be told

// Notifier tells the service manager how the process is (sd_notify(3)). A nil
// Notifier tells nobody, which is right where no manager listens.
type Notifier struct {
	mu       sync.Mutex    // one datagram at a time
	conn     *net.UnixConn // to systemd; nil on Windows
	watchdog time.Duration
	became   chan struct{} // rings at Ready; Windows
	cut      chan int      // takes the code of CutOff; Windows
}

// NewNotifier follows $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID as systemd
// sets them. Without a socket it gives nil and no error.
func NewNotifier(getenv func(string) string) (*Notifier, error) {
	path := getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil
	}
	if path[0] != '/' && path[0] != '@' { // vsock and the like are for virtual machines
		return nil, fmt.Errorf("cannot notify the service manager: %q is no unix socket", path)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("cannot notify the service manager: %w", err)
	}
	n := &Notifier{conn: conn}
	if pid := getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
			n.watchdog = time.Duration(min(usec, int64(24*time.Hour/time.Microsecond))) * time.Microsecond
		}
	}
	return n, nil
}

// Watchdog is after how long without Alive the manager ends the process; 0 where it
// does not watch.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready says that everything serves, and what is shown of it.
func (n *Notifier) Ready(status string) error {
	lines := []string{"READY=1", "STATUS=" + oneLine(status)}
	if n.Watchdog() > 0 { // Begin may have lengthened it
		lines = append(lines, "WATCHDOG_USEC="+strconv.FormatInt(n.watchdog.Microseconds(), 10), "WATCHDOG=1")
	}
	return n.send(lines...)
}

// Status says what is going on, in a line without anything about a person.
func (n *Notifier) Status(text string) error { return n.send("STATUS=" + oneLine(text)) }

// Begin says that the process starts, for the first time or again by itself, and
// will not be Alive for up to a bound: the watchdog waits for so long. Ready ends
// that.
func (n *Notifier) Begin(status string, bound time.Duration) error {
	lines := []string{"STATUS=" + oneLine(status)}
	if n.Watchdog() > 0 {
		lines = append(lines, "WATCHDOG_USEC="+strconv.FormatInt(bound.Microseconds(), 10), "WATCHDOG=1")
	}
	return n.send(lines...)
}

// Alive feeds the watchdog.
func (n *Notifier) Alive() error { return n.send("WATCHDOG=1") }

// Stopping says that the process is about to end.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1") }

// CutOff ends the process during a stop that was asked for and takes too long. Windows
// is told first that the service stopped: it takes an exit before that for a crash, and
// starts the service again.
func (n *Notifier) CutOff(code int) {
	if n != nil && n.cut != nil {
		n.cut <- code
		time.Sleep(cutGrace) // Main ends before that
	}
	os.Exit(code)
}

func (n *Notifier) send(lines ...string) error {
	if n == nil {
		return nil
	}
	if lines[0] == "READY=1" {
		select {
		case n.became <- struct{}{}:
		default:
		}
	}
	if n.conn == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	// A manager that does not read must not hang what tells it.
	err := n.conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	if err == nil {
		_, err = n.conn.Write([]byte(strings.Join(lines, "\n")))
	}
	if err != nil {
		return fmt.Errorf("cannot notify the service manager: %w", err)
	}
	return nil
}

// Close gives the socket back.
func (n *Notifier) Close() error {
	if n == nil || n.conn == nil {
		return nil
	}
	if err := n.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
