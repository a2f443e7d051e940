package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/archive"
	"clinicgate/storage/keyring"

	"github.com/google/uuid"
)

// Restore is a backup to be brought back.
type Restore struct {
	File string
	// Private opens the backup where the key source that it was made under is lost.
	Private *keyring.RecoveryPrivate
	// Leave means that unsent events of the present store may be set aside with it.
	Leave bool
	// Wait is for how long what the present store has not sent is sent first.
	Wait     time.Duration
	By       kiosk.Actor
	Progress func(control.Progress)
}

// On puts a backup of this kiosk in the place of its store, which is set aside and
// never deleted. The restored store goes on in a new life, as after a rollback:
// what was numbered after the backup is never numbered again, what it had not sent
// is sent under the ids that it has (readers drop what they have), and the audit
// log says what happened. No service may be running.
func (r Restore) On(ctx context.Context, cfg config.Config, o Options) (done control.Restored, err error) {
	h, err := r.header()
	if err != nil {
		return done, err
	}
	if h.Kiosk != cfg.Kiosk.ID || h.Organization != cfg.Kiosk.Organization {
		return done, hinted{fmt.Errorf("this is a backup of kiosk %s of %s, not of %s", h.Kiosk, h.Organization, cfg.Kiosk.ID),
			"on the machine that replaces that kiosk, `clinicgate store restore --replacement` sends what it had not sent"}
	}
	dir, source := cfg.Storage.Dir, cfg.KeySource.Source()
	if err := r.leave(ctx, cfg, o, h, source); err != nil {
		return done, err
	}
	release, err := settled(ctx, dir)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, release.Close()) }()

	swap := archive.Swap{ID: uuid.New(), Kiosk: h.Kiosk, Made: h.Made, By: r.By.ID, Aside: asideName(dir, time.Now())}
	done = control.Restored{Kiosk: h.Kiosk, Made: h.Made, Keyring: "kept"}
	ring, held, err := r.keyring(ctx, h, dir, source)
	if err != nil {
		return done, err
	}
	defer ring.Close()
	if swap.Keyring = held; held {
		done.Keyring = "restored"
		if r.Private != nil {
			done.Keyring = "recovered"
		}
	}
	if done.Left, err = unsent(ctx, dir, ring); err != nil && !r.Leave {
		return done, hinted{fmt.Errorf("nobody knows whether the present store has unsent events: %w", err), leaveHint}
	}
	if done.Left > 0 && !r.Leave {
		return done, hinted{fmt.Errorf("%d events of the present store were not sent yet", done.Left), leaveHint}
	}
	staged, err := archive.Staging(dir)
	if err != nil {
		return done, err
	}
	m, err := r.unpack(ctx, staged, ring)
	if err != nil {
		return done, errors.Join(err, os.RemoveAll(staged))
	}
	if err := r.prepare(ctx, source, dir, staged, h, ring, held, m.Snapshot); err != nil {
		return done, errors.Join(err, os.RemoveAll(staged))
	}
	done.Unsent, done.Blobs, done.Aside = m.Snapshot.Counts.Queued, len(m.Members)-2, filepath.Join(dir, swap.Aside)
	decide := func() error { return swap.Decide(dir) }
	if held && r.Private != nil {
		err = noted(dir, r.By, kiosk.KeyRotated, openedByRecovery, decide)
	} else {
		err = decide()
	}
	if err != nil {
		return done, err
	}
	if err := release.Close(); err != nil {
		return done, err
	}
	release = closer(func() error { return nil })
	// Opening it records the restore. If that fails, the service's next start does.
	return done, still(ctx, cfg, o, source, func(g *Gateway) error { return g.sayLater(ctx) })
}

// asideName names a folder for the present store that no earlier restore used, also
// not in this second: what is set aside is never written over.
func asideName(dir string, now time.Time) string {
	name := "set-aside-" + now.UTC().Format("20060102T150405Z")
	for n := 2; ; n++ {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("set-aside-%s-%d", now.UTC().Format("20060102T150405Z"), n)
	}
}

const leaveHint = "give the kiosk a network and try again: what is left is sent first; or add --leave-unsent, and the present store is set aside with them"

// openedByRecovery is on record wherever the recovery key opened a keyring for good.
var openedByRecovery = kiosk.AuditFacts{Action: "opened with the recovery key, put under another key source", Resource: "keyring"}

// leave sends what the present store has not sent, where the kiosk's own keyring opens
// it. What cannot be sent is counted afterwards.
func (r Restore) leave(ctx context.Context, cfg config.Config, o Options, h archive.Header, source keyring.Source) error {
	if r.Leave || r.Wait <= 0 {
		return nil
	}
	release, err := settled(ctx, cfg.Storage.Dir)
	if err != nil {
		return err
	}
	left, own := uint64(0), false
	if ring, held, err := r.keyring(ctx, h, cfg.Storage.Dir, source); err == nil {
		own = !held
		left, err = unsent(ctx, cfg.Storage.Dir, ring)
		own = own && err == nil
		ring.Close()
	}
	if err := release.Close(); err != nil || !own || left == 0 {
		return err
	}
	return still(ctx, cfg, o, source, func(g *Gateway) error {
		_, err := g.drain(ctx, r.Wait, r.Progress)
		return err
	})
}

// header reads whose backup it is.
func (r Restore) header() (archive.Header, error) {
	f, err := os.Open(r.File)
	if err != nil {
		return archive.Header{}, hinted{fmt.Errorf("cannot open backup: %w", err), "name a file that `clinicgate store backup` wrote"}
	}
	defer f.Close()
	h, err := archive.ReadHeader(f)
	if errors.Is(err, archive.ErrNewer) {
		return h, hinted{err, "install the version that wrote it, or a newer one"}
	}
	if err != nil {
		return h, hinted{err, "name a file that `clinicgate store backup` wrote, and see that it was copied whole"}
	}
	return h, nil
}

// settled takes the data folder and finishes what an earlier restore left there.
func settled(ctx context.Context, dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make data folder: %w", err)
	}
	lock, err := storage.Lock(ctx, dir)
	if errors.Is(err, storage.ErrLocked) {
		return nil, hinted{err, "stop the service first"}
	}
	if err != nil {
		return nil, err
	}
	if _, err := archive.Settle(dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// keyring opens the kiosk's own keyring, which knows what was erased since, or the
// backup's where there is none that could open the backup. held says which.
func (r Restore) keyring(ctx context.Context, h archive.Header, folder string, src keyring.Source) (ring *keyring.Ring, held bool, err error) {
	dir := keyring.Dir(folder)
	backup, err := r.open(ctx, h, src)
	if err != nil {
		return nil, false, err
	}
	if !keyring.Exists(dir) {
		return backup, true, nil
	}
	own, err := keyring.Open(ctx, dir, src, keyring.Options{ReadOnly: true})
	if err != nil {
		return backup, true, nil // set aside, like the store that it opened
	}
	if own.Install() != backup.Install() {
		own.Close()
		return backup, true, nil
	}
	backup.Close()
	return own, false, nil
}

// open opens the keyring of the backup with what there is.
func (r Restore) open(ctx context.Context, h archive.Header, src keyring.Source) (*keyring.Ring, error) {
	if r.Private != nil {
		root, err := keyring.RecoverRoot(keyring.Held(h.Keyring), *r.Private)
		if err != nil {
			return nil, err
		}
		src = keyring.Root{Key: root}
	}
	ring, err := h.OpenRing(ctx, src)
	if err != nil && r.Private == nil {
		return nil, hinted{fmt.Errorf("the key source of the config does not open the backup: %w", err),
			"take the clinic's recovery key from the safe: --recovery-key FILE, or - for standard input"}
	}
	return ring, err
}

func (r Restore) unpack(ctx context.Context, staged string, ring *keyring.Ring) (archive.Manifest, error) {
	_, m, err := archive.Unpack(ctx, r.File, staged, func(archive.Header) (archive.Opened, error) { return ring, nil }, func(n int64) {
		if r.Progress != nil {
			r.Progress(control.Progress{Done: uint64(n), Unit: "bytes"})
		}
	})
	if errors.Is(err, archive.ErrDamaged) {
		err = hinted{err, "nothing was changed; take the backup of another night"}
	}
	return m, err
}

// prepare makes what stands in the staging folder a store that this machine opens,
// in a new life.
func (r Restore) prepare(ctx context.Context, source keyring.Source, dir, staged string, h archive.Header, ring *keyring.Ring, held bool, snap storage.Snapshot) error {
	if held {
		if err := r.place(ctx, source, staged, h); err != nil {
			return err
		}
	}
	head, err := os.ReadFile(filepath.Join(dir, "head"))
	if err == nil {
		err = os.WriteFile(filepath.Join(staged, "head"), head, 0o600)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("cannot restore: %w", err)
	}
	return storage.BeginNewLife(staged, ring, snap)
}

// place puts the backup's keyring into a folder, under this machine's key source.
func (r Restore) place(ctx context.Context, source keyring.Source, folder string, h archive.Header) error {
	if err := keyring.Held(h.Keyring).Place(keyring.Dir(folder)); err != nil {
		return err
	}
	if r.Private == nil {
		return nil
	}
	return recoverKeyring(ctx, folder, *r.Private, source)
}

// recoverKeyring opens the keyring in a folder with the recovery key and puts it
// under another key source.
func recoverKeyring(ctx context.Context, folder string, private keyring.RecoveryPrivate, to keyring.Source) error {
	dir := keyring.Dir(folder)
	root, err := keyring.RecoverRoot(dir, private)
	if err != nil {
		return err
	}
	ring, err := keyring.Open(ctx, dir, keyring.Root{Key: root}, keyring.Options{})
	if err != nil {
		return err
	}
	defer ring.Close()
	if err := ring.ChangeSource(ctx, to); err != nil {
		return hinted{err, "see that key_source of the config names a source that this machine has; `clinicgate keys init --help`"}
	}
	return nil
}

// unsent counts what the present store has not sent. An error says that this cannot be
// told.
func unsent(ctx context.Context, dir string, ring *keyring.Ring) (uint64, error) {
	report, err := storage.Check(ctx, storage.CheckOptions{Path: filepath.Join(dir, archive.StoreFile), Keys: ring})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil && (!report.OK || report.Unreadable > 0) {
		err = fmt.Errorf("it is damaged: %s", report.Explanation)
	}
	return report.Unsent, err
}

// settleRestore finishes, before anything is opened, a restore that was cut short.
func settleRestore(ctx context.Context, dir string) error {
	for _, name := range []string{"restore.json", "restore.new"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			release, err := settled(ctx, dir)
			if err != nil {
				return err
			}
			return release.Close()
		}
	}
	return nil
}

// sayRestored records a restore that is not on record yet.
func (g *Gateway) sayRestored(ctx context.Context) error {
	swap, err := archive.Settle(g.cfg.Storage.Dir)
	if err != nil || swap == nil {
		return err
	}
	act := kiosk.Act{ID: kiosk.DeriveID(swap.ID, "restored"), Actor: kiosk.Actor{Kind: kiosk.ActorStaff, ID: swap.By}}
	err = g.audit(ctx, act, kiosk.StoreRestored, kiosk.AuditFacts{Action: "restore the backup of " + swap.Made.UTC().Format(time.RFC3339), Resource: swap.ID.String()})
	if errors.Is(err, storage.ErrFull) {
		return nil // said at the next start
	}
	if err != nil {
		return fmt.Errorf("cannot record the restore: %w", err)
	}
	return archive.Recorded(g.cfg.Storage.Dir)
}

// sayLater records, from a command, what the next start of the service would. A full
// store leaves it to that.
func (g *Gateway) sayLater(ctx context.Context) error {
	if err := g.sayRestored(ctx); err != nil {
		return err
	}
	if err := g.sayMeanwhile(ctx); err != nil && !errors.Is(err, storage.ErrFull) {
		return fmt.Errorf("cannot record what was done while no service ran: %w", err)
	}
	return nil
}

// Recovered is what bringing a damaged store back by hand did.
type Recovered struct {
	KeySource string            `json:"keySource,omitempty"` // the keyring is under this one now
	Before    storage.Report    `json:"before"`
	Salvaged  *storage.Salvaged `json:"salvaged,omitempty"`
	Rolled    bool              `json:"rolled"`
	Life      uint32            `json:"life"`
	Counts    control.Counts    `json:"counts"`
}

// Recover opens a store that a start would repair, and says what that did; with the
// recovery key also one whose key source is lost, whose keyring is put under this
// machine's. No service may be running.
func Recover(ctx context.Context, cfg config.Config, o Options, private *keyring.RecoveryPrivate) (done Recovered, err error) {
	dir, source, by := cfg.Storage.Dir, cfg.KeySource.Source(), control.ThisAccount()
	release, err := settled(ctx, dir)
	if err != nil {
		return done, err
	}
	if private != nil {
		if err = noted(dir, by, kiosk.KeyRotated, openedByRecovery, func() error { return recoverKeyring(ctx, dir, *private, source) }); err == nil {
			done.KeySource = string(cfg.KeySource.Kind)
		}
	}
	if err := errors.Join(err, release.Close()); err != nil {
		return done, err
	}
	return done, still(ctx, cfg, o, source, func(g *Gateway) error {
		done.Before, done.Salvaged, done.Rolled = g.opened.Report, g.opened.Salvaged, g.opened.Rolled != nil
		st := g.store.Status()
		done.Life, done.Counts = st.Life, countsOf(st.Counts)
		if err := g.sayLater(ctx); err != nil || repaired(g.opened) == "" {
			return err
		}
		err := g.audit(ctx, kiosk.NewAct(by), kiosk.StoreRecovered, kiosk.AuditFacts{Action: "recover by hand", Resource: string(g.self)})
		if errors.Is(err, storage.ErrFull) {
			return nil // the next start records the recovery
		}
		return err
	})
}
