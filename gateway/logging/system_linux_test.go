package logging

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// A line reaches the journal in its native form, also after journald was started
// again; what has line ends has its length before it.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	j := &journal{socket: path}
	if j.write(Entry{Message: "x"}) == nil {
		t.Error("a journal that is not there took a line")
	}
	const want = "MESSAGE=lost n=7 a_key=\"a\\nb\"\nPRIORITY=4\nSYSLOG_IDENTIFIER=clinicgate\nCLINICGATE_COMPONENT=devices\nCLINICGATE_N=7\nCLINICGATE_A_KEY\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n"
	for range 2 {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		e := Entry{Level: slog.LevelWarn, Component: "devices", Message: "lost", Fields: []Field{{"n", "7"}, {"a key", "a\nb"}}}
		if j.write(e) != nil { // the connection to the one before is noticed once
			if err := j.write(e); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 4096)
		n, err := l.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v", buf[:n], err)
		}
		_ = l.Close()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
}

// The priorities that systemd reads from standard error.
func TestMarkedLines(t *testing.T) {
	var out screen
	s := &stream{to: &out, marked: true}
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if err := s.write(Entry{Level: level, Component: "page", Message: "m"}); err != nil {
			t.Fatal(err)
		}
	}
	if want := "<7>component=page msg=m\n<6>component=page msg=m\n<4>component=page msg=m\n<3>component=page msg=m\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
