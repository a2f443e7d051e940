package service_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"clinicgate/gateway/service"
)

// systemd's end of the socket.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func heard(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestNotifier(t *testing.T) {
	file := filepath.Join(t.TempDir(), "n")
	for _, name := range []string{file, "@clinicgate-test-" + strconv.Itoa(os.Getpid())} {
		manager := listen(t, name)
		n, err := service.NewNotifier(env(map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "90000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())}))
		if err != nil {
			t.Fatal(err)
		}
		if n.Watchdog() != 90*time.Second {
			t.Errorf("watchdog %v", n.Watchdog())
		}
		for _, c := range []struct {
			say  func() error
			want string
		}{
			{func() error { return n.Ready("page on\n127.0.0.1") }, "READY=1\nSTATUS=page on 127.0.0.1\nWATCHDOG_USEC=90000000\nWATCHDOG=1"},
			{n.Alive, "WATCHDOG=1"},
			{func() error { return n.Status("a\nREADY=1") }, "STATUS=a READY=1"}, // a line cannot pretend
			{func() error { return n.Begin("again", time.Minute) }, "STATUS=again\nWATCHDOG_USEC=60000000\nWATCHDOG=1"},
			{n.Stopping, "STOPPING=1"},
		} {
			if err := c.say(); err != nil {
				t.Fatal(err)
			}
			if got := heard(t, manager); got != c.want {
				t.Errorf("said %q, want %q", got, c.want)
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNotifierWithoutManager(t *testing.T) {
	n, err := service.NewNotifier(env(nil))
	if n != nil || err != nil {
		t.Fatalf("%v, %v", n, err)
	}
	if n.Ready("x") != nil || n.Alive() != nil || n.Watchdog() != 0 || n.Close() != nil {
		t.Error("a nil notifier tells nobody")
	}
	if _, err := service.NewNotifier(env(map[string]string{"NOTIFY_SOCKET": "vsock:2:1234"})); err == nil {
		t.Error("a socket that it cannot reach is no error")
	}
	manager := filepath.Join(t.TempDir(), "m")
	listen(t, manager)
	n, err = service.NewNotifier(env(map[string]string{"NOTIFY_SOCKET": manager, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}))
	if err != nil || n.Watchdog() != 0 {
		t.Errorf("another process is watched, yet %v, %v", n.Watchdog(), err)
	}
}

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}
