package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/internal/planted"
	"clinicgate/storage/keyring"
)

// Names in the data directory.
const (
	storeName      = "store.db"
	newName        = "store.db.new"     // being created
	salvageName    = "store.db.salvage" // being filled from a damaged file
	compactName    = "store.db.compact" // being filled by compaction
	idName         = "store.id"         // the id of the store, in hex
	sideName       = "head"             // the side file
	lockName       = "lock"
	quarantineName = "quarantine" // damaged files
)

// Opened says what Open found.
type Opened struct {
	Created bool // there was no store
	Clean   bool // it had been closed properly
	// Lost says that the store file is gone although the side file shows that
	// there was one. The new store goes on in the next life.
	Lost bool
	// Rolled is set where the store is older than, or another than, the one
	// that the side file saw last. The store goes on in a new life.
	Rolled *Rollback
	// Salvaged is set where the file was damaged.
	Salvaged *Salvaged
	// Migrated is set where the file was of an older format.
	Migrated *Migrated
	Report   Report
}

// Rollback is the difference between the store and its side file.
type Rollback struct {
	Verdict auditlog.Verdict
	Side    auditlog.Head // what the store once was
	Store   auditlog.Head // what it is
}

func (s *Store) open(ctx context.Context) (opened Opened, w *writer, err error) {
	for _, name := range []string{quarantineName, blobDir} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return opened, nil, err
		}
	}
	if err := s.takeLock(ctx); err != nil {
		return opened, nil, err
	}
	if err := s.o.Keys.Ensure(s.classes()...); err != nil {
		return opened, nil, fmt.Errorf("cannot make data keys: %w", err)
	}
	side, err := s.openSide()
	if err != nil {
		return opened, nil, err
	}
	defer func() {
		if err != nil {
			side.close()
		}
	}()
	if err := s.settleNames(ctx); err != nil {
		return opened, nil, err
	}
	if _, err := os.Stat(s.path(storeName)); errors.Is(err, fs.ErrNotExist) {
		if err := s.create(side.found); err != nil {
			return opened, nil, fmt.Errorf("cannot create store: %w", err)
		}
		opened.Created, opened.Lost = true, side.found != nil
	} else if err != nil {
		return opened, nil, err
	} else if opened.Migrated, err = s.migrate(ctx); err != nil {
		return opened, nil, err
	}
	w, err = s.openChecked(ctx, &opened, side)
	if err != nil {
		return opened, nil, err
	}
	opened.Clean = opened.Report.Clean
	if err := s.sign(); err != nil {
		w.file.close()
		return opened, nil, err
	}
	if err := w.first(&opened); err != nil {
		w.file.close()
		return opened, nil, err
	}
	if err := s.forgetOld(); err != nil {
		s.o.Logger.Warn("a file of an older format stays", "err", err) // the next start tries again
	} else if opened.Migrated != nil && !s.o.Trial {
		opened.Migrated.Kept = ""
	}
	if err := s.measureBlobs(); err != nil {
		w.file.close()
		return opened, nil, err
	}
	w.publishAll()
	return opened, w, nil
}

func (s *Store) classes() []string {
	classes := []string{ClassStore, ClassView}
	for _, k := range s.o.Kinds {
		classes = append(classes, k.KeyClass)
	}
	return classes
}

// takeLock keeps other processes out of the data directory. It waits a little
// for one that is just ending.
func (s *Store) takeLock(ctx context.Context) error {
	f, err := os.OpenFile(s.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	s.lock = f
	late := time.NewTimer(lockTimeout)
	defer late.Stop()
	for {
		ok, err := tryLock(f)
		if err != nil {
			return fmt.Errorf("cannot lock data directory: %w", err)
		}
		if ok {
			return nil
		}
		again := time.NewTimer(50 * time.Millisecond)
		select {
		case <-again.C:
		case <-late.C:
			again.Stop()
			return hint("stop the other clinicgate process, or ask it through the control API", "%w", ErrLocked)
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		}
	}
}

// Lock takes a data directory for who works on its files: no store opens there
// before the answer is closed. ErrLocked says that one is open.
func Lock(ctx context.Context, dir string) (io.Closer, error) {
	s := &Store{o: Options{Dir: dir}}
	if err := s.takeLock(ctx); err != nil {
		if s.lock != nil {
			_ = s.lock.Close()
		}
		return nil, err
	}
	return s.lock, nil
}

// settleNames finishes or drops what an earlier process was doing to the files.
func (s *Store) settleNames(ctx context.Context) error {
	if err := s.settleStore(ctx); err != nil {
		return err
	}
	for _, name := range []string{newName, salvageName, compactName, migrateName} {
		if err := s.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// settleStore gives a salvaged copy the name of the store, or a file of an older
// format its name back, where that was not come to, and makes the name sure.
func (s *Store) settleStore(ctx context.Context) error {
	_, err := os.Stat(s.path(storeName))
	if errors.Is(err, fs.ErrNotExist) {
		// The salvaged file was durable before the damaged one was set aside.
		if _, err := os.Stat(s.path(salvageName)); err == nil {
			report, err := Check(ctx, CheckOptions{Path: s.path(salvageName), Keys: s.o.Keys})
			if err != nil {
				return err
			}
			to := storeName
			if !report.OK {
				to = s.asideName()
			}
			if err := s.dir.Rename(salvageName, to); err != nil {
				return err
			}
		} else if kept := s.kept(); len(kept) > 0 { // a migration stopped between its renames
			if err := s.dir.Rename(kept[len(kept)-1], storeName); err != nil {
				return err
			}
		}
	} else if err != nil {
		return err
	}
	// A rename may have reached the page cache only, and a power cut would then
	// bring the file before it back.
	if s.o.NoSync {
		return nil
	}
	return s.syncDirs()
}

// syncDirs makes renames between the data directory and the quarantine durable.
func (s *Store) syncDirs() error {
	if planted.NoDirSync {
		return nil
	}
	return errors.Join(s.aside.SyncDir(), s.dir.SyncDir())
}

func (s *Store) asideName() string {
	base := quarantineName + "/store-" + s.o.Now().Wall.UTC().Format("20060102T150405Z")
	name := base + ".db"
	for i := 2; ; i++ {
		if _, err := os.Lstat(s.path(name)); err != nil {
			return name
		}
		name = fmt.Sprintf("%s-%d.db", base, i)
	}
}

// storeID reads the id that the directory was given, and gives it one.
func (s *Store) storeID() (id [16]byte, err error) {
	b, err := s.dir.ReadFile(idName, 64)
	if err == nil && len(b) >= 32 {
		if _, err := hex.Decode(id[:], b[:32]); err == nil {
			return id, nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	id = newStoreID()
	return id, s.writeID(id)
}

func (s *Store) writeID(id [16]byte) error {
	return keyring.ReplaceFile(s.dir, idName, []byte(hex.EncodeToString(id[:])+"\n"))
}

func newStoreID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// create makes a new store under a temporary name, so that a power cut leaves
// either none or a whole one. side is what a store that is gone had come to.
func (s *Store) create(side *auditlog.Head) error {
	id, err := s.storeID()
	if err != nil {
		return err
	}
	f, err := openFile(s.path(newName), &s.o)
	if err != nil {
		return err
	}
	err = s.initialise(f, id, side)
	if err == nil {
		err = f.extend(0, s.o.Budget)
	}
	if err == nil {
		err = f.sync()
	}
	f.close()
	if err != nil {
		return err
	}
	if err := s.dir.Rename(newName, storeName); err != nil {
		return err
	}
	return s.syncDirs()
}

func (s *Store) initialise(f *file, id [16]byte, side *auditlog.Head) error {
	h := head{store: id, life: 1, created: s.o.Now().Wall}
	opening := auditlog.Opening{}
	if side != nil {
		gone := uint32(side.Inc)
		h.life, h.commit = gone+1, side.Commit
		opening.Previous = &auditlog.Closed{
			Origin: logOrigin(s.o.Kiosk, id, gone), Reason: "file was lost",
			Unreadable: []auditlog.Range{{From: 0, To: side.Size}},
		}
	}
	opening.Origin = logOrigin(s.o.Kiosk, id, h.life)
	var record []byte
	var err error
	if h.log, record, err = auditlog.New(nil, opening); err != nil {
		return err
	}
	a, err := s.o.Keys.Active(ClassStore)
	if err != nil {
		return err
	}
	tx, err := f.db.Begin(true)
	if err != nil {
		return err
	}
	for b := range buckets {
		if _, err := tx.CreateBucket([]byte(bucketNames[b])); err != nil {
			_ = tx.Rollback()
			return err
		}
	}
	key := logKey(h.life, logOpening, 0)
	value := sealRow(nil, a, h.store, bLogs, key, h.commit, record)
	h.sums[bLogs].toggle(value)
	err = errors.Join(
		tx.Bucket([]byte(bucketNames[bLogs])).Put(key, value),
		tx.Bucket([]byte(bucketNames[bHead])).Put(headKey, sealHead(nil, &h, a)),
	)
	if err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// openChecked checks the store file, salvages it if it must, opens it and loads
// its state.
func (s *Store) openChecked(ctx context.Context, opened *Opened, side *sideFile) (*writer, error) {
	path := s.path(storeName)
	report, err := s.o.Verify(ctx, path, s.o.Keys)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// The child died, or could not be started. Check maps nothing, so that
		// a damaged file cannot kill us by it; and a file that it finds sound
		// is not taken apart because a child was out of memory.
		s.o.Logger.Warn("cannot check store in a child", "err", err)
		if report, err = Check(ctx, CheckOptions{Path: path, Keys: s.o.Keys}); err != nil {
			return nil, err
		}
	}
	opened.Report = report
	switch {
	case report.WrongKeys:
		return nil, hint("give the key source that the store was made with, or the recovery key", "%w", ErrWrongKey)
	case report.Newer:
		return nil, Newer(s.o.Dir, report.Format)
	case report.OK && side.found != nil && behind(*side.found, report) && holdsNewer(path, s.o.Keys, report, *side.found):
		report.OK, report.Explanation = false, "the newest commit has lost its meta page"
		opened.Report = report
	}
	if !report.OK {
		s.o.Logger.Error("store file is damaged", "why", report.Explanation)
		salvaged, err := s.replaceDamaged(ctx, report.Explanation, side)
		if err != nil {
			return nil, err
		}
		opened.Salvaged = &salvaged
	}
	f, err := openFile(path, &s.o)
	if err != nil {
		return nil, err
	}
	w, err := s.load(f)
	if err == nil {
		err = f.settle()
	}
	if err != nil {
		f.close()
		return nil, err
	}
	w.side = side
	return w, nil
}

// replaceDamaged puts a salvaged copy in the place of the damaged file, which is
// kept. If we stop before the first rename, the next start begins again; between
// the two, settleNames finishes.
func (s *Store) replaceDamaged(ctx context.Context, reason string, side *sideFile) (Salvaged, error) {
	id, err := s.storeID()
	if err != nil {
		return Salvaged{}, err
	}
	out, err := Salvage(ctx, s.path(storeName), s.path(salvageName), SalvageOptions{
		Keys: s.o.Keys, Kiosk: s.o.Kiosk, Kinds: s.o.Kinds, Store: id, Side: side.found,
		Reason: reason, Now: s.o.Now().Wall, NoSync: s.o.NoSync, Progress: s.o.OnRepair,
	})
	if err != nil {
		return out, err
	}
	report, err := Check(ctx, CheckOptions{Path: s.path(salvageName), Keys: s.o.Keys, Full: true, Progress: s.o.OnRepair})
	if err != nil {
		return out, err
	}
	if !report.OK {
		return out, fmt.Errorf("salvaged copy is not sound: %s", report.Explanation)
	}
	// The copy must have its name for good before the file loses its own.
	if !s.o.NoSync {
		if err := s.syncDirs(); err != nil {
			return out, err
		}
	}
	out.Aside = s.asideName()
	if err := s.dir.Rename(storeName, out.Aside); err != nil {
		return out, err
	}
	if err := s.syncDirs(); err != nil {
		return out, err
	}
	if err := s.dir.Rename(salvageName, storeName); err != nil {
		return out, err
	}
	return out, s.syncDirs()
}

// first is the commit that each opening begins with. What an earlier process
// left in the page cache counts only once a commit of this one has reached the
// disk: after it, whatever is found is durable.
func (w *writer) first(opened *Opened) error {
	db := w.head.side()
	verdict := auditlog.Same
	if w.side.found != nil && opened.Salvaged == nil && !planted.RollbackAccepted {
		verdict = auditlog.Compare(*w.side.found, db, w.leafAt)
	}
	return w.commitNow(func(tx *Tx) error {
		if verdict == auditlog.DBBehind || verdict == auditlog.Fork {
			opened.Rolled = &Rollback{Verdict: verdict, Side: *w.side.found, Store: db}
			if err := tx.forkLife(*w.side.found); err != nil {
				return err
			}
		}
		if opened.Salvaged != nil {
			for _, g := range opened.Salvaged.Gaps {
				st, err := tx.ownStream(g.Channel)
				if err != nil {
					return err
				}
				if err := tx.gap(st.num, g); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Why a log was closed, as its successor's opening says.
const (
	reasonRolledBack = "store was rolled back"
	reasonDamaged    = "file was damaged"
)

// forkLife begins a new life after a rollback: the sequence numbers that the lost
// commits had used are never used again.
func (tx *Tx) forkLife(side auditlog.Head) error {
	w := tx.w
	closed := auditlog.Closed{
		Note:   string(lastNote(w.cursor(bLogs), w.s.o.Keys, w.head.store, w.head.life)),
		Reason: reasonRolledBack, Recovered: w.head.log.Size(),
	}
	if side.Inc == uint64(w.head.life) && side.Size > w.head.log.Size() {
		closed.Unreadable = []auditlog.Range{{From: w.head.log.Size(), To: side.Size}}
	}
	h := w.head
	life := max(h.life, uint32(side.Inc)) + 1
	write := func(b bucket, key, plain []byte) error { return tx.putRow(ClassStore, b, key, plain) }
	if err := errors.Join(writeEnd(&h, write), newLife(&h, life, w.s.o.Kiosk, closed, write)); err != nil {
		return err
	}
	h.commit = max(h.commit, side.Commit)
	h.sums = w.head.sums // which the rows just written have changed
	w.head = h
	return nil
}

// leafAt gives the leaf hash at a position of the running log, if it lies among
// the newest records.
func (w *writer) leafAt(pos uint64) (auditlog.Hash, bool) {
	tx, err := w.file.db.Begin(false)
	if err != nil {
		return auditlog.Hash{}, false
	}
	defer tx.Rollback()
	const reach = 4096 // records looked at per stream
	c := tx.Bucket([]byte(bucketNames[bEvents])).Cursor()
	for _, s := range w.streams {
		end := appendEventKey(nil, s.num, Cursor{^uint32(0), ^uint64(0)})
		k, v := c.Seek(end)
		if k == nil {
			k, v = c.Last()
		} else {
			k, v = c.Prev()
		}
		for range reach {
			if k == nil || !strings.HasPrefix(string(k), string(streamKey(s.num))) {
				break
			}
			r, plain, err := openEvent(w.s.o.Keys, w.head.store, k, v)
			if err == nil && r.Log == w.head.life {
				switch {
				case r.Pos == pos:
					return auditlog.LeafHash(plain), true
				case r.Pos == pos+1:
					return r.Prev, true
				case r.Pos < pos:
					k = nil
				}
			}
			if k != nil {
				k, v = c.Prev()
			}
		}
	}
	return auditlog.Hash{}, false
}

// sideFile is the head file. found is what it held when it was opened.
type sideFile struct {
	f     *os.File
	h     *auditlog.HeadFile
	found *auditlog.Head
}

func (s *Store) openSide() (*sideFile, error) {
	k, err := s.o.Keys.Secret(purposeHead)
	if err != nil {
		return nil, fmt.Errorf("cannot get key of the head file: %w", err)
	}
	f, err := os.OpenFile(s.path(sideName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	side := &sideFile{f: f, h: auditlog.NewHeadFile(f, k)}
	found, err := side.h.Read()
	switch {
	case err == nil:
		side.found = &found
	case !errors.Is(err, auditlog.ErrNoHead):
		side.close()
		return nil, err
	}
	return side, nil
}

func (s *sideFile) write(h auditlog.Head) error { return s.h.Write(h) }

func (s *sideFile) close() { _ = s.f.Close() }
