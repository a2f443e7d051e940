package logging

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// journalSocket is where journald takes lines in its own form.
const journalSocket = "/run/systemd/journal/socket"

// ToJournald reports whether what goes to standard error is read by journald, which
// then takes a line's priority from its beginning (sd-daemon(3)). systemd says so with
// the device and inode of what it connected (systemd.exec(5), $JOURNAL_STREAM).
func ToJournald() bool {
	info, err := os.Stderr.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// systemLog gives journald where systemd connected it, else nil.
func systemLog() sink {
	if !ToJournald() {
		return nil
	}
	return &journal{socket: journalSocket}
}

// journal speaks journald's native protocol: a datagram with one field to a line,
// "KEY=value", or, where a value has line ends, "KEY", a line end, eight bytes of
// length, the value and a line end (systemd's JOURNAL_NATIVE_PROTOCOL). It is used
// by one goroutine.
type journal struct {
	socket string
	conn   *net.UnixConn
}

// journalWait bounds how long a full journal holds the log's writer up.
const journalWait = 500 * time.Millisecond

func (j *journal) write(e Entry) error {
	if j.conn == nil {
		c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.socket, Net: "unixgram"})
		if err != nil {
			return fmt.Errorf("cannot reach journald: %w", err)
		}
		j.conn = c
	}
	_ = j.conn.SetWriteDeadline(time.Now().Add(journalWait))
	if _, err := j.conn.Write(datagram(e)); err != nil {
		_ = j.conn.Close() // journald may have been started again
		j.conn = nil
		return fmt.Errorf("cannot write to journald: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j.conn == nil {
		return nil
	}
	return j.conn.Close()
}

// datagram is a line in journald's form. The message has the fields too, for who
// reads the journal without asking for them.
func datagram(e Entry) []byte {
	var b, message []byte
	var text strings.Builder
	text.WriteString(e.Message)
	for _, f := range e.Fields {
		if text.Len() > maxLine {
			break
		}
		pair(&text, f.Key, f.Value)
	}
	message = []byte(text.String())
	b = journalField(b, "MESSAGE", string(message))
	b = journalField(b, "PRIORITY", fmt.Sprint(priority(e.Level)))
	b = journalField(b, "SYSLOG_IDENTIFIER", "clinicgate")
	b = journalField(b, "CLINICGATE_COMPONENT", e.Component)
	for _, f := range e.Fields {
		if len(b) > 3*maxLine {
			break
		}
		b = journalField(b, "CLINICGATE_"+journalKey(f.Key), f.Value)
	}
	return b
}

func journalField(b []byte, key, value string) []byte {
	if strings.ContainsRune(value, '\n') {
		b = append(append(b, key...), '\n')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	} else {
		b = append(append(b, key...), '=')
	}
	return append(append(b, value...), '\n')
}

// journalKey writes a key as journald takes it: capitals, digits and underscores,
// at most 64 with our prefix.
func journalKey(key string) string {
	k := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	return k[:min(len(k), 50)]
}
