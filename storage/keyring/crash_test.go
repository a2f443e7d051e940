package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"
	"clinicgate/storage/seal"
)

// source is a key source without a file.
type source struct {
	name string
	key  byte
	err  error
}

func (s source) Name() string               { return s.name }
func (s source) Strength() keyring.Strength { return keyring.StrengthOS }
func (s source) Setup(ctx context.Context) (seal.Key, []byte, error) {
	k, err := s.Unseal(ctx, nil)
	return k, []byte("params of " + s.name), err
}

func (s source) Unseal(context.Context, []byte) (seal.Key, error) {
	if s.err != nil {
		return seal.Key{}, s.err
	}
	return seal.KeyFrom(slices.Repeat([]byte{s.key}, seal.KeySize))
}

var (
	first  = source{name: "first", key: 1}
	second = source{name: "second", key: 2}
)

// witness is what the outside knows: it notes what it did and what it was told.
type witness struct {
	disk    *keyringtest.Disk
	ring    *keyring.Ring
	created bool
	sources []keyring.Source // any of these may be the right one
	install [16]byte
	sealed  []sealed
	gone    map[string]map[uint32]bool // destroyed for sure: class, epoch
	maybe   map[string]map[uint32]bool // destruction was tried
	secrets map[string]string          // imported for sure: id, value
	erased  map[string]bool            // erased for sure
	doubt   map[string]bool            // import or erasure was tried
}

type sealed struct {
	class  string
	epoch  uint32
	record []byte
}

func newWitness(disk *keyringtest.Disk) *witness {
	return &witness{
		disk: disk, gone: map[string]map[uint32]bool{}, maybe: map[string]map[uint32]bool{},
		secrets: map[string]string{}, erased: map[string]bool{}, doubt: map[string]bool{},
	}
}

var place = seal.Place{Bucket: "events", Key: []byte("k")}

// use seals with whatever the ring says is active.
func (w *witness) use(classes ...string) error {
	for _, class := range classes {
		a, err := w.ring.Active(class)
		if errors.Is(err, keyring.ErrNoKey) {
			continue
		}
		if err != nil {
			return err
		}
		e, _ := w.ring.Epoch(a.ID())
		w.sealed = append(w.sealed, sealed{class, e.Epoch, seal.Seal(nil, a, []byte(class), place)})
	}
	return nil
}

func (w *witness) destroy(class string, epoch uint32) error {
	mark(w.maybe, class, epoch)
	err := w.ring.Destroy(class, epoch)
	if err == nil {
		mark(w.gone, class, epoch)
	}
	return err
}

func mark(m map[string]map[uint32]bool, class string, epoch uint32) {
	if m[class] == nil {
		m[class] = map[uint32]bool{}
	}
	m[class][epoch] = true
}

func (w *witness) importSecret(id, value string) error {
	w.doubt[id] = true
	err := w.ring.Import(keyring.Named{Kind: keyring.PubNubCipher, ID: id, Value: keyring.NewValue([]byte(value))})
	if err == nil {
		w.secrets[id] = value
		delete(w.doubt, id)
	}
	return err
}

func (w *witness) erase(id string) error {
	w.doubt[id] = true
	err := w.ring.Erase(keyring.PubNubCipher, id)
	if err == nil {
		w.erased[id] = true
		delete(w.doubt, id)
	}
	return err
}

// steps is a life of a keyring. Each step may be tried again after an error.
func (w *witness) steps() []func() error {
	ctx := context.Background()
	rotate := func(class string) func() error {
		return func() error { _, err := w.ring.Rotate(class); return err }
	}
	return []func() error{
		func() error {
			w.sources = []keyring.Source{first}
			opt := keyring.Options{Classes: []string{"q", "c"}, Now: func() time.Time { return time.Unix(1e9, 0) }}
			var err error
			if keyring.Exists(w.disk) { // an earlier try got that far
				w.ring, err = keyring.Open(ctx, w.disk, first, opt)
			} else {
				w.ring, err = keyring.Create(ctx, w.disk, first, opt)
			}
			if err == nil {
				w.created, w.install = true, w.ring.Install()
			}
			return err
		},
		rotate("q"),
		func() error { return w.importSecret("one", "cipher one") },
		func() error { return w.ring.Ensure("q", "a", "t") },
		rotate("q"),
		func() error { return w.destroy("q", 1) },
		func() error {
			w.sources = []keyring.Source{first, second}
			err := w.ring.ChangeSource(ctx, second)
			if err == nil {
				w.sources = []keyring.Source{second}
			}
			return err
		},
		func() error { return w.importSecret("two", "cipher two") },
		rotate("c"),
		func() error { return w.erase("one") },
		func() error { _, err := w.ring.RotateSigning(17); return err },
		func() error { return w.ring.RotateKEK() },
		func() error { return w.destroy("c", 1) },
		func() error { return w.ring.SaveUses() },
	}
}

// run does all steps, sealing after each; after an error it tries the step
// again up to tries times. It returns the last error that stayed.
func (w *witness) run(tries int) error {
	for _, step := range w.steps() {
		err := step()
		for i := 0; err != nil && i < tries; i++ {
			if w.ring != nil {
				if err := w.use("q", "c", "a", "t"); err != nil {
					return err
				}
			}
			err = step()
		}
		if err != nil {
			return err
		}
		if err := w.use("q", "c", "a", "t"); err != nil {
			return err
		}
	}
	return nil
}

// check opens what is on the disk and holds it against the witness.
func (w *witness) check(disk *keyringtest.Disk) error {
	if !w.created && !keyring.Exists(disk) {
		return nil
	}
	var r *keyring.Ring
	var err error
	for _, src := range w.sources {
		if r, err = keyring.Open(context.Background(), disk, src, keyring.Options{}); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("does not open: %w", err)
	}
	defer r.Close()
	if w.created && r.Install() != w.install {
		return fmt.Errorf("install id changed from %x to %v", w.install, r.Install())
	}
	if !r.Sound() {
		return errors.New("the copies differ after Open")
	}
	for _, s := range w.sealed {
		_, err := seal.Open(nil, r, s.record, place)
		switch {
		case w.gone[s.class][s.epoch] && err == nil:
			return fmt.Errorf("class %s epoch %d opens a record after it was destroyed", s.class, s.epoch)
		case err != nil && !w.maybe[s.class][s.epoch]:
			return fmt.Errorf("record of class %s epoch %d: %w", s.class, s.epoch, err)
		}
	}
	have := map[string]string{}
	for _, s := range r.Secrets(keyring.PubNubCipher) {
		have[s.ID] = string(s.Value.Reveal())
	}
	for id, value := range w.secrets {
		switch {
		case w.doubt[id]:
		case w.erased[id] && have[id] != "":
			return fmt.Errorf("secret %s is there after it was erased", id)
		case !w.erased[id] && have[id] != value:
			return fmt.Errorf("secret %s is %q", id, have[id])
		}
	}
	// Whatever the state it is in, it can go on.
	return r.Import(keyring.Named{Kind: keyring.PubNubCipher, ID: "later", Value: keyring.NewValue([]byte("v"))})
}

// checkAll also loses either copy: what was used must be in both.
func (w *witness) checkAll(image func() *keyringtest.Disk) error {
	if err := w.check(image()); err != nil {
		return err
	}
	if !w.created {
		return nil
	}
	for _, name := range []string{"keyring.a", "keyring.b"} {
		disk := image()
		disk.Edit(name, func([]byte) []byte { return nil })
		if err := w.check(disk); err != nil {
			return fmt.Errorf("without %s: %w", name, err)
		}
	}
	return nil
}

func opsOf(t *testing.T) int {
	t.Helper()
	w := newWitness(keyringtest.NewDisk())
	if err := w.run(0); err != nil {
		t.Fatal(err)
	}
	if err := w.checkAll(w.disk.Seen); err != nil {
		t.Fatal(err)
	}
	return w.disk.Ops()
}

// The process or the power ends before each single operation of a keyring's
// life. Nothing that was told done is lost, nothing destroyed comes back, and
// either copy alone is enough.
func TestACrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	ops := opsOf(t)
	states := 0
	for at := 1; at <= ops; at++ {
		w := newWitness(keyringtest.NewDisk())
		w.disk.OnOp(func(n int, _ string) keyringtest.Fault {
			if n == at {
				return keyringtest.Crash
			}
			return keyringtest.None
		})
		if err := w.run(0); !errors.Is(err, keyringtest.ErrCrashed) {
			t.Fatalf("operation %d: %v", at, err)
		}
		if err := w.checkAll(w.disk.Seen); err != nil {
			t.Errorf("killed before operation %d: %v", at, err)
		}
		states++
		for i, cut := range w.disk.PowerCuts() {
			states++
			if err := w.checkAll(cut.Seen); err != nil {
				t.Errorf("power cut before operation %d, state %d: %v", at, i, err)
			}
		}
	}
	t.Logf("%d operations, %d states", ops, states)
}

// Each operation fails once: not done, or done and reported as failed. The step
// is tried again and the ring goes on; then the power is cut.
func TestAFailureAtEveryOperation(t *testing.T) {
	t.Parallel()
	ops := opsOf(t)
	for _, fault := range []keyringtest.Fault{keyringtest.Fail, keyringtest.FailDone} {
		for at := 1; at <= ops; at++ {
			w := newWitness(keyringtest.NewDisk())
			w.disk.OnOp(func(n int, _ string) keyringtest.Fault {
				if n == at {
					return fault
				}
				return keyringtest.None
			})
			if err := w.run(1); err != nil {
				t.Errorf("fault %d at operation %d, tried again: %v", fault, at, err)
				continue
			}
			for i, cut := range w.disk.PowerCuts() {
				if err := w.checkAll(cut.Seen); err != nil {
					t.Errorf("fault %d at operation %d, state %d: %v", fault, at, i, err)
				}
			}
		}
	}
}

// From some operation on everything fails (a full disk); the ring goes on with
// what it has, and after the power cut all that was used is there.
func TestADiskThatStaysBroken(t *testing.T) {
	t.Parallel()
	ops := opsOf(t)
	for _, fault := range []keyringtest.Fault{keyringtest.Fail, keyringtest.FailDone} {
		for at := 1; at <= ops; at += 5 {
			w := newWitness(keyringtest.NewDisk())
			w.disk.OnOp(func(n int, _ string) keyringtest.Fault {
				if n >= at {
					return fault
				}
				return keyringtest.None
			})
			if err := w.run(2); err == nil {
				t.Errorf("fault %d from operation %d on: no error", fault, at)
			}
			for i, cut := range w.disk.PowerCuts() {
				if err := w.checkAll(cut.Seen); err != nil {
					t.Errorf("fault %d from operation %d on, state %d: %v", fault, at, i, err)
				}
			}
		}
	}
}
