package keyring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage/seal"
)

// Options are what a ring needs beside its files and its source.
type Options struct {
	// Classes are those that must have a data key: Create makes them, Open the
	// missing ones.
	Classes []string
	// Recovery, if set, is the clinic's recovery key from the start.
	Recovery *RecoveryPublic
	// Now is the wall clock, for dates that people read and for Due; nil means
	// time.Now. No decision about whether a key opens a record looks at it.
	Now func() time.Time
	// ReadOnly makes Open write nothing, for a look at the keyring of a data
	// directory that another process may be using. Changes are ErrReadOnly.
	ReadOnly bool
}

// Ring is an open keyring. It is safe for concurrent use. Looking up and using
// keys never waits for a change that is being written.
//
// Each change is durable in both copies when its method returns nil. An error
// means that the outcome is unknown: the ring goes on as before, and after the
// next Open the change may or may not be there. Doing it again is always right.
type Ring struct {
	fsys     FS
	now      func() time.Time
	readOnly bool

	current atomic.Pointer[snapshot] // nil once closed

	// values guards the bytes of secrets against being wiped while they are
	// copied. It is held for moments, never over I/O; mu is taken before it.
	values sync.RWMutex

	mu        sync.Mutex // one change at a time, held over its writing; guards all below
	material  material
	attempted uint64          // newest generation that may be on disk
	sound     map[string]bool // the copies known to hold the current generation
	found     []CopyState
}

// material is what the header and the encryption of the files are made from.
type material struct {
	install   uuid.UUID
	source    string
	strength  Strength
	params    []byte
	root, kek seal.Key
	sealedKEK []byte
	recovery  *recoveryWrap
}

// snapshot is one durable state of the keyring, never changed once published.
type snapshot struct {
	generation uint64
	install    uuid.UUID
	body       body
	byID       map[seal.KeyID]*seal.AEAD
	active     map[string]*seal.AEAD
}

// Exists reports whether any copy of a keyring is in fsys, readable or not. Where
// it is false and there is no data either, Create begins a new one.
func Exists(fsys FS) bool {
	for _, c := range readCopies(fsys) {
		if !errors.Is(c.err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// Create makes a keyring with a new install id, new keys for opt.Classes and a
// new signing key pair, and writes both copies. It returns ErrExists if any copy
// is there, readable or not.
//
// Only the owner of the data knows whether there is data already: Create must
// not be called where there is.
//
// If the process stops on any line, or Create returns an error, there is
// afterwards either no keyring or one that Open opens with the same source.
func Create(ctx context.Context, fsys FS, src Source, opt Options) (*Ring, error) {
	if Exists(fsys) {
		return nil, hint(fmt.Errorf("cannot create keyring: %w", ErrExists), "open it instead; keys are never replaced")
	}
	m, err := setup(ctx, src, uuid.New())
	if err != nil {
		return nil, fmt.Errorf("cannot create keyring: %w", err)
	}
	if err := m.newKEK(); err != nil {
		return nil, fmt.Errorf("cannot create keyring: %w", err)
	}
	if opt.Recovery != nil {
		if m.recovery, err = opt.Recovery.wrap(m.root, m.install); err != nil {
			return nil, fmt.Errorf("cannot create keyring: %w", err)
		}
	}
	r := newRing(fsys, opt)
	r.readOnly = false
	if err := r.begin(m); err != nil {
		return nil, fmt.Errorf("cannot create keyring: %w", err)
	}
	if err := r.Ensure(opt.Classes...); err != nil {
		return nil, fmt.Errorf("cannot create keyring: %w", err)
	}
	return r, nil
}

func (r *Ring) begin(m material) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.commit(m, body{Secrets: []stored{newLocal(r.now()), newSigning(r.now(), 0)}})
}

// Open opens the keyring with its source. The newest copy that reads wins; Found
// tells what was there. Both copies are then written anew: this repairs the
// other one, and it makes sure of the winner, which after a failed sync may have
// been in the page cache only. If that cannot be done the ring opens all the
// same, since every key that is active was durable in both copies before; see
// Sound.
//
// ErrLost: neither copy can be read. ErrWrongKey: the source gives another key.
// ErrSource: the source gives none.
func Open(ctx context.Context, fsys FS, src Source, opt Options) (*Ring, error) {
	copies := readCopies(fsys)
	if err := lost(copies); err != nil {
		return nil, fmt.Errorf("cannot open keyring: %w", err)
	}
	readable := newestFirst(copies)
	if a, b := readable[0], readable[len(readable)-1]; a.header.Install != b.header.Install {
		return nil, hint(fmt.Errorf("cannot open keyring: %s and %s belong to different installations", a.name, b.name),
			"move the one that does not belong to this store away")
	}
	r := newRing(fsys, opt)
	winner, m, b, err := choose(ctx, readable, src)
	if err != nil {
		return nil, fmt.Errorf("cannot open keyring: %w", err)
	}
	r.settle(copies, winner, m, readable[0].header.Generation, b)
	if !r.readOnly {
		if err := r.Ensure(opt.Classes...); err != nil {
			r.Close()
			return nil, fmt.Errorf("cannot open keyring: %w", err)
		}
	}
	return r, nil
}

// settle takes over what Open chose and brings both copies to it, the one that
// is not the winner's first, so that a whole copy of it stays all the while.
func (r *Ring) settle(copies []fileCopy, winner fileCopy, m material, attempted uint64, b body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.material, r.attempted = m, attempted
	r.publish(winner.header.Generation, b)
	for _, c := range copies {
		r.found = append(r.found, c.state(winner))
	}
	if r.readOnly {
		return
	}
	if copies[0].name == winner.name {
		slices.Reverse(copies)
	}
	for _, c := range copies {
		r.sound[c.name] = ReplaceFile(r.fsys, c.name, winner.raw) == nil
	}
}

func newRing(fsys FS, opt Options) *Ring {
	r := &Ring{fsys: fsys, now: opt.Now, readOnly: opt.ReadOnly, sound: map[string]bool{}}
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

// choose opens the newest copy that the source has the key of.
//
// A newer copy under another key, beside an older one under this key, is a
// change of source that was cut short after its first copy: nothing was sealed
// with what only the newer one holds.
func choose(ctx context.Context, readable []fileCopy, src Source) (fileCopy, material, body, error) {
	var first error
	ask := askOnce(ctx, src)
	for _, c := range readable {
		m, err := unseal(c.header, src, ask)
		if err == nil {
			var b body
			if b, err = c.openBody(seal.NewAEAD(m.kek)); err == nil {
				return c, m, b, nil
			}
		}
		if first == nil {
			first = fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if errors.Is(first, errCopy) {
		first = hint(fmt.Errorf("%w: %w", ErrLost, first), "put keyring.a or keyring.b back from a backup; without one the data cannot be read")
	}
	return fileCopy{}, material{}, body{}, first
}

// askOnce asks the source once per set of parameters, since it may have to ask a
// person.
func askOnce(ctx context.Context, src Source) func(params []byte) (seal.Key, error) {
	type answer struct {
		root seal.Key
		err  error
	}
	answers := map[string]answer{}
	return func(params []byte) (seal.Key, error) {
		a, ok := answers[string(params)]
		if !ok {
			a.root, a.err = src.Unseal(ctx, params)
			answers[string(params)] = a
		}
		return a.root, a.err
	}
}

func unseal(h header, src Source, ask func(params []byte) (seal.Key, error)) (material, error) {
	if name := src.Name(); name != h.Source && name != sourceRecovery {
		return material{}, hint(fmt.Errorf("%w: it was made with %q, not with %q", ErrWrongKey, h.Source, name),
			"set the key source in the config back to "+h.Source)
	}
	root, err := ask(h.Params)
	if err != nil {
		return material{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	wrap, err := wrapKey(root, h.Install)
	if err != nil {
		return material{}, err
	}
	if id, err := seal.KeyIDOf(h.KEK); err != nil {
		return material{}, errCopy
	} else if id != wrap.ID() {
		return material{}, hint(ErrWrongKey, "check the "+h.Source+"; if it is gone for good, the clinic's recovery key opens the keyring")
	}
	raw, err := seal.Open(nil, wrap, h.KEK, kekPlace(h.Install))
	if err != nil {
		return material{}, errCopy
	}
	defer clear(raw)
	kek, err := seal.KeyFrom(raw)
	if err != nil {
		return material{}, errCopy
	}
	return material{
		install: h.Install, source: h.Source, strength: src.Strength(), params: h.Params,
		root: root, kek: kek, sealedKEK: h.KEK, recovery: h.Recovery,
	}, nil
}

func setup(ctx context.Context, src Source, install uuid.UUID) (material, error) {
	root, params, err := src.Setup(ctx)
	if err != nil {
		return material{}, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return material{install: install, source: src.Name(), strength: src.Strength(), params: params, root: root}, nil
}

// newKEK makes a new KEK and wraps it with the root.
func (m *material) newKEK() error {
	m.kek = seal.NewKey()
	return m.wrapKEK()
}

func (m *material) wrapKEK() error {
	wrap, err := wrapKey(m.root, m.install)
	if err != nil {
		return err
	}
	m.sealedKEK = seal.Seal(nil, wrap, m.kek.Reveal(), kekPlace(m.install))
	return nil
}

// commit makes m and b durable in both copies and then the ring's own. Between
// the two copies a crash leaves one of each generation, and Open takes the newer.
// The copy that is not known to be sound goes first, so that a sound one stays
// until the other is written. r.mu is held.
func (r *Ring) commit(m material, b body) error {
	old := r.current.Load()
	for i, k := range b.Keys {
		if old != nil && old.byID[k.ID] != nil {
			b.Keys[i].Uses = old.byID[k.ID].Uses()
		}
	}
	r.attempted++
	generation := r.attempted
	raw, err := encodeCopy(header{
		Install: m.install, Generation: generation, Source: m.source, Params: m.params, KEK: m.sealedKEK, Recovery: m.recovery,
	}, b, seal.NewAEAD(m.kek))
	if err != nil {
		return err
	}
	names := []string{fileA, fileB}
	if r.sound[fileA] && !r.sound[fileB] {
		slices.Reverse(names)
	}
	for _, name := range names {
		r.sound[name] = false
		if err := ReplaceFile(r.fsys, name, raw); err != nil {
			clear(r.sound) // the first copy may be ahead now
			return hint(fmt.Errorf("cannot write %s: %w", name, err), "check that the disk of the data directory has room and can be written")
		}
	}
	r.sound[fileA], r.sound[fileB] = true, true
	if !m.kek.Equal(r.material.kek) {
		r.material.kek.Wipe()
	}
	r.material = m
	r.publish(generation, b)
	return nil
}

func (r *Ring) publish(generation uint64, b body) {
	old := r.current.Load()
	s := &snapshot{
		generation: generation, install: r.material.install, body: b,
		byID: map[seal.KeyID]*seal.AEAD{}, active: map[string]*seal.AEAD{},
	}
	for _, k := range b.Keys {
		if k.State == Destroyed {
			continue
		}
		var a *seal.AEAD
		if old != nil {
			a = old.byID[k.ID] // goes on counting uses
		}
		if a == nil {
			key, err := seal.KeyFrom(k.Key)
			if err != nil {
				panic("keyring: unvalidated body: " + err.Error())
			}
			a = seal.NewAEAD(key)
			key.Wipe()
			a.SetUses(k.Uses)
		}
		s.byID[k.ID] = a
		if k.State == Active {
			s.active[k.Class] = a
		}
	}
	r.current.Store(s)
}

// change makes one durable change of the body: edit works on a clone.
func (r *Ring) change(edit func(m *material, b *body) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changeLocked(edit)
}

func (r *Ring) changeLocked(edit func(m *material, b *body) error) error {
	s := r.current.Load()
	if s == nil {
		return ErrClosed
	}
	if r.readOnly {
		return ErrReadOnly
	}
	// Two processes that change one keyring would undo each other's changes. The
	// store's lock keeps them apart; this catches whoever works around it.
	for _, c := range readCopies(r.fsys) {
		if c.err == nil && c.header.Generation > r.attempted {
			return hint(fmt.Errorf("%w: %s", ErrChanged, c.name), "let only one process work on the data directory, and start this one again")
		}
	}
	m, b := r.material, s.body.clone()
	if err := edit(&m, &b); err != nil {
		return err
	}
	return r.commit(m, b)
}

// Install is the id of this installation: made with the keyring, the same for
// all stores that it serves, never changed.
func (r *Ring) Install() uuid.UUID {
	if s := r.current.Load(); s != nil {
		return s.install
	}
	return uuid.Nil
}

// Generation counts the changes of the keyring. An owner that keeps the highest
// it has seen can tell when an old keyring was put back.
func (r *Ring) Generation() uint64 {
	if s := r.current.Load(); s != nil {
		return s.generation
	}
	return 0
}

// Source is the name of the key source and what it protects against.
func (r *Ring) Source() (name string, strength Strength) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.material.source, r.material.strength
}

// ChangeSource puts the keyring under another source: a new passphrase, or a
// machine-bound source in place of a file. The KEK is changed with it, so that
// the old source opens nothing that is written from now on. An error leaves it
// unknown which of the two sources opens the keyring at the next start: keep
// both until a call has returned nil.
func (r *Ring) ChangeSource(ctx context.Context, src Source) error {
	m, err := setup(ctx, src, r.Install()) // may ask a person: not under the lock
	if err != nil {
		return fmt.Errorf("cannot change key source: %w", err)
	}
	var oldRoot seal.Key
	err = r.change(func(mat *material, _ *body) error {
		oldRoot, m.recovery = mat.root, mat.recovery
		if err := m.newKEK(); err != nil {
			return err
		}
		if mat.recovery != nil {
			pub := RecoveryPublic{[32]byte(mat.recovery.Public)}
			if m.recovery, err = pub.wrap(m.root, m.install); err != nil {
				return err
			}
		}
		*mat = m
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot change key source: %w", err)
	}
	oldRoot.Wipe()
	return nil
}

// RotateKEK changes the key that encrypts the keyring. Together with Destroy it
// is what makes an erasure cryptographic.
func (r *Ring) RotateKEK() error {
	err := r.change(func(m *material, _ *body) error { return m.newKEK() })
	if err != nil {
		return fmt.Errorf("cannot rotate the keyring's key: %w", err)
	}
	return nil
}

// SetRecovery wraps the root key to the clinic's recovery key, in place of any
// before; nil takes the wrap away.
func (r *Ring) SetRecovery(pub *RecoveryPublic) error {
	err := r.change(func(m *material, _ *body) (err error) {
		m.recovery = nil
		if pub != nil {
			m.recovery, err = pub.wrap(m.root, m.install)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot set recovery key: %w", err)
	}
	return nil
}

// Recovery is the recovery key that the root is wrapped to; false if there is
// none.
func (r *Ring) Recovery() (RecoveryPublic, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.material.recovery == nil {
		return RecoveryPublic{}, false
	}
	return RecoveryPublic{[32]byte(r.material.recovery.Public)}, true
}

// CopyState is how one of the two files was found.
type CopyState struct {
	Name       string
	Generation uint64 // 0 where it cannot be read
	// Problem is empty for a copy that holds what the ring holds; otherwise
	// "missing", "damaged", "older" or "under another key".
	Problem string
}

func (c fileCopy) state(winner fileCopy) CopyState {
	s := CopyState{Name: c.name, Generation: c.header.Generation}
	switch {
	case errors.Is(c.err, fs.ErrNotExist):
		s.Problem = "missing"
	case c.err != nil:
		s.Problem = "damaged"
	case c.header.Generation < winner.header.Generation:
		s.Problem = "older"
	case string(c.raw) != string(winner.raw):
		s.Problem = "under another key"
	}
	return s
}

// Found is how Open found the two copies, before it repaired them; empty after
// Create.
func (r *Ring) Found() []CopyState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.found)
}

// Sound reports whether both copies hold the current keys, by reading them.
func (r *Ring) Sound() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.current.Load()
	if s == nil {
		return false
	}
	copies := readCopies(r.fsys)
	for _, c := range copies {
		r.sound[c.name] = c.err == nil && c.header.Generation == s.generation && string(c.raw) == string(copies[0].raw)
	}
	return r.sound[fileA] && r.sound[fileB]
}

// Repair writes both copies anew from what the ring holds.
func (r *Ring) Repair() error {
	if err := r.change(func(*material, *body) error { return nil }); err != nil {
		return fmt.Errorf("cannot repair keyring: %w", err)
	}
	return nil
}

// Close forgets the keys. Ciphers that others still hold go on working. It does
// not write: call SaveUses first.
func (r *Ring) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.current.Swap(nil)
	if s == nil {
		return
	}
	r.material.root.Wipe()
	r.material.kek.Wipe()
	for _, k := range s.body.Keys {
		clear(k.Key)
	}
	for _, v := range s.body.Secrets {
		r.wipe(v.Value)
	}
}

func (r *Ring) wipe(value []byte) {
	r.values.Lock()
	defer r.values.Unlock()
	clear(value)
}

// Format keeps a ring that is printed by mistake from showing what it holds.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keyring") }
