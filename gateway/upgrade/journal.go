package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Stage is how far an upgrade is.
type Stage string

// The stages, in order. What was decided is on disk before it is done, so that
// whoever comes after a power cut knows what to do.
const (
	None      Stage = ""          // nothing is going on
	Planned   Stage = "planned"   // waits for its time and an idle page
	Swapping  Stage = "swapping"  // the old program is being taken out
	Trial     Stage = "trial"     // the new one is in its place and has to prove itself
	Returning Stage = "returning" // the old one is being put back
)

// Result is how an upgrade ended.
type Result string

// The results.
const (
	Confirmed  Result = "confirmed"
	RolledBack Result = "rolled back"
	NotDone    Result = "not done" // nothing was changed
)

// Build is a program.
type Build struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

// Outcome is an upgrade that ended.
type Outcome struct {
	Result Result        `json:"result"`
	From   Build         `json:"from"`
	To     Build         `json:"to"`
	By     string        `json:"by"`
	Reason string        `json:"reason,omitempty"`
	At     time.Time     `json:"at"`
	Away   time.Duration `json:"away,omitempty"` // from the stop of the old program until one served patients again; 0: not known
}

// Refusal is a build that is never taken again.
type Refusal struct {
	Build
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// EventType is what the audit log is told.
type EventType string

// The events.
const (
	Started  EventType = "started"
	Approved EventType = "confirmed"
	Returned EventType = "rolled back"
	Refused  EventType = "refused"
)

// Event is for the audit log. Its words are this package's own.
type Event struct {
	ID      string    `json:"id"` // the same each time it is told
	Type    EventType `json:"type"`
	From    string    `json:"from"` // version
	To      string    `json:"to"`   // version
	By      string    `json:"by"`
	Reason  string    `json:"reason,omitempty"`
	Program string    `json:"program"` // SHA-256 of the new one
}

// State is the journal: one small file, written whole and durably at each step.
type State struct {
	V     int    `json:"v"`
	ID    string `json:"id,omitempty"` // of the upgrade that goes on
	Stage Stage  `json:"stage"`

	Program   string    `json:"program,omitempty"` // path
	From      Build     `json:"from,omitzero"`
	To        Build     `json:"to,omitzero"`
	By        string    `json:"by,omitempty"`
	Planned   time.Time `json:"planned,omitzero"`
	NotBefore time.Time `json:"not_before,omitzero"`
	Window    *Window   `json:"window,omitempty"` // nil: at any time of the day

	Devices []string  `json:"devices,omitempty"` // that were ready under the old program
	Stopped time.Time `json:"stopped,omitzero"`  // when the old program was
	Tries   int       `json:"tries,omitempty"`   // of the trial, which a power cut may end
	Reason  string    `json:"reason,omitempty"`  // why it goes back
	Blamed  bool      `json:"blamed,omitempty"`  // it is the new program's fault

	Last    *Outcome  `json:"last,omitempty"`
	Refused []Refusal `json:"refused,omitempty"` // the newest last
	Untold  []Event   `json:"untold,omitempty"`
}

const (
	journalFile = "upgrade.json"
	maxJournal  = 256 << 10
	maxRefused  = 100
	maxUntold   = 50
)

// Load reads the journal of a folder. There is none before the first upgrade.
func Load(dir string) (State, error) {
	path := filepath.Join(dir, journalFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{V: 1}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("cannot read the journal of upgrades: %w", err)
	}
	var s State
	if len(text) > maxJournal || json.Unmarshal(text, &s) != nil || s.V != 1 {
		return State{}, &Error{What: path + " is not a journal of upgrades of this version", Next: "if no upgrade is going on, remove it"}
	}
	return s, nil
}

// save writes the journal.
func save(dir string, s State) error {
	s.Refused = s.Refused[max(0, len(s.Refused)-maxRefused):]
	s.Untold = s.Untold[max(0, len(s.Untold)-maxUntold):]
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, journalFile)
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot write the journal of upgrades: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	// Anybody may read how upgrades went, whatever the account's umask.
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("cannot write the journal of upgrades: %w", err)
	}
	return nil
}

// Underway reports whether the installed program may be either of the two: it is no
// moment to remove what one of them needs.
func (s State) Underway() bool { return s.Stage != None && s.Stage != Planned }

// refusal finds a build among those that were refused, by version or by content.
func (s State) refusal(b Build) (Refusal, bool) {
	i := slices.IndexFunc(s.Refused, func(r Refusal) bool {
		return r.SHA256 == b.SHA256 || plain(r.Version) == plain(b.Version)
	})
	if i < 0 {
		return Refusal{}, false
	}
	return s.Refused[i], true
}

// event makes one about the upgrade that goes on. The id is the upgrade's and what
// happened, so that telling it twice is telling it once.
func (s State) event(t EventType) Event {
	return Event{ID: s.ID + " " + string(t), Type: t, From: s.From.Version, To: s.To.Version, By: s.By, Reason: s.Reason, Program: s.To.SHA256}
}

// end closes what goes on.
func (s State) end(r Result, away time.Duration, now time.Time) State {
	n := State{V: s.V, Program: s.Program, Refused: s.Refused, Untold: s.Untold,
		Last: &Outcome{Result: r, From: s.From, To: s.To, By: s.By, Reason: s.Reason, At: now.UTC(), Away: away}}
	switch {
	case r == Confirmed:
		n.Untold = append(n.Untold, s.event(Approved))
	case r == RolledBack:
		n.Untold = append(n.Untold, s.event(Returned))
	}
	if s.Blamed {
		n.Refused = append(n.Refused, Refusal{Build: s.To, Reason: s.Reason, At: now.UTC()})
	}
	return n
}

// Error is a refusal with a next step.
type Error struct {
	What string
	Next string
	Err  error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.What + ": " + e.Err.Error()
	}
	return e.What
}

// Hint is the next step.
func (e *Error) Hint() string { return e.Next }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
