package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/archive"
)

const (
	backupCursor = "backup" // when the last good backup was made, in Unix seconds

	backupRate    = 8 << 20 // bytes a second, so that check-ins do not wait for the disk
	backupLimit   = 2 * time.Hour
	backupSpread  = 30 * time.Minute // over which a clinic's kiosks spread theirs
	backupPatient = 3 * time.Hour    // then it is made although somebody is at the page
	backupRetry   = 15 * time.Minute
)

// backups is how the copies of the store are.
type backups struct {
	one       sync.Mutex // held while one is made
	notBefore time.Time  // the next try of the nightly one, which alone uses it
	prune     func(dir, kiosk string, keep int, now time.Time) error

	mu      sync.Mutex
	last    time.Time // guarded by mu
	problem string    // guarded by mu
	stays   bool      // guarded by mu: an old copy that could not be removed
}

// openBackups learns when the last good one was made.
func (g *Gateway) openBackups(ctx context.Context) error {
	g.backups.prune = archive.Prune
	return g.store.View(ctx, func(r *storage.Reader) error {
		at, err := r.Cursor(backupCursor)
		if err == nil && at > 0 {
			g.backups.last = time.Unix(int64(at), 0)
		}
		return err
	})
}

// backupState is what doctor looks at.
func (g *Gateway) backupState() doctor.Backup {
	g.backups.mu.Lock()
	defer g.backups.mu.Unlock()
	dir := g.cfg.Backup.Dir
	return doctor.Backup{Dir: dir, Last: g.backups.last, Problem: g.backups.problem, OldStay: g.backups.stays, SameDisk: dir != "" && sameDisk(dir, g.cfg.Storage.Dir)}
}

// runBackup makes the nightly copy.
func (g *Gateway) runBackup(ctx context.Context) error {
	dir := g.cfg.Backup.Dir
	if dir == "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			g.night(ctx, g.clock.Now().Wall, g.web.Idle())
		}
	}
}

// night makes the nightly copy, where it is due now and, unless it has been for long,
// nobody is at the page. A failure is on record once for as long as it goes on.
func (g *Gateway) night(ctx context.Context, now time.Time, idle bool) {
	dir, before := g.cfg.Backup.Dir, g.backupState()
	since := overdue(now, before.LastAt(now), g.cfg.Kiosk.Location(), g.cfg.Backup.At.Duration, spread(string(g.self)))
	if since <= 0 || time.Now().Before(g.backups.notBefore) || !idle && since < backupPatient {
		return
	}
	by := kiosk.Actor{Kind: kiosk.ActorSystem, ID: "backup"}
	made, err := g.writeBackup(ctx, dir, slowly, nil)
	if ctx.Err() == nil && (err == nil || backupProblem(err) != before.Problem) {
		g.sayBackup(ctx, by, made, err)
	}
	g.backups.mu.Lock()
	g.backups.problem = backupProblem(err)
	g.backups.mu.Unlock()
	if err == nil {
		// The copy is good whatever becomes of the old ones.
		stays := g.backups.prune(dir, string(g.self), g.cfg.Backup.Keep, now)
		g.backups.mu.Lock()
		g.backups.stays = stays != nil
		g.backups.mu.Unlock()
		if stays != nil {
			g.log.Warn("an old backup stays", "error", stays, "hint", "let the service's account remove files in backup.dir, or remove them by hand")
		}
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		g.backups.notBefore = time.Now().Add(backupRetry)
		g.log.Error("the nightly backup failed", "error", err, "hint", "see that backup.dir can be reached and written by the service")
	default:
		g.log.Info("backup made", "file", made.File, "bytes", made.Bytes, "unsent", made.Unsent)
	}
}

// overdue says for how long the copy of the latest night has been due: at the
// clinic's hour, plus what this kiosk's share of the spread adds. It is 0 or less
// where last is of that night or of later.
func overdue(now, last time.Time, zone *time.Location, at, share time.Duration) time.Duration {
	local := now.In(zone)
	midnight := func(days int) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+days, 0, 0, 0, 0, zone)
	}
	// The hour on the wall, which a change to summer time may move.
	slot := func(days int) time.Time {
		d := midnight(days)
		return time.Date(d.Year(), d.Month(), d.Day(), 0, int(at.Minutes()), 0, 0, zone).Add(share)
	}
	due := slot(0)
	if due.After(now) {
		due = slot(-1)
	}
	if !last.Before(due) {
		return 0
	}
	return now.Sub(due)
}

// spread gives a kiosk its own minute, the same every night.
func spread(kioskID string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(kioskID))
	return time.Duration(h.Sum32()%uint32(backupSpread/time.Second)) * time.Second
}

// slowly bounds the rate of what is written.
func slowly(ctx context.Context, n int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(n) * time.Second / backupRate):
		return nil
	}
}

var errBackingUp = &control.Error{Code: control.Unavailable, Message: "a backup is being made already", Next: "wait for it; `clinicgate status` shows its age"}

// sayBackup records that a backup was made, or why not, and remembers when.
func (g *Gateway) sayBackup(ctx context.Context, by kiosk.Actor, made control.BackedUp, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	facts := kiosk.AuditFacts{Action: "back up", Resource: "store"}
	if failed != nil {
		facts.Action, facts.Outcome = "back up: "+backupProblem(failed), kiosk.OutcomeFailure
	} else {
		g.backups.mu.Lock()
		g.backups.last, g.backups.problem = made.Made, ""
		g.backups.mu.Unlock()
	}
	err := g.store.Update(ctx, func(tx *storage.Tx) error {
		if failed == nil {
			if err := tx.SetCursor(backupCursor, uint64(made.Made.Unix())); err != nil {
				return err
			}
		}
		return g.journal.Audit(tx, kiosk.NewAct(by), kiosk.StoreBackedUp, facts)
	})
	if err != nil {
		g.log.Error("the backup was not recorded", "error", err)
	}
}

// backupProblem says in constant words why a backup failed.
func backupProblem(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "the folder is not there"
	case errors.Is(err, fs.ErrPermission):
		return "the service may not write there"
	case errors.Is(err, archive.ErrDamaged):
		return "what was written does not read back"
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case isFull(err):
		return "there is no room left"
	case errors.Is(err, storage.ErrFenced):
		return "the store was checking its file"
	}
	return "the folder cannot be written"
}

// writeBackup writes a backup to a folder or a new file, and reads it back.
func (g *Gateway) writeBackup(ctx context.Context, to string, pace func(context.Context, int) error, progress func(control.Progress)) (made control.BackedUp, err error) {
	if !g.backups.one.TryLock() {
		return made, errBackingUp
	}
	defer g.backups.one.Unlock()
	ctx, cancel := context.WithTimeout(ctx, backupLimit)
	defer cancel()
	made.Made = g.clock.Now().Wall.UTC().Truncate(time.Second)
	info, err := os.Stat(to)
	if to == g.cfg.Backup.Dir && (err != nil || !info.IsDir()) {
		// No new file of that name: what was to be mounted there is not.
		return made, hinted{fmt.Errorf("no backup was made: the folder %s: %w", to, cmp.Or(err, fs.ErrNotExist)), "mount or make the folder that backup.dir names"}
	}
	if err == nil && info.IsDir() {
		if _, err := archive.List(to, string(g.self)); err != nil { // removes what was left unfinished
			return made, err
		}
		to = filepath.Join(to, archive.Name(string(g.self), made.Made))
	}
	total := uint64(g.store.Status().Used)
	source := archive.Source{Kiosk: string(g.self), Organization: string(g.journal.Organization), Program: g.o.Version, Made: made.Made,
		Store: g.store, Ring: g.ring, Config: []byte(config.Sample(g.cfg))}
	m, err := source.Create(ctx, to, func(n int64) {
		if progress != nil {
			progress(control.Progress{Done: uint64(n), Total: max(total, uint64(n)), Unit: "bytes"})
		}
	}, pace)
	if err != nil {
		return made, hinted{fmt.Errorf("no backup was made: %w", err), "see that the folder is there, has room, and the service's account may write to it"}
	}
	if info, err = os.Stat(to); err != nil {
		return made, err
	}
	_, made.Recovery = g.ring.Recovery()
	made.File, made.Bytes, made.Blobs = to, info.Size(), len(m.Members)-2
	made.Life, made.Commit, made.Unsent = m.Snapshot.Life, m.Snapshot.Commit, m.Snapshot.Counts.Queued
	made.SameDisk = sameDisk(filepath.Dir(to), g.cfg.Storage.Dir)
	return made, nil
}

// backUp is a backup that a person asks for, as fast as it goes.
func (g *Gateway) backUp(ctx context.Context, by kiosk.Actor, to string, progress func(control.Progress)) (made control.BackedUp, err error) {
	if to == "" {
		to = g.cfg.Backup.Dir
	}
	switch {
	case to == "":
		return made, &control.Error{Code: control.Invalid, Message: "there is no folder for backups", Next: "name a file or a folder, or set backup.dir in the config"}
	case !filepath.IsAbs(to):
		return made, &control.Error{Code: control.Invalid, Message: "the path of a backup must be absolute"}
	}
	made, err = g.writeBackup(ctx, to, nil, progress)
	g.sayBackup(ctx, by, made, err)
	return made, err
}

// Backup copies the store to where a person says.
func (g storeBackend) Backup(ctx context.Context, by control.Caller, in control.StoreBackup, progress func(control.Progress)) (control.BackedUp, error) {
	return g.backUp(ctx, by.Actor, in.To, progress)
}
