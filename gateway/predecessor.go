package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
	"clinicgate/storage/keyring"

	"github.com/google/uuid"
)

// A kiosk that died leaves events that it had not sent. The kiosk that replaces it
// keeps them as they were, in a store and a keyring of their own, and sends them
// under the dead kiosk's identity: its signature, its streams, its numbers. Nothing
// new is ever said under it, and when nothing is left its signing key is destroyed.
//
//	backup ─▶ predecessors/{kiosk}/{store.db, keyring, blobs} ─▶ what PubNub's history has is passed over
//	          ─▶ an uplink of its own sends the rest ─▶ signing key destroyed, KIOSK_RETIRED
//
// After a crash it goes on where it was: the store has its own cursors.

const (
	predecessorsDir = "predecessors"
	takeoverFile    = "predecessor.json"
	unpacking       = ".new"
)

// takeover is what a folder below predecessors says about itself.
type takeover struct {
	ID      uuid.UUID      `json:"id"`
	Kiosk   string         `json:"kiosk"`
	Made    time.Time      `json:"made"` // the backup
	By      string         `json:"by"`
	Retired time.Time      `json:"retired,omitzero"`
	Counts  control.Counts `json:"counts"` // when it was retired
}

// predecessors are the dead kiosks that this one replaces.
type predecessors []*predecessor

// predecessor is a dead kiosk whose events go out here.
type predecessor struct {
	takeover
	dir   string
	ring  *keyring.Ring // nil once retired, and where it could not be opened
	store *storage.Store

	mu      sync.Mutex
	problem string // guarded by mu, as is Retired
}

// openPredecessors opens what is left of the kiosks that this one replaces. One that
// does not open keeps nothing else from running.
func (g *Gateway) openPredecessors(ctx context.Context) (io.Closer, error) {
	root := filepath.Join(g.cfg.Storage.Dir, predecessorsDir)
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what the replaced kiosks left: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if strings.HasSuffix(e.Name(), unpacking) { // a restore that did not come to its end
			if err := os.RemoveAll(dir); err != nil {
				return nil, fmt.Errorf("cannot remove an unfinished restore: %w", err)
			}
			continue
		}
		p := &predecessor{dir: dir, takeover: takeover{Kiosk: e.Name()}}
		if err := g.openPredecessor(ctx, p); err != nil {
			p.fail(err)
			g.log.Error("what a replaced kiosk left cannot be opened", "kiosk", p.Kiosk, "error", err)
		}
		g.dead = append(g.dead, p)
	}
	return closer(func() error {
		var errs []error
		for _, p := range g.dead {
			errs = append(errs, p.close())
		}
		return errors.Join(errs...)
	}), nil
}

func (g *Gateway) openPredecessor(ctx context.Context, p *predecessor) error {
	text, err := keyring.Dir(p.dir).ReadFile(takeoverFile, 64<<10)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &p.takeover); err != nil {
		return fmt.Errorf("%s is damaged", takeoverFile)
	}
	if !p.Retired.IsZero() {
		return nil
	}
	if p.ring, err = keyring.Open(ctx, keyring.Dir(p.dir), g.source, keyring.Options{}); err != nil {
		return err
	}
	p.store, _, err = storage.Open(ctx, storage.Options{
		Dir: p.dir, Kiosk: p.Kiosk, Kinds: kiosk.Kinds(), Keys: p.ring, Now: g.clock.Now, Budget: g.cfg.Storage.Budget.Bytes,
		Logger: g.log.With("component", "store", "of", p.Kiosk), Verify: g.verifier(p.ring),
		// No gap record and no checkpoint: nothing new is said under this identity.
	})
	return err
}

func (p *predecessor) close() error {
	if p.ring != nil {
		defer p.ring.Close()
	}
	if p.store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeDeadline)
	defer cancel()
	return p.store.Close(ctx)
}

func (p *predecessor) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problem = err.Error()
}

// signer signs as the dead kiosk did.
func (p *predecessor) signer() (wire.Signer, error) {
	key := p.ring.SigningKey()
	if key == nil {
		return wire.Signer{}, keyring.ErrClosed
	}
	return wire.Signer{Kiosk: p.Kiosk, Key: key}, nil
}

func (p *predecessor) queued() (n uint64) {
	for _, st := range p.store.Streams() {
		n += st.Queued
	}
	return n
}

// status is what `sync status` shows.
func (p *predecessor) status() control.Predecessor {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := control.Predecessor{Kiosk: p.Kiosk, Backup: p.Made, Retired: p.Retired, Counts: p.Counts, Problem: p.problem}
	if p.store != nil && p.Retired.IsZero() {
		s.Counts = countsOf(p.store.Status().Counts)
		for _, st := range p.store.Streams() {
			if st.Queued > 0 && (s.Oldest.IsZero() || st.Oldest.Before(s.Oldest)) {
				s.Oldest = st.Oldest
			}
		}
	}
	return s
}

func (g *Gateway) predecessorStatus() (list []control.Predecessor) {
	for _, p := range g.dead {
		list = append(list, p.status())
	}
	return list
}

func (g *Gateway) runPredecessors(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, p := range g.dead {
		if p.store != nil {
			wg.Go(func() { g.succeed(ctx, p) })
		}
	}
	<-ctx.Done()
	return nil
}

// succeed sends what a dead kiosk left and retires it.
func (g *Gateway) succeed(ctx context.Context, p *predecessor) {
	log := g.log.With("component", "predecessor", "of", p.Kiosk)
	for _, step := range []func(context.Context, *predecessor) error{g.sayReplaced, g.passOver, g.sendLeft, g.retire} {
		for {
			err := step(ctx, p)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return
			}
			p.fail(err)
			log.Warn("what a replaced kiosk left waits", "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(3 * time.Second):
			}
		}
		p.mu.Lock()
		p.problem = ""
		p.mu.Unlock()
	}
	log.Info("the replaced kiosk is retired: everything that it left was handled")
}

// act is what this kiosk records about the dead one, once however often it starts.
func (p *predecessor) act(what string) kiosk.Act {
	return kiosk.Act{ID: kiosk.DeriveID(p.ID, what), Actor: kiosk.Actor{Kind: kiosk.ActorStaff, ID: p.By}}
}

func (g *Gateway) sayReplaced(ctx context.Context, p *predecessor) error {
	return g.audit(ctx, p.act("replaced"), kiosk.KioskReplaced, kiosk.AuditFacts{Action: "take over what was not sent", Resource: p.Kiosk})
}

// Bounds of looking PubNub's history up for what the dead kiosk sent after its
// backup. Readers drop what is sent twice all the same.
const (
	lookBackPages  = 200 // of a hundred messages, per channel
	lookBackBefore = time.Hour
)

// passOver counts as delivered what PubNub's history shows that the dead kiosk sent
// after its backup was made.
func (g *Gateway) passOver(ctx context.Context, p *predecessor) error {
	for _, st := range p.store.Streams() {
		if st.Queued == 0 {
			continue
		}
		sent, err := g.sentBy(ctx, p, st)
		var pe *pubnub.Error
		if errors.As(err, &pe) && (pe.Class == pubnub.Denied || pe.Class == pubnub.Refused) {
			g.log.Warn("history does not tell what a replaced kiosk sent; readers drop repeats", "kiosk", p.Kiosk, "channel", st.Channel)
			continue
		}
		if err == nil {
			err = p.skip(ctx, st.Channel, sent)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sentBy finds the places of a stream that PubNub has, with their timetokens.
func (g *Gateway) sentBy(ctx context.Context, p *predecessor, st storage.StreamStatus) (map[storage.Cursor]uint64, error) {
	after := pubnub.Timetoken(st.Token)
	if after == 0 {
		after = pubnub.Timetoken(keyring.TimetokenOf(st.Oldest.Add(-lookBackBefore)))
	}
	own := map[string]ed25519.PublicKey{}
	for _, pub := range p.ring.OwnPublicKeys() {
		own[wire.KeyID(pub)] = pub
	}
	sent := map[storage.Cursor]uint64{}
	for range lookBackPages {
		page, more, err := g.client.History(ctx, st.Channel, after, 0)
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			after = m.Timetoken
			text, ok := m.Text()
			if !ok {
				continue
			}
			var env wire.Envelope
			if _, _, err := g.keys.Decrypt(text, func(plain []byte) bool {
				env, err = wire.Parse(plain)
				return err == nil
			}); err != nil || !env.Signed || env.GW.Kiosk != p.Kiosk || own[env.GW.KeyID] == nil || env.Verify(st.Channel, own[env.GW.KeyID]) != nil {
				continue
			}
			for _, e := range env.Events {
				sent[storage.Cursor{Inc: e.GW.Inc, Seq: e.GW.Seq}] = uint64(m.Timetoken)
			}
		}
		if !more {
			break
		}
	}
	return sent, nil
}

// skip moves the cursor over the records that were sent, in order, up to the first
// that was not.
func (p *predecessor) skip(ctx context.Context, channel string, sent map[storage.Cursor]uint64) error {
	for len(sent) > 0 {
		records, err := p.store.Outbox(ctx, channel, wire.MaxBatchEvents, 1<<20)
		if err != nil {
			return err
		}
		var to storage.Cursor
		var at uint64
		n := 0
		for _, r := range records {
			c := storage.Cursor{Inc: r.Inc, Seq: r.Seq}
			if sent[c] == 0 {
				break
			}
			to, at, n = c, max(at, sent[c]), n+1
		}
		if n == 0 {
			return nil
		}
		if err := p.store.Advance(ctx, channel, to, storage.Delivered, "", at); err != nil {
			return err
		}
		if n < len(records) {
			return nil
		}
	}
	return nil
}

// sendLeft sends the rest, the usual way.
func (g *Gateway) sendLeft(ctx context.Context, p *predecessor) error {
	if p.queued() == 0 {
		return nil
	}
	up, err := uplink.New(uplink.Config{
		Batch: g.batchMode(), Signer: p.signer,
		Quarantined: func(ctx context.Context, channel string, inc uint32, first, last uint64, reason string) error {
			g.log.Error("PubNub refused an event of a replaced kiosk for good", "kiosk", p.Kiosk, "channel", channel, "first", first, "last", last, "reason", reason)
			act := p.act(fmt.Sprintf("quarantine %s %d %d", channel, inc, first))
			return g.audit(ctx, act, kiosk.MessageQuarantined, kiosk.AuditFacts{Action: "quarantine", Outcome: kiosk.OutcomeFailure, Resource: act.ID.String(), Channel: channel})
		},
	}, p.store, service{g.client}, g.keys, g.log.With("component", "uplink", "of", p.Kiosk))
	if err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- up.Run(sending) }()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for p.queued() > 0 {
		select {
		case err := <-ended:
			return errors.Join(err, ctx.Err(), errors.New("sending ended by itself"))
		case <-tick.C:
			reason := up.Status().LastFailure
			p.mu.Lock()
			p.problem = reason
			p.mu.Unlock()
		}
	}
	stop()
	return <-ended
}

// retire ends the dead kiosk's identity: its signing key is destroyed.
func (g *Gateway) retire(ctx context.Context, p *predecessor) error {
	now := g.clock.Now().Wall
	if pub := publicOf(p.ring); pub != nil {
		// What was published a moment ago has PubNub's time.
		end := keyring.TimetokenOf(now.Add(time.Minute))
		if err := g.ring.Import(keyring.Named{Kind: keyring.KioskPublic, Owner: p.Kiosk, Value: keyring.NewValue(pub), Until: end}); err != nil {
			return err
		}
		if err := g.keysChanged(); err != nil {
			return err
		}
		if err := p.ring.RetireSigning(keyring.TimetokenOf(now)); err != nil {
			return err
		}
	}
	if err := g.audit(ctx, p.act("retired"), kiosk.KioskRetired, kiosk.AuditFacts{Action: "everything handled, signing key destroyed", Resource: p.Kiosk}); err != nil {
		return err
	}
	record := p.takeover
	record.Retired, record.Counts = now.UTC().Truncate(time.Second), countsOf(p.store.Status().Counts)
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := keyring.ReplaceFile(keyring.Dir(p.dir), takeoverFile, text); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeover = record
	return nil
}

// Replace takes over what a dead kiosk had not sent, from its backup, on the machine
// that replaces it. This kiosk keeps its own identity. The running service sends
// it. No service may be running now.
func (r Restore) Replace(ctx context.Context, cfg config.Config) (done control.Restored, err error) {
	h, err := r.header()
	if err != nil {
		return done, err
	}
	dir := cfg.Storage.Dir
	switch {
	case h.Organization != cfg.Kiosk.Organization:
		return done, hinted{fmt.Errorf("this is a backup of another organization, %s", h.Organization),
			"take a backup of a kiosk of this clinic, or correct kiosk.organization in the config"}
	case h.Kiosk == cfg.Kiosk.ID:
		return done, hinted{fmt.Errorf("the replacement has the id of the kiosk that it replaces, %s", h.Kiosk),
			"give this kiosk an id of its own (kiosk.id): two stores that number the same streams would contradict each other. On the kiosk's own disk use `clinicgate store restore` without --replacement"}
	case !keyring.Exists(keyring.Dir(dir)):
		return done, hinted{errors.New("this kiosk has no keyring of its own yet"), "run `clinicgate keys init` first"}
	}
	release, err := settled(ctx, dir)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, ownedAs(dir), release.Close()) }()
	root := filepath.Join(dir, predecessorsDir)
	target := filepath.Join(root, h.Kiosk)
	if _, err := os.Lstat(target); err == nil {
		return done, hinted{fmt.Errorf("what %s had not sent was taken over already", h.Kiosk), "`clinicgate sync status` shows how far it is"}
	}
	source := cfg.KeySource.Source()
	own, err := keyring.Open(ctx, keyring.Dir(dir), source, keyring.Options{})
	if err != nil {
		return done, err
	}
	defer own.Close()
	ring, err := r.open(ctx, h, source)
	if err != nil {
		return done, err
	}
	defer ring.Close()
	staged := target + unpacking
	if err := errors.Join(os.RemoveAll(staged), os.MkdirAll(staged, 0o700)); err != nil {
		return done, fmt.Errorf("cannot make room for what was left: %w", err)
	}
	m, err := r.unpack(ctx, staged, ring)
	if err == nil {
		err = r.place(ctx, source, staged, h)
	}
	if err == nil {
		facts := kiosk.AuditFacts{Action: "import from the backup of " + h.Kiosk, Resource: "keyring"}
		err = noted(dir, r.By, kiosk.KeyImported, facts, func() error { return inherit(own, ring, h.Kiosk, cfg.Kiosk.ID) })
	}
	if err == nil {
		err = takeover{ID: uuid.New(), Kiosk: h.Kiosk, Made: h.Made, By: r.By.ID}.write(staged)
	}
	if err != nil {
		return done, errors.Join(err, os.RemoveAll(staged))
	}
	if err := errors.Join(keyring.Dir(root).Rename(filepath.Base(staged), filepath.Base(target)), keyring.Dir(root).SyncDir(), keyring.Dir(dir).SyncDir()); err != nil {
		return done, fmt.Errorf("cannot take over: %w", err)
	}
	return control.Restored{Kiosk: h.Kiosk, Made: h.Made, Unsent: m.Snapshot.Counts.Queued, Blobs: len(m.Members) - 2}, nil
}

func (t takeover) write(dir string) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return keyring.ReplaceFile(keyring.Dir(dir), takeoverFile, text)
}

// inherit gives this kiosk the dead one's public keys, so that it believes what is
// sent under them, and the clinic's keys of the kinds that it has none of. A key that
// had an end, there or here, keeps it; but for the one that the dead kiosk's last
// events are signed with, which retire ends.
func inherit(own, left *keyring.Ring, dead, self string) error {
	var gifts []keyring.Named
	ended := map[string]bool{}
	for _, s := range own.Secrets(keyring.KioskPublic) {
		ended[s.ID] = s.Until != 0
	}
	for _, s := range left.Secrets(keyring.RetiredSigning) {
		if pub := s.Value.Reveal(); !ended[keyring.Fingerprint(pub)] {
			gifts = append(gifts, keyring.Named{Kind: keyring.KioskPublic, Owner: dead, Value: keyring.NewValue(pub), From: s.From, Until: s.Until})
		}
	}
	if pub := publicOf(left); pub != nil {
		gifts = append(gifts, keyring.Named{Kind: keyring.KioskPublic, Owner: dead, Value: keyring.NewValue(pub)})
	}
	for _, kind := range []keyring.Kind{keyring.PubNubCipher, keyring.PatientReference, keyring.Ticket, keyring.AppointmentCode} {
		if len(own.Secrets(kind)) == 0 {
			gifts = append(gifts, left.Secrets(kind)...)
		}
	}
	known := map[string]bool{}
	for _, s := range own.Secrets(keyring.KioskPublic) {
		known[s.Owner] = true
	}
	for _, s := range left.Secrets(keyring.KioskPublic) {
		if !known[s.Owner] && s.Owner != self {
			gifts = append(gifts, s)
		}
	}
	return own.Import(gifts...)
}

// publicOf gives the public half of a keyring's present signing key; nil without one.
func publicOf(r *keyring.Ring) ed25519.PublicKey {
	key := r.SigningKey()
	if key == nil {
		return nil
	}
	return key.Public().(ed25519.PublicKey)
}
