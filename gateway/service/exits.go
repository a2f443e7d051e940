package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"clinicgate/storage/keyring"
)

const (
	exitsFile = "exits.json"
	// MaxExits within ExitWindow are what a kiosk takes before it shows patients that
	// they are served at the desk.
	MaxExits   = 5
	ExitWindow = 10 * time.Minute

	firstAway, longestAway = time.Minute, 10 * time.Minute
)

// Exits counts the ends of the service's process that nobody asked for, in a small
// file: {"v":1,"boot":ID,"running":true,"exits":[SECONDS SINCE BOOT...],"away":N}.
//
// An end is noticed at the next start, since a process that is killed writes
// nothing. A clean stop is not one, nor is the end of the machine: exits of another
// boot do not count. A file that cannot be read counts as none; one that cannot be
// written is the caller's to report, and no reason not to start.
type Exits struct {
	dir    string
	boot   string
	uptime func() time.Duration

	mu    sync.Mutex // held over the writing too: the file is tiny, and written a few times in a process's life
	state exits
}

type exits struct {
	V       int     `json:"v"`
	Boot    string  `json:"boot"`
	Running bool    `json:"running"` // a process runs, or ended without saying so
	Ready   bool    `json:"ready"`   // and it was ready
	Exits   []int64 `json:"exits"`   // when, in seconds since boot; the newest last
	Away    int     `json:"away"`    // times in a row that people were sent to the desk
}

// NewExits counts in a folder. Boot names the machine's boot; uptime is the time
// since then, suspension included.
func NewExits(dir, boot string, uptime func() time.Duration) *Exits {
	return &Exits{dir: dir, boot: boot, uptime: uptime}
}

// Begin is called once, at the start of the process. It gives how many exits there
// were lately and for how long people are to be sent to the desk before a start is
// tried: 0 is to start now.
func (e *Exits) Begin() (lately int, away time.Duration, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = e.read()
	now := e.uptime()
	s := &e.state
	if s.Boot != e.boot {
		*s = exits{V: 1, Boot: e.boot}
	}
	died := s.Running
	if died {
		s.Exits = append(s.Exits, int64(now.Seconds()))
	}
	s.Exits = slices.DeleteFunc(s.Exits, func(at int64) bool {
		ago := now - time.Duration(at)*time.Second
		return ago < -time.Second || ago > ExitWindow // what is still to come was in another boot
	})
	s.Exits = s.Exits[max(0, len(s.Exits)-MaxExits):]
	// A start that was tried after a while at the desk and did not get ready needs not
	// fail five times again.
	if died && (len(s.Exits) >= MaxExits || s.Away > 0 && !s.Ready) {
		away = min(firstAway<<min(max(s.Away, 0), 8), longestAway)
		s.Away++
	}
	s.Running, s.Ready = true, false
	return len(s.Exits), away, e.write()
}

// Ready is called once everything serves.
func (e *Exits) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Ready = true
	return e.write()
}

// Steady is called after ExitWindow of service: what went wrong before is over.
func (e *Exits) Steady() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Exits, e.state.Away = nil, 0
	return e.write()
}

// Clean is called at a stop that was asked for, also while people are sent to the
// desk: the next start is tried at once.
func (e *Exits) Clean() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = exits{V: 1, Boot: e.boot}
	return e.write()
}

// forget is for another process than the service, once that was stopped: who is started
// next has no exits.
func forget(dir string) error {
	err := os.Remove(filepath.Join(dir, exitsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (e *Exits) read() exits {
	text, err := os.ReadFile(filepath.Join(e.dir, exitsFile))
	var s exits
	if err != nil || len(text) > 4096 || json.Unmarshal(text, &s) != nil || s.V != 1 {
		return exits{}
	}
	return s
}

func (e *Exits) write() error {
	text, err := json.Marshal(e.state)
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(e.dir, exitsFile+".new"), text, 0o600)
	if err == nil {
		err = keyring.Dir(e.dir).Rename(exitsFile+".new", exitsFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot count exits: there is no folder %s", e.dir)
	}
	if err != nil {
		return fmt.Errorf("cannot count exits: %w", err)
	}
	return nil
}
