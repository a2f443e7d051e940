package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// Copy is a stopped kiosk, read from a copy of its data folder: nothing of the
// original is changed, nothing is sent and no device is touched. It answers what the
// service would have answered when it stopped. Close it; that removes the copy.
type Copy struct {
	g        *Gateway
	original string
	closers  []func() error
}

// CopyOptions say how a copy is made.
type CopyOptions struct {
	// VerifyChild is as in [Options].
	VerifyChild []string
	// Progress is told how many bytes of how many are copied; may be nil.
	Progress func(done, total int64)
}

const lockFile = "lock" // the store's, in the data folder

// OpenCopy copies the data folder that the config names and opens it with the config's
// key source. It refuses while a service holds the folder.
func OpenCopy(ctx context.Context, cfg config.Config, o CopyOptions) (c *Copy, err error) {
	c = &Copy{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	// A folder without a lock file had no service yet; one that may be read and not
	// written, such as one on a medium, has none now.
	if _, err := os.Stat(filepath.Join(cfg.Storage.Dir, lockFile)); err == nil {
		lock, err := storage.Lock(ctx, cfg.Storage.Dir)
		switch {
		case err == nil:
			defer lock.Close()
		case !errors.Is(err, fs.ErrPermission):
			return c, err
		}
	}
	dir, err := os.MkdirTemp("", "clinicgate-copy-")
	if err != nil {
		return c, hinted{fmt.Errorf("cannot make a copy: %w", err), "set TMPDIR to a folder that you may write to"}
	}
	c.closers = append(c.closers, func() error { return os.RemoveAll(dir) })
	if err := copyFolder(ctx, cfg.Storage.Dir, dir, o.Progress); err != nil {
		return c, err
	}
	c.original, cfg.Storage.Dir = cfg.Storage.Dir, dir
	c.g = newGateway(ctx, cfg, Options{Logger: slog.New(slog.DiscardHandler), VerifyChild: o.VerifyChild}, cfg.KeySource.Source())
	for _, step := range []func(context.Context) (io.Closer, error){c.g.openKeys, c.g.openStore, c.g.openClinic, c.g.openPubNub} {
		part, err := step(ctx)
		if part != nil {
			c.closers = append(c.closers, part.Close)
		}
		if err != nil {
			return c, err
		}
	}
	c.g.token.Look()
	return c, nil
}

// Close ends it and removes the copy.
func (c *Copy) Close() (err error) {
	for i := len(c.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, c.closers[i]())
	}
	c.closers = nil
	return err
}

// copyFolder copies the files of a data folder but for those of another kind:
// signatures and other blobs, damaged files that were set aside, predecessors.
func copyFolder(ctx context.Context, from, to string, progress func(done, total int64)) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return hinted{fmt.Errorf("cannot read the data folder: %w", err), "its owner may, and an administrator; --config names another kiosk's config"}
	}
	var total, done int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == lockFile {
			continue
		}
		err := copyFile(ctx, filepath.Join(from, e.Name()), filepath.Join(to, e.Name()), func(n int64) {
			if done += n; progress != nil {
				progress(done, total)
			}
		})
		if err != nil {
			return hinted{fmt.Errorf("cannot make a copy: %w", err), "its owner may read it, and an administrator; TMPDIR names a folder with space for the copy"}
		}
	}
	return nil
}

func copyFile(ctx context.Context, from, to string, copied func(int64)) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for err == nil && ctx.Err() == nil {
		var n int64
		n, err = io.CopyN(out, in, 4<<20)
		copied(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, ctx.Err(), out.Close())
}

// Status is how the kiosk was when it stopped. Down says since when, as far as the
// store's file tells.
func (c *Copy) Status(ctx context.Context) (control.Status, error) {
	s := statusBackend{c.g}.kept()
	s.Sync.Online = false
	return s, ctx.Err()
}

// Sync gives the loss equation as it was.
func (c *Copy) Sync(ctx context.Context) (control.SyncStatus, error) {
	return statusBackend{c.g}.Sync(ctx, control.Caller{})
}

// Queue lists the queue as it was.
func (c *Copy) Queue(ctx context.Context) (control.QueueList, error) {
	return queueBackend{c.g}.List(ctx, control.Caller{})
}

// Devices lists the configured devices, of which nothing is known, and the ports that
// are there.
func (c *Copy) Devices(context.Context) (control.Devices, error) { return ConfiguredDevices(c.g.cfg) }

// Consents gives the consents of a patient of the day. That they are read is noted in
// the data folder first, and on record from the next start; adopt gives what is
// written there to the service's account.
func (c *Copy) Consents(ctx context.Context, by kiosk.Actor, in control.ConsentQuery, adopt func(dir string, more ...string) error) (control.ConsentList, error) {
	b := consentBackend{c.g}
	patient, ticket, err := b.patientOf(ctx, in)
	if err != nil {
		return control.ConsentList{}, err
	}
	if err := c.note(ctx, by, kiosk.ConsentRead, kiosk.AuditFacts{Action: "list consents", Resource: string(patient)}, adopt); err != nil {
		return control.ConsentList{}, err
	}
	return b.consentsOf(ctx, patient, ticket)
}

// Names lists the queue as it was, with the patients' names, to an account that the
// service would have given them to. It is noted and recorded as [Copy.Consents] is.
func (c *Copy) Names(ctx context.Context, adopt func(dir string, more ...string) error) (control.QueueList, error) {
	by, err := control.ThisCaller(c.g.cfg.Control.Roles, c.original)
	if err != nil {
		return control.QueueList{}, err
	}
	if err := by.Needs(control.Desk | control.Admin); err != nil {
		return control.QueueList{}, err
	}
	if err := c.note(ctx, by.Actor, kiosk.QueueNamesRead, kiosk.AuditFacts{Action: "list names", Resource: string(c.g.queue.Today())}, adopt); err != nil {
		return control.QueueList{}, err
	}
	return queueBackend{c.g}.named(ctx)
}

// note puts a reading into the data folder, from where the next start records it.
func (c *Copy) note(ctx context.Context, by kiosk.Actor, kind kiosk.AuditType, f kiosk.AuditFacts, adopt func(dir string, more ...string) error) error {
	if err := noteMeanwhile(ctx, c.original, by, kind, f); err != nil {
		return hinted{fmt.Errorf("nothing is shown that cannot be put on record: %w", err), "ask as an account that may write to the data folder"}
	}
	return adopt(c.original)
}

// ConfiguredDevices lists the devices of a config while no service watches them, and
// the ports that are there. It needs no key.
func ConfiguredDevices(cfg config.Config) (control.Devices, error) {
	out := control.Devices{Devices: []control.Device{}}
	for _, d := range cfg.Devices {
		out.Devices = append(out.Devices, control.Device{ID: string(d.ID), Class: string(d.Class), Binding: d.Port, Mode: reached(d), State: "not-watched",
			Reason: "no service watches it", Hint: "start the service, then ask again"})
	}
	return out, plugged(cfg, &out)
}

// plugged adds the ports that are there.
func plugged(cfg config.Config, out *control.Devices) error {
	ports, err := devices.SerialPorts()
	if err != nil {
		return fmt.Errorf("cannot list serial ports: %w", err)
	}
	for _, p := range ports {
		out.Ports = append(out.Ports, control.Port{Path: p.Name, Identity: p.Identity.String(), Product: p.Product})
	}
	return morePorts(cfg, out)
}

// LastWrite is when a stopped service last wrote its store, or zero.
func LastWrite(cfg config.Config) time.Time {
	info, err := os.Stat(filepath.Join(cfg.Storage.Dir, "store.db"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// HasKeys reports whether there is a keyring in the data folder, as far as this
// account sees.
func HasKeys(cfg config.Config) bool { return keyring.Exists(keyring.Dir(cfg.Storage.Dir)) }
