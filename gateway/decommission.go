package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	manager "clinicgate/gateway/service"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/auditlog"
	"clinicgate/storage/keyring"
)

// A kiosk is retired in two parts. Up to the certificate everything can be taken
// back by doing nothing more; the certificate, durable and signed, is the decision,
// and every later call finishes the erasure that it speaks of.
//
//	send what is left ─▶ refuse, export or be told to leave it ─▶ KIOSK_DECOMMISSIONED ─▶ sign the certificate
//	══ decommissioned.json ══▶ keyring and secrets overwritten ─▶ store, documents and copies removed

const decommissionedFile = manager.DecommissionedFile

// Decommission is the end of a kiosk.
type Decommission struct {
	Export string        // file that gets a backup before the keys are destroyed; empty: none
	Force  bool          // unsent events may go with the kiosk
	Reason string        // why, in a person's words; on the certificate only
	Wait   time.Duration // for what is unsent to be sent
	By     kiosk.Actor
	// Decided is called once the certificate is durable, each time, before what it speaks
	// of is destroyed: the service must not start any more. May be nil.
	Decided func(context.Context) error
	// Progress is told how many unsent events are left, and the bytes of an export.
	Progress func(control.Progress)
}

// Certificate says what was destroyed.
type Certificate struct {
	Kiosk        string         `json:"kiosk"`
	Organization string         `json:"organization"`
	Site         string         `json:"site"`
	At           time.Time      `json:"at"`
	By           string         `json:"by"`
	Reason       string         `json:"reason,omitempty"`
	Program      string         `json:"program"`
	Store        string         `json:"store"` // its id
	Life         uint32         `json:"life"`
	AuditSize    uint64         `json:"auditSize"`        // records in the audit log of this life
	AuditHead    string         `json:"auditHead"`        // leaf hash of the last one
	Counts       control.Counts `json:"counts"`           // the loss equation at the end
	Unsent       uint64         `json:"unsent"`           // events that PubNub never got
	Unread       []string       `json:"unread,omitempty"` // replaced kiosks whose events could not be opened, and so not be counted
	Export       string         `json:"export,omitempty"`
	Install      string         `json:"install"`     // id of the keyring
	Keys         []string       `json:"keys"`        // ids of the data keys destroyed
	SigningKey   string         `json:"signingKey"`  // id of the signing key destroyed
	VerifierKey  string         `json:"verifierKey"` // what the note is verified with
	Erased       []string       `json:"erased"`      // what else was erased, by the config's name for it
	Note         string         `json:"note"`        // all of this as text, signed (C2SP signed note)
}

// method is what was done, in the terms of NIST SP 800-88 Rev. 1.
const method = "Purge by cryptographic erase (NIST SP 800-88 Rev. 1): AES-256-GCM data keys of the store, their wrapping keys and the key source's file; key files overwritten (Clear) and removed, sealed files removed"

// On retires the kiosk. No service may be running.
func (d Decommission) On(ctx context.Context, cfg config.Config, o Options) (Certificate, error) {
	c, err := decommissioned(cfg.Storage.Dir)
	if err != nil {
		return c, err
	}
	if c.Note == "" {
		err = still(ctx, cfg, o, cfg.KeySource.Source(), func(g *Gateway) error {
			c, err = d.certify(ctx, g)
			return err
		})
		if err != nil {
			return Certificate{}, err
		}
	}
	if d.Decided != nil {
		err = d.Decided(ctx)
	}
	return c, errors.Join(err, eraseAll(ctx, cfg))
}

// RetiredError is why a kiosk that was decommissioned does not run.
type RetiredError struct {
	Kiosk       string
	At          time.Time
	Certificate string // its file
}

func (e *RetiredError) Error() string {
	return fmt.Sprintf("this kiosk, %s, was decommissioned on %s", e.Kiosk, e.At.Format(time.DateOnly))
}

// Hint tells what can be done with the machine.
func (e *RetiredError) Hint() string {
	return "its certificate is " + e.Certificate + "; to use the machine again, take it away and begin with `clinicgate keys init` and a new kiosk.id"
}

// Retired gives the RetiredError of a data folder, or nil where its kiosk was not
// retired or this account may not know.
func Retired(dir string) *RetiredError {
	retired, _ := errors.AsType[*RetiredError](mayRun(dir))
	return retired
}

// decommissioned reads the certificate of a kiosk that was retired; its note is
// empty where it was not.
func decommissioned(dir string) (c Certificate, err error) {
	text, err := keyring.Dir(dir).ReadFile(decommissionedFile, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if json.Unmarshal(text, &c) != nil || c.Note == "" {
		return c, fmt.Errorf("%s is damaged", decommissionedFile)
	}
	return c, nil
}

// mayRun refuses to run a kiosk that was retired.
func mayRun(dir string) error {
	c, err := decommissioned(dir)
	if err == nil && c.Note != "" {
		err = &RetiredError{c.Kiosk, c.At, filepath.Join(dir, decommissionedFile)}
	}
	return err
}

// certify makes sure that nothing is lost unsaid, and decides.
func (d Decommission) certify(ctx context.Context, g *Gateway) (c Certificate, err error) {
	if err := g.sayMeanwhile(ctx); err != nil && !errors.Is(err, storage.ErrFull) {
		return c, fmt.Errorf("cannot record what was done while no service ran: %w", err)
	}
	if c.Unsent, err = g.drain(ctx, d.Wait, d.Progress); err != nil {
		return c, err
	}
	left, err := g.openPredecessors(ctx)
	if left != nil {
		defer func() { err = errors.Join(err, left.Close()) }()
	}
	if err != nil {
		return c, err
	}
	for _, p := range g.dead {
		queued := p.status().Counts.Queued
		c.Unsent += queued
		switch unread := p.store == nil && p.Retired.IsZero(); {
		case unread && !d.Force:
			return c, hinted{fmt.Errorf("what the replaced kiosk %s left cannot be opened; nothing was destroyed", p.Kiosk),
				"`clinicgate sync status` says why, while the service runs; --force --reason TEXT destroys it: the backup that it came from still has it"}
		case unread:
			c.Unread = append(c.Unread, p.Kiosk)
		case queued > 0 && d.Export != "" && !d.Force:
			return c, hinted{fmt.Errorf("%d events of the replaced kiosk %s were not sent yet, and an export does not hold them; nothing was destroyed", queued, p.Kiosk),
				"start the service with a network until `clinicgate sync status` calls that kiosk retired; --force --reason TEXT destroys them: the backup that they came from still has them"}
		}
	}
	_, recovery := g.ring.Recovery()
	switch {
	case d.Export != "" && within(d.Export, g.cfg.Storage.Dir):
		return c, hinted{errors.New("the export would be destroyed with the kiosk: it is in storage.dir"), "--export takes a path outside of it, best on a medium that leaves the kiosk"}
	case d.Export != "" && !recovery:
		return c, hinted{errors.New("nobody could open the export: no recovery key is set, and this kiosk's own keys are about to be destroyed"), "`clinicgate keys recovery set PUBLIC` first"}
	case c.Unsent > 0 && d.Export == "" && !d.Force:
		return c, hinted{fmt.Errorf("%d events were not sent yet; nothing was destroyed", c.Unsent),
			"give the kiosk a network and try again; --export FILE keeps them for `clinicgate store restore --replacement` on another kiosk; --force --reason TEXT destroys them"}
	case d.Force && d.Reason == "":
		return c, hinted{errors.New("unsent events are destroyed for a reason only"), "add --reason TEXT"}
	}
	act := kiosk.NewAct(d.By)
	if err := g.audit(ctx, act, kiosk.KioskDecommissioned, kiosk.AuditFacts{Action: "decommission", Resource: string(g.self)}); err != nil && !errors.Is(err, storage.ErrFull) {
		return c, fmt.Errorf("cannot record the decommissioning: %w", err)
	}
	unsent, err := g.drain(ctx, min(d.Wait, 10*time.Second), d.Progress)
	if err != nil {
		return c, err
	}
	c.Unsent = max(c.Unsent, unsent)
	if d.Export != "" {
		made, err := g.backUp(ctx, d.By, d.Export, d.Progress)
		if err != nil {
			return c, err
		}
		c.Export = filepath.Base(made.File)
	}
	if err := d.fill(ctx, g, &c); err != nil {
		return c, err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return c, err
	}
	if err := keyring.ReplaceFile(keyring.Dir(g.cfg.Storage.Dir), decommissionedFile, append(text, '\n')); err != nil {
		return c, fmt.Errorf("cannot write the certificate: %w", err)
	}
	return c, nil
}

// fill writes the certificate and signs it, the last thing that this kiosk signs.
func (d Decommission) fill(ctx context.Context, g *Gateway, c *Certificate) error {
	var snap storage.Snapshot
	if err := g.store.Snapshot(ctx, func(s storage.Snapshot, _ io.Reader) error { snap = s; return nil }); err != nil {
		return err
	}
	key := g.ring.SigningKey()
	if key == nil {
		return keyring.ErrClosed
	}
	public := key.Public().(ed25519.PublicKey)
	c.Kiosk, c.Organization, c.Site = string(g.self), string(g.journal.Organization), g.cfg.Kiosk.Site
	c.At, c.By, c.Reason, c.Program = g.clock.Now().Wall.UTC().Truncate(time.Second), d.By.ID, d.Reason, g.o.Version
	c.Store, c.Life, c.AuditSize, c.AuditHead = snap.Store, snap.Life, snap.Audit.Size, hex.EncodeToString(snap.Audit.Last[:])
	c.Counts, c.Install, c.SigningKey = countsOf(snap.Counts), g.ring.Install().String(), keyring.Fingerprint(public)
	for _, e := range g.ring.Epochs() {
		if e.State != keyring.Destroyed {
			c.Keys = append(c.Keys, fmt.Sprintf("%s/%d %s", e.Class, e.Epoch, e.ID))
		}
	}
	for _, s := range secretFiles(g.cfg) {
		if _, err := os.Lstat(s.path); err == nil {
			c.Erased = append(c.Erased, s.key)
		}
	}
	origin := "clinicgate/" + c.Kiosk + "/decommissioned"
	var err error
	if c.VerifierKey, err = auditlog.VerifierKey(origin, public); err != nil {
		return err
	}
	signed, err := auditlog.SignText(origin, c.text(), key)
	c.Note = string(signed)
	return err
}

// text is the certificate for people.
func (c Certificate) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, fmt.Sprintf(format, args...)))
	}
	b.WriteString("CERTIFICATE OF SANITIZATION\n")
	line("kiosk", "%s of %s, %s", c.Kiosk, c.Organization, c.Site)
	line("at", "%s", c.At.Format(time.RFC3339))
	line("by", "%s", c.By)
	if c.Reason != "" {
		line("reason", "%s", c.Reason)
	}
	line("method", "%s", method)
	line("store", "%s, life %d", c.Store, c.Life)
	line("audit log", "%d records, head %s", c.AuditSize, c.AuditHead)
	line("events", "%d accepted = %d delivered + %d unsent + %d quarantined + %d expired + %d dropped + %d unreadable",
		c.Counts.Accepted, c.Counts.Delivered, c.Counts.Queued, c.Counts.Quarantined, c.Counts.Expired, c.Counts.Dropped, c.Counts.Unreadable)
	for _, k := range c.Unread {
		line("not counted", "what the replaced kiosk %s left, which did not open", k)
	}
	if c.Export != "" {
		line("exported to", "%s", c.Export)
	}
	line("keyring", "%s", c.Install)
	for _, k := range c.Keys {
		line("data key destroyed", "%s", k)
	}
	line("signing key destroyed", "%s", c.SigningKey)
	for _, e := range c.Erased {
		line("file erased", "%s", e)
	}
	line("for the authority to do", "revoke this kiosk's token, and give its public key %s an end", c.SigningKey)
	line("program", "clinicgate %s", c.Program)
	return b.String()
}

// within reports whether a path, which need not be there yet, is a folder or in it.
func within(path, dir string) bool {
	home, err := os.Stat(dir)
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else if real, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(real, filepath.Base(path))
	}
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, home) {
			return true
		}
		if path == filepath.Dir(path) {
			return false
		}
	}
}

// secretFile is a file outside of the data folder that holds a secret.
type secretFile struct{ key, path string }

func secretFiles(cfg config.Config) (list []secretFile) {
	for _, s := range []secretFile{
		{"key_source.file", cfg.KeySource.File}, {"pubnub.token_file", cfg.PubNub.TokenFile}, {"pubnub.proxy_credentials_file", cfg.PubNub.ProxyCredentialsFile},
		{"desk.key", cfg.Desk.Key}, {"mqtt.lan_key", cfg.MQTT.LANKey}, {"mqtt.broker_key", cfg.MQTT.BrokerKey}, {"mqtt.broker_credentials_file", cfg.MQTT.BrokerCredentials},
	} {
		if s.path != "" {
			list = append(list, s)
		}
	}
	return list
}

// eraseAll destroys the keys, then everything that they opened. It can be done
// again from any point.
func eraseAll(ctx context.Context, cfg config.Config) (err error) {
	dir := cfg.Storage.Dir
	lock, err := storage.Lock(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	var errs []error
	// Keys first: from here on nothing that is left can be read.
	rings, _ := filepath.Glob(filepath.Join(dir, "keyring.*"))
	for _, pattern := range []string{filepath.Join(predecessorsDir, "*", "keyring.*"), filepath.Join("set-aside-*", "keyring.*"), filepath.Join("restore.new", "keyring.*"), "head"} {
		more, _ := filepath.Glob(filepath.Join(dir, pattern))
		rings = append(rings, more...)
	}
	for _, path := range rings {
		errs = append(errs, overwrite(path))
	}
	for _, s := range secretFiles(cfg) {
		if e := overwrite(s.path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s: %w", s.key, e))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != decommissionedFile && e.Name() != "lock" {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err := errors.Join(append(errs, keyring.Dir(dir).SyncDir())...); err != nil {
		return hinted{fmt.Errorf("the keys or files were not all erased: %w", err), "run `clinicgate decommission` again as an account that may remove them; what it has begun it finishes"}
	}
	return nil
}

// overwrite writes noise over a small file, makes that durable, and removes it.
func overwrite(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return os.Remove(path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.Reader, info.Size())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Remove(path)
}
