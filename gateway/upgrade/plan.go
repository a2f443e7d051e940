package upgrade

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"clinicgate/gateway/upgrade/signature"
)

// Order is what an administrator asks for.
type Order struct {
	File      string // the release
	Program   string // the installed program, absolute
	Trust     Trust
	By        string // who asks
	NotBefore time.Time
	Window    *Window // nil: any time
	Free      func(folder string) (int64, error)
}

// Plan verifies a release, puts its program beside the installed one with a copy of
// that, and writes into the journal of dir what a keeper is to do. It touches nothing
// that runs, and a second plan is refused until the first is done or cancelled.
func (o Order) Plan(dir string, now time.Time) (State, error) {
	s, err := Load(dir)
	if err != nil {
		return s, err
	}
	if s.Stage != None {
		return s, &Error{What: fmt.Sprintf("an upgrade to clinicgate %s goes on (%s)", s.To.Version, s.Stage), Next: "`clinicgate upgrade status` shows it; `clinicgate upgrade cancel` ends one that waits"}
	}
	if err := o.room(); err != nil {
		return s, err
	}
	// What is verified and what is unpacked are one file that nobody else can change.
	inbox := filepath.Join(dir, "inbox")
	if err := os.RemoveAll(inbox); err != nil {
		return s, err
	}
	if err := os.MkdirAll(inbox, 0o700); err != nil {
		return s, fmt.Errorf("cannot keep the release: %w", err)
	}
	defer os.RemoveAll(inbox)
	file := filepath.Join(inbox, filepath.Base(o.File))
	for _, suffix := range []string{"", signature.Suffix} {
		if err := copyIn(o.File+suffix, file+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s, err
		}
	}
	n := State{V: 1, ID: uuid.NewString(), Stage: Planned, Program: o.Program, By: o.By, Planned: now.UTC(), NotBefore: o.NotBefore.UTC(), Window: o.Window,
		Last: s.Last, Refused: s.Refused, Untold: s.Untold}
	r, err := o.Trust.Verify(file)
	n.To.Version = r.Version
	n.From.Version = o.Trust.Version
	if err != nil {
		if r.Version != "" { // words of ours about what is signed, and no name of a file
			n.Reason = err.Error()
		}
		return n, err
	}
	if err := s.Never(Build{Version: r.Version}); err != nil {
		n.Reason = err.Error()
		return n, err
	}
	if n.From.SHA256, err = duplicate(o.Program, Old(o.Program)); err != nil {
		return n, fmt.Errorf("cannot keep the old program: %w", err)
	}
	err = r.extract(func(in io.Reader) (err error) {
		n.To.SHA256, err = put(staged(o.Program), in)
		return err
	})
	if err == nil {
		err = s.Never(n.To)
	}
	if err == nil && n.To.SHA256 == n.From.SHA256 {
		err = &Error{What: "the release holds the program that is installed", Next: "nothing is to be done"}
	}
	if err != nil {
		n.Reason = err.Error()
		return n, errors.Join(err, gone(staged(o.Program)))
	}
	return n, save(dir, n)
}

// RefusedEvent is what the audit log is told of an order that was not taken.
func (s State) RefusedEvent() Event { return s.event(Refused) }

// Never refuses a build that was taken back before.
func (s State) Never(b Build) error {
	r, was := s.refusal(b)
	if !was {
		return nil
	}
	return &Error{What: fmt.Sprintf("clinicgate %s is refused: it was taken back on %s: %s", b.Version, r.At.Format("2006-01-02 15:04 MST"), r.Reason),
		Next: "get a later version; `clinicgate upgrade status` lists what is refused"}
}

// room refuses where the disk has not space for three programs more and the release.
func (o Order) room() error {
	free, err := o.Free(filepath.Dir(o.Program))
	if err != nil {
		return err
	}
	info, err := os.Stat(o.File)
	if err != nil {
		return &Error{What: "cannot open the release", Next: "name the file that was downloaded", Err: err}
	}
	program, err := os.Stat(o.Program)
	if err != nil {
		return err
	}
	if want := 4*program.Size() + 2*info.Size(); free < want {
		return &Error{What: fmt.Sprintf("%d MiB are free in %s, and an upgrade needs %d MiB", free>>20, filepath.Dir(o.Program), want>>20), Next: "free space, then try again"}
	}
	return nil
}

func copyIn(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, maxRelease+1))
	if err == nil && n > maxRelease {
		err = &Error{What: filepath.Base(from) + " is larger than 512 MiB", Next: "name the file that was downloaded"}
	}
	return errors.Join(err, out.Close())
}

// Cancel ends an upgrade that waits. The keeper must not run.
func Cancel(dir string, now time.Time) (State, error) {
	s, err := Load(dir)
	if err != nil {
		return s, err
	}
	switch s.Stage {
	case None:
		return s, &Error{What: "no upgrade waits", Next: "`clinicgate upgrade status` shows how the last one went"}
	case Planned:
	default:
		return s, &Error{What: fmt.Sprintf("the upgrade to clinicgate %s is in the middle (%s), and ends by itself within a minute", s.To.Version, s.Stage), Next: "`clinicgate upgrade status` shows how it goes"}
	}
	s.Reason = "cancelled"
	n := s.end(NotDone, 0, now)
	if err := save(dir, n); err != nil {
		return s, err
	}
	return n, gone(staged(s.Program))
}

func gone(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
