package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"
)

const (
	folderPause = 2 * time.Second // between looks
	folderFiles = 200             // of one look
	folderLines = 50              // of one list's problems that are logged
	folderDays  = 7               // of a held list that are shown
)

// Reasons, beside feed's, why a file stays.
const (
	tooLarge   feed.Hold = "too-large"
	unreadable feed.Hold = "unreadable"
	notRemoved feed.Hold = "not-removed" // it was imported, and is still there
)

// rosterFolder imports the lists that appear in a folder. A list that is not sure
// to be right stays there until a person imports it or takes it away. A file is
// removed after its list is durable: a crash in between imports it once more,
// which changes nothing. The names of files are the clinic's and may be about a
// person: they go nowhere.
type rosterFolder struct {
	dir     string // empty: none is watched
	mapping feed.Mapping
	window  func() feed.Window
	held    func(context.Context, kiosk.Day) ([]roster.Appointment, error)
	ready   func() error // whether lists may be taken now
	take    func(context.Context, feed.List) error
	remove  func(path string) error
	audit   func(context.Context, kiosk.Act, kiosk.AuditType, kiosk.AuditFacts) error
	clock   func() time.Time // by which staff are told since when a list is held
	log     *slog.Logger

	// turn is held over a whole look, and while a person's refusal is carried out: it
	// orders what is done to the files, and nobody waits for it who must not.
	turn   sync.Mutex
	steady feed.Steady // guarded by turn

	mu      sync.Mutex
	waiting map[string]heldFile // guarded by mu; by file name
	failed  bool                // guarded by mu: the folder cannot be read
}

func (g *Gateway) newRosterFolder() *rosterFolder {
	return &rosterFolder{
		dir: g.cfg.Roster.Folder, mapping: RosterMapping(g.cfg), held: g.roster.List, ready: g.mayTakeLists, remove: os.Remove,
		window: func() feed.Window { return daysFrom(g.roster.Today(g.clock.Now()), g.cfg.Roster.DaysAhead) },
		take: func(ctx context.Context, l feed.List) error {
			_, _, err := g.takeList(ctx, kiosk.NewAct(folderActor), l)
			return err
		},
		audit: g.audit, clock: func() time.Time { return g.clock.Now().Wall },
		log: g.log.With("component", "roster folder"), waiting: map[string]heldFile{},
	}
}

// daysFrom gives a day and some days after it.
func daysFrom(first kiosk.Day, ahead int) feed.Window {
	last := first
	if t, err := time.Parse(time.DateOnly, string(first)); err == nil {
		last = kiosk.Day(t.AddDate(0, 0, ahead).Format(time.DateOnly))
	}
	return feed.Window{First: first, Last: last}
}

// run looks into the folder until ctx ends.
func (f *rosterFolder) run(ctx context.Context) error {
	if f.dir == "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(folderPause)
	defer tick.Stop()
	for {
		f.look(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes in what is ready. Files beyond the first some wait for a later look.
func (f *rosterFolder) look(ctx context.Context, now time.Time) {
	if f.ready() != nil {
		return
	}
	f.turn.Lock()
	defer f.turn.Unlock()
	names, err := f.names()
	f.mu.Lock()
	if (err != nil) != f.failed {
		f.failed = err != nil
		f.log.Info("roster folder can be read", "readable", err == nil)
	}
	f.mu.Unlock()
	if err == nil {
		f.gone(ctx, names)
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		f.file(ctx, name, now)
	}
}

// names lists the files that may be lists: no folders, links, hidden files, nor
// what programs write before they rename it.
func (f *rosterFolder) names() ([]string, error) {
	dir, err := os.Open(f.dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(folderFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		unfinished := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || strings.HasSuffix(name, ".tmp") ||
			strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".filepart")
		if e.Type().IsRegular() && !unfinished {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names) // exports are named by their time, mostly
	return names, nil
}

// file takes in one file, or holds it.
func (f *rosterFolder) file(ctx context.Context, name string, now time.Time) {
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return
	}
	quiet := f.steady.Look(name, info, now)
	f.mu.Lock()
	known, waits := f.waiting[name]
	if waits && !known.is(info) {
		delete(f.waiting, name)
		waits = false
	}
	f.mu.Unlock()
	switch {
	case waits && !known.released:
		if !known.told {
			f.tell(ctx, name, known)
		}
		return
	case quiet < feed.Quiet:
		return
	case waits:
		f.drop(ctx, name, info, known.sum)
		return
	}
	h := heldFile{size: info.Size(), modified: info.ModTime()}
	if h.size > feed.MaxFile {
		h.sum, h.why = sha256.Sum256(fmt.Append(nil, h.size, h.modified.UnixNano())), tooLarge
		f.hold(ctx, name, h)
		return
	}
	data, err := readFile(root, name)
	if err != nil || int64(len(data)) != info.Size() {
		return // another look will tell
	}
	h.sum = sha256.Sum256(data)
	list, err := feed.Read(data, f.mapping)
	if err != nil && list.Ending != feed.Cut {
		h.why = unreadable
		f.hold(ctx, name, h)
		return
	}
	if needs, ends := list.Ending.Needs(); ends && quiet < needs {
		return
	}
	hold, err := feed.Judge(list, f.window(), func(d kiosk.Day) ([]roster.Appointment, error) { return f.held(ctx, d) })
	if err == nil && hold != feed.Free {
		h.why, h.rows, h.days = hold, len(list.Appointments), daysOf(list)
		f.hold(ctx, name, h)
		return
	}
	if err == nil {
		err = f.take(ctx, list)
	}
	if err != nil {
		f.log.Warn("list was not imported; it is tried again", "error", err)
		return
	}
	f.report(list)
	f.drop(ctx, name, info, h.sum)
}

// daysOf gives the days that a list has rows for.
func daysOf(l feed.List) (days []kiosk.Day) {
	for _, a := range l.Appointments {
		if !slices.Contains(days, a.Day) {
			days = append(days, a.Day)
		}
	}
	slices.Sort(days)
	return days[:min(len(days), folderDays)]
}

// readFile reads a file of a size that was looked at.
func readFile(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, feed.MaxFile+1))
}

// report logs what a list brought.
func (f *rosterFolder) report(l feed.List) {
	f.log.Info("list imported", "format", string(l.Format), "appointments", len(l.Appointments), "cancelled", len(l.Cancelled), "refused", l.Refused)
	for i, p := range l.Problems {
		if i == folderLines {
			f.log.Warn("more rows have something wrong", "rows", len(l.Problems)-i)
			return
		}
		f.log.Warn("row has something wrong", "line", p.Line, "column", p.Column, "reason", p.Reason)
	}
}

// drop removes a file whose list was imported, unless it has changed since.
func (f *rosterFolder) drop(ctx context.Context, name string, info fs.FileInfo, sum [sha256.Size]byte) {
	path := f.dir + string(os.PathSeparator) + name
	now, err := os.Lstat(path)
	if err == nil && (now.Size() != info.Size() || !now.ModTime().Equal(info.ModTime())) {
		return // a new list, in time
	}
	if err == nil {
		err = f.remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.hold(ctx, name, heldFile{size: info.Size(), modified: info.ModTime(), sum: sum, why: notRemoved})
		return
	}
	f.forget(name)
}
