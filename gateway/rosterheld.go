package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster/feed"

	"github.com/google/uuid"
)

// heldFile is a file that waits for a person.
type heldFile struct {
	size     int64
	modified time.Time
	sum      [sha256.Size]byte // of what is in it, or of what is known of one that was not read
	why      feed.Hold
	since    time.Time
	rows     int
	days     []kiosk.Day // that the rows are for
	told     bool        // its audit event is written
	released bool        // a person imported it
}

func (h heldFile) is(info fs.FileInfo) bool {
	return h.size == info.Size() && h.modified.Equal(info.ModTime())
}

// id names what is held: staff and the audit log have nothing else to call it by,
// since the file's name may be about a person.
func (h heldFile) id() string { return hex.EncodeToString(h.sum[:4]) }

// importable reports whether a person may say that the list is right all the same.
func (h heldFile) importable() bool {
	return h.why == feed.OtherDay || h.why == feed.Shrunk || h.why == feed.HalfWritten
}

// act is the act of holding a file. Its id is that of what is held, why, and the day:
// the same list that is exported again every quarter of an hour, and one that is there
// still after a restart, are told once.
func (h heldFile) act(day kiosk.Day) kiosk.Act {
	return kiosk.Act{ID: kiosk.DeriveID(uuid.Nil, "roster held", hex.EncodeToString(h.sum[:]), string(h.why), string(day)), Actor: folderActor}
}

var folderActor = kiosk.Actor{Kind: kiosk.ActorSystem, ID: "folder"}

// hold leaves a file to a person: the log says so, the desk shows it, and tell writes
// the audit event.
func (f *rosterFolder) hold(ctx context.Context, name string, h heldFile) {
	h.since = f.clock()
	f.mu.Lock()
	f.waiting[name] = h
	f.mu.Unlock()
	f.log.Warn("list is held for a person", "why", string(h.why), "id", h.id(), "bytes", h.size)
	f.tell(ctx, name, h)
}

// tell writes the audit event of a held file; one that could not be written is tried
// again at the next look.
func (f *rosterFolder) tell(ctx context.Context, name string, h heldFile) {
	err := f.audit(ctx, h.act(f.window().First), kiosk.RosterHeld, kiosk.AuditFacts{Action: string(h.why), Resource: h.id()})
	if err != nil {
		f.log.Warn("that a list is held is not on record yet", "error", err)
		return
	}
	f.change(name, h, func(h *heldFile) { h.told = true })
}

// change changes what is known of a held file, where it is still that one.
func (f *rosterFolder) change(name string, was heldFile, set func(*heldFile)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now, ok := f.waiting[name]; ok && now.sum == was.sum && now.why == was.why {
		set(&now)
		f.waiting[name] = now
	}
}

// gone forgets the held files that are not in the folder any more. One that nobody
// decided about was taken away, which is a refusal by hand.
func (f *rosterFolder) gone(ctx context.Context, names []string) {
	f.mu.Lock()
	left := map[string]heldFile{}
	for name, h := range f.waiting {
		if !slices.Contains(names, name) {
			left[name] = h
		}
	}
	f.mu.Unlock()
	for name, h := range left {
		if _, err := os.Lstat(f.dir + string(os.PathSeparator) + name); err == nil {
			continue // beyond the files of one look
		}
		if !h.released && h.why != notRemoved {
			err := f.audit(ctx, kiosk.NewAct(folderActor), kiosk.RosterRefused, kiosk.AuditFacts{Action: string(h.why) + ", taken away", Resource: h.id()})
			if err != nil {
				f.log.Warn("that a held list was taken away is not on record yet", "error", err)
				continue
			}
		}
		f.forget(name)
	}
}

// release lets go of the files that hold a list which a person imported, and puts that
// on record under her name.
func (f *rosterFolder) release(ctx context.Context, act kiosk.Act, data []byte) error {
	sum := sha256.Sum256(data)
	var all error
	for name, h := range f.list() {
		if h.sum != sum || h.why == notRemoved {
			continue
		}
		if err := f.audit(ctx, act, kiosk.RosterAccepted, kiosk.AuditFacts{Action: string(h.why), Resource: h.id()}); err != nil {
			all = errors.Join(all, err)
			continue // it is held until that is on record: importing it again changes nothing
		}
		f.change(name, h, func(h *heldFile) { h.released = true })
	}
	return all
}

// list gives the held files that wait, by name.
func (f *rosterFolder) list() map[string]heldFile {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting := map[string]heldFile{}
	for name, h := range f.waiting {
		if !h.released {
			waiting[name] = h
		}
	}
	return waiting
}

var (
	errNotHeld = &control.Error{Code: control.NotFound, Message: "no such list is held", Next: "`clinicgate roster held` lists them; somebody may have decided meanwhile"}
	errChanged = &control.Error{Code: control.Conflict, Message: "the file has changed meanwhile", Next: "`clinicgate roster held` shows in a few seconds what became of it"}
)

// read gives what is in a held file, as it was when it was held.
func (f *rosterFolder) read(id string) ([]byte, error) {
	for name, h := range f.list() {
		if h.id() != id {
			continue
		}
		if !h.importable() {
			return nil, &control.Error{Code: control.Conflict, Message: "nothing of this list can be imported: it is " + string(h.why),
				Next: "correct or export it again and put it into the folder; `clinicgate roster refuse " + id + "` throws this one away"}
		}
		root, err := os.OpenRoot(f.dir)
		if err != nil {
			return nil, errors.New("roster.folder cannot be opened")
		}
		defer root.Close()
		data, err := readFile(root, name)
		if err != nil || sha256.Sum256(data) != h.sum {
			return nil, errChanged
		}
		return data, nil
	}
	return nil, errNotHeld
}

// refuse throws a held list away, on record first.
func (f *rosterFolder) refuse(ctx context.Context, act kiosk.Act, id string) error {
	f.turn.Lock() // else a look between the two steps would find it taken away
	defer f.turn.Unlock()
	found := false
	for name, h := range f.list() {
		if h.id() != id {
			continue
		}
		found = true
		path := f.dir + string(os.PathSeparator) + name
		if info, err := os.Lstat(path); err == nil && !h.is(info) {
			return errChanged
		}
		if err := f.audit(ctx, act, kiosk.RosterRefused, kiosk.AuditFacts{Action: string(h.why), Resource: h.id()}); err != nil {
			return err
		}
		if err := f.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &control.Error{Code: control.Conflict, Message: "the file cannot be removed", Next: "remove it by hand, and let the service's account write in roster.folder"}
		}
		f.forget(name)
	}
	if !found {
		return errNotHeld
	}
	return nil
}

// forget drops what is known of a file. turn is held.
func (f *rosterFolder) forget(name string) {
	f.mu.Lock()
	delete(f.waiting, name)
	f.mu.Unlock()
	f.steady.Forget(name)
}

// state tells how many files wait for a person and why.
func (f *rosterFolder) state() (files int, why string) {
	f.mu.Lock()
	failed := f.failed
	f.mu.Unlock()
	if failed {
		return 0, "the folder cannot be read"
	}
	count := map[feed.Hold]int{}
	list := f.list()
	for _, h := range list {
		count[h.why]++
	}
	var parts []string
	for hold, n := range count {
		parts = append(parts, fmt.Sprintf("%d %s", n, hold))
	}
	slices.Sort(parts)
	return len(list), strings.Join(parts, ", ")
}

// shown gives the held lists that wait, each once, the one that waits longest first.
func (f *rosterFolder) shown() (list []control.HeldList) {
	for _, h := range f.list() {
		one := control.HeldList{ID: h.id(), Why: string(h.why), Since: h.since, Rows: h.rows, Importable: h.importable()}
		for _, d := range h.days {
			one.Days = append(one.Days, string(d))
		}
		if !slices.ContainsFunc(list, func(o control.HeldList) bool { return o.ID == one.ID }) {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b control.HeldList) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}
