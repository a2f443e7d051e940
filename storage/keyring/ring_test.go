package keyring_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"
	"clinicgate/storage/seal"
)

var ctx = context.Background()

func create(t testing.TB, fsys keyring.FS, classes ...string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Create(ctx, fsys, first, keyring.Options{Classes: classes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func open(t testing.TB, fsys keyring.FS, src keyring.Source) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(ctx, fsys, src, keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func active(t testing.TB, r *keyring.Ring, class string) *seal.AEAD {
	t.Helper()
	a, err := r.Active(class)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func hintOf(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	return ""
}

func TestSealedRecordsOpenAfterReopen(t *testing.T) {
	t.Parallel()
	dir := keyring.Dir(t.TempDir())
	r := create(t, dir, "queue")
	var records [][]byte
	for range 3 {
		records = append(records, seal.Seal(nil, active(t, r, "queue"), []byte("hello"), place))
		if _, err := r.Rotate("queue"); err != nil {
			t.Fatal(err)
		}
	}
	install, generation := r.Install(), r.Generation()
	secret, err := r.Secret("blind-index")
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := r.Active("queue"); !errors.Is(err, keyring.ErrClosed) || r.AEAD(seal.KeyID{}) != nil {
		t.Errorf("a closed ring: %v", err)
	}

	r = open(t, dir, first)
	for i, rec := range records {
		if plain, err := seal.Open(nil, r, rec, place); err != nil || string(plain) != "hello" {
			t.Errorf("record of epoch %d: %q, %v", i+1, plain, err)
		}
	}
	for _, c := range r.Found() {
		if c.Problem != "" || c.Generation != generation {
			t.Errorf("copy %+v after a clean close at generation %d", c, generation)
		}
	}
	again, err := r.Secret("blind-index")
	if err != nil || !bytes.Equal(again, secret) || len(secret) != 32 {
		t.Errorf("secret changed: %v", err)
	}
	if other, _ := r.Secret("head-file"); bytes.Equal(other, secret) {
		t.Error("two purposes have one secret")
	}
	if r.Install() != install || r.Generation() != generation || !r.Sound() {
		t.Errorf("install %v, generation %d", r.Install(), r.Generation())
	}
}

func TestOneCopyIsEnough(t *testing.T) {
	t.Parallel()
	whole := keyringtest.NewDisk()
	r := create(t, whole, "q")
	record := seal.Seal(nil, active(t, r, "q"), []byte("plain"), place)
	older := whole.Seen()
	if _, err := r.Rotate("q"); err != nil {
		t.Fatal(err)
	}
	newest := seal.Seal(nil, active(t, r, "q"), []byte("plain"), place)
	oldRaw := map[string][]byte{}
	for _, name := range older.Names() {
		b, err := older.ReadFile(name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		oldRaw[name] = b
	}
	damage := map[string]struct {
		problem string
		edit    func(name string, b []byte) []byte
	}{
		"lost":         {"missing", func(string, []byte) []byte { return nil }},
		"empty":        {"damaged", func(string, []byte) []byte { return []byte{} }},
		"cut":          {"damaged", func(_ string, b []byte) []byte { return b[:len(b)-1] }},
		"half":         {"damaged", func(_ string, b []byte) []byte { return b[:len(b)/2] }},
		"zeros":        {"damaged", func(_ string, b []byte) []byte { return make([]byte, len(b)) }},
		"longer":       {"damaged", func(_ string, b []byte) []byte { return append(b, 0) }},
		"bit flipped":  {"damaged", func(_ string, b []byte) []byte { b[len(b)/3] ^= 4; return b }},
		"garbage":      {"damaged", func(string, []byte) []byte { return []byte(strings.Repeat("no keyring", 50)) }},
		"a generation": {"older", func(name string, _ []byte) []byte { return oldRaw[name] }},
	}
	for name, d := range damage {
		for _, file := range []string{"keyring.a", "keyring.b"} {
			disk := whole.Seen()
			disk.Edit(file, func(b []byte) []byte { return d.edit(file, b) })
			r := open(t, disk, first)
			for _, rec := range [][]byte{record, newest} {
				if _, err := seal.Open(nil, r, rec, place); err != nil {
					t.Errorf("%s %s: %v", file, name, err)
				}
			}
			for _, c := range r.Found() {
				want := ""
				if c.Name == file {
					want = d.problem
				}
				if c.Problem != want {
					t.Errorf("%s %s: found %+v, want problem %q", file, name, c, want)
				}
			}
			if !r.Sound() {
				t.Errorf("%s %s: not repaired", file, name)
			}
			for _, c := range open(t, disk, first).Found() {
				if c.Problem != "" {
					t.Errorf("%s %s: after the repair %+v", file, name, c)
				}
			}
		}
	}
}

// Any single changed bit of a copy is noticed, and the other copy is taken.
func TestEveryChangedByteOfACopyIsNoticed(t *testing.T) {
	t.Parallel()
	whole := keyringtest.NewDisk()
	create(t, whole)
	size := 0
	whole.Edit("keyring.a", func(b []byte) []byte { size = len(b); return b })
	for i := range size {
		disk := whole.Seen()
		disk.Edit("keyring.a", func(b []byte) []byte { b[i] ^= 1; return b })
		r, err := keyring.Open(ctx, disk, first, keyring.Options{ReadOnly: true})
		if err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		if c := r.Found()[0]; c.Problem != "damaged" {
			t.Errorf("byte %d: found %+v", i, c)
		}
	}
}

func TestBothCopiesLost(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	if keyring.Exists(disk) {
		t.Error("a keyring exists in an empty directory")
	}
	_, err := keyring.Open(ctx, disk, first, keyring.Options{})
	if !errors.Is(err, keyring.ErrLost) || !errors.Is(err, fs.ErrNotExist) || hintOf(err) == "" {
		t.Errorf("nothing there: %v", err)
	}
	create(t, disk)
	for _, name := range disk.Names() {
		disk.Edit(name, func(b []byte) []byte { return b[:10] })
	}
	_, err = keyring.Open(ctx, disk, first, keyring.Options{})
	if !errors.Is(err, keyring.ErrLost) || errors.Is(err, fs.ErrNotExist) || hintOf(err) == "" {
		t.Errorf("both damaged: %v", err)
	}
	// What is there, damaged or not, is never replaced.
	before := disk.Ops()
	if _, err := keyring.Create(ctx, disk, first, keyring.Options{}); !errors.Is(err, keyring.ErrExists) {
		t.Errorf("Create over damaged copies: %v", err)
	}
	if disk.Ops() != before {
		t.Error("Create touched the disk")
	}
}

func TestAWrongSourceChangesNothing(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	create(t, disk, "q")
	before := disk.Ops()
	wrong := source{name: "first", key: 9}
	_, err := keyring.Open(ctx, disk, wrong, keyring.Options{})
	if !errors.Is(err, keyring.ErrWrongKey) || hintOf(err) == "" {
		t.Errorf("wrong key: %v", err)
	}
	_, err = keyring.Open(ctx, disk, second, keyring.Options{})
	if !errors.Is(err, keyring.ErrWrongKey) || !strings.Contains(hintOf(err), "source in the config back to first") {
		t.Errorf("other source: %v, hint %q", err, hintOf(err))
	}
	cause := errors.New("TPM is locked")
	_, err = keyring.Open(ctx, disk, source{name: "first", err: cause}, keyring.Options{})
	if !errors.Is(err, keyring.ErrSource) || !errors.Is(err, cause) {
		t.Errorf("source without a key: %v", err)
	}
	if _, err := keyring.Create(ctx, keyringtest.NewDisk(), source{name: "x", err: cause}, keyring.Options{}); !errors.Is(err, keyring.ErrSource) {
		t.Errorf("Create without a key: %v", err)
	}
	if _, err := keyring.Create(ctx, disk, wrong, keyring.Options{}); !errors.Is(err, keyring.ErrExists) {
		t.Errorf("Create over a keyring: %v", err)
	}
	if disk.Ops() != before {
		t.Error("the disk was touched")
	}
	open(t, disk, first)
}

func TestCopiesOfTwoInstallations(t *testing.T) {
	t.Parallel()
	one, two := keyringtest.NewDisk(), keyringtest.NewDisk()
	create(t, one)
	create(t, two)
	foreign, err := two.ReadFile("keyring.b", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	one.Edit("keyring.b", func([]byte) []byte { return foreign })
	before := one.Ops()
	if _, err := keyring.Open(ctx, one, first, keyring.Options{}); err == nil || hintOf(err) == "" {
		t.Errorf("copies of two installations: %v", err)
	}
	if one.Ops() != before {
		t.Error("a foreign keyring was overwritten")
	}
}

func TestAChangeOfSource(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r := create(t, disk, "q")
	record := seal.Seal(nil, active(t, r, "q"), []byte("plain"), place)
	if err := r.ChangeSource(ctx, second); err != nil {
		t.Fatal(err)
	}
	if name, strength := r.Source(); name != "second" || strength != keyring.StrengthOS {
		t.Errorf("source %s, %s", name, strength)
	}
	if _, err := r.Rotate("q"); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Open(ctx, disk, first, keyring.Options{}); !errors.Is(err, keyring.ErrWrongKey) {
		t.Errorf("with the old source: %v", err)
	}
	if _, err := seal.Open(nil, open(t, disk, second), record, place); err != nil {
		t.Errorf("with the new source: %v", err)
	}
	if err := r.ChangeSource(ctx, source{name: "x", err: errors.New("no")}); !errors.Is(err, keyring.ErrSource) {
		t.Errorf("to a source without a key: %v", err)
	}
}

func TestANewerFormIsLeftAlone(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	create(t, disk)
	disk.Edit("keyring.a", func(b []byte) []byte {
		b[4] = 2
		return resum(b)
	})
	before := disk.Ops()
	_, err := keyring.Open(ctx, disk, first, keyring.Options{})
	if err == nil || errors.Is(err, keyring.ErrLost) || !strings.Contains(hintOf(err), "newer") {
		t.Errorf("newer form: %v, hint %q", err, hintOf(err))
	}
	if disk.Ops() != before {
		t.Error("a newer keyring was overwritten")
	}
}

// The files on disk, fixed for good: written when the form was made, by the
// source "first".
func TestKeyringOfVersion1Opens(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/keyring-v1")
	if err != nil {
		t.Fatal(err)
	}
	disk := keyringtest.NewDisk()
	disk.Edit("keyring.b", func([]byte) []byte { return b })
	r := open(t, disk, first)
	record, err := hex.DecodeString(goldenRecord)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := seal.Open(nil, r, record, place); err != nil || string(plain) != "of version 1" {
		t.Errorf("record: %q, %v", plain, err)
	}
	if s, ok := r.Current(keyring.PubNubCipher, 0); !ok || s.ID != "golden" || string(s.Value.Reveal()) != "golden cipher key" {
		t.Errorf("secret: %+v", s)
	}
	if secret, err := r.Secret("golden"); err != nil || hex.EncodeToString(secret) != goldenSecret {
		t.Errorf("derived secret: %x, %v", secret, err)
	}
}

func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r := create(t, disk, "q")
	done, sealed := make(chan struct{}), make(chan struct{}, 1)
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				case sealed <- struct{}{}:
				default:
				}
				a, err := r.Active("q")
				if err != nil {
					t.Error(err)
					return
				}
				plain := fmt.Appendf(nil, "record %d of %d", i, g)
				got, err := seal.Open(nil, r, seal.Seal(nil, a, plain, place), place)
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%s: %q, %v", plain, got, err)
					return
				}
				_, _ = r.Secret("x")
				_ = r.SigningKey()
				_ = r.List()
				_ = r.Epochs()
			}
		})
	}
	wg.Go(func() {
		defer close(done)
		for i := range 10 {
			<-sealed // so that each epoch meets some load
			<-sealed
			id := fmt.Sprint("key", i)
			_, err := r.Rotate("q")
			err = errors.Join(err, r.Import(keyring.Named{Kind: keyring.PubNubCipher, ID: id, Value: keyring.NewValue([]byte("x"))}))
			err = errors.Join(err, r.Erase(keyring.PubNubCipher, id))
			_, sign := r.RotateSigning(keyring.Timetoken(i + 1))
			if err = errors.Join(err, sign, r.ExportKeys(&bytes.Buffer{}, "x"), r.SaveUses()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if n := len(r.Epochs()); n != 11 {
		t.Errorf("%d epochs after 10 rotations", n)
	}
	var uses int64
	for _, e := range r.Epochs() {
		uses += e.Uses
	}
	if uses == 0 {
		t.Error("no use was counted")
	}
}

func TestTheLifeOfAKey(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r, err := keyring.Create(ctx, disk, first, keyring.Options{Classes: []string{"q", "q"}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	states := func() (out []string) {
		for _, e := range r.Epochs() {
			out = append(out, fmt.Sprintf("%s%d %s", e.Class, e.Epoch, e.State))
		}
		return out
	}
	one := active(t, r, "q")
	record := seal.Seal(nil, one, []byte("plain"), place)
	if _, err := r.Active("c"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("class without a key: %v", err)
	}
	if _, err := r.Rotate("c"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("rotation of a class without a key: %v", err)
	}
	if err := r.Ensure("c", "q", "c"); err != nil {
		t.Fatal(err)
	}
	if err := r.Ensure("no good"); err == nil {
		t.Error("a class with a space")
	}
	if err := r.Destroy("q", 1); !errors.Is(err, keyring.ErrInUse) || hintOf(err) == "" {
		t.Errorf("destroying the sealing key: %v", err)
	}
	e, err := r.Rotate("q")
	if err != nil || e.Epoch != 2 || e.State != keyring.Active {
		t.Fatalf("rotated to %+v, %v", e, err)
	}
	if got, want := states(), []string{"c1 active", "q1 decrypt-only", "q2 active"}; !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
	if _, err := seal.Open(nil, r, record, place); err != nil {
		t.Errorf("old record: %v", err)
	}
	generation := r.Generation()
	if err := r.Destroy("q", 1, 7); !errors.Is(err, keyring.ErrNoKey) || r.Generation() != generation {
		t.Errorf("destroying an epoch that never was: %v", err)
	}
	now = now.Add(time.Hour)
	for range 2 { // the second time changes nothing
		if err := r.Destroy("q", 1); err != nil {
			t.Fatal(err)
		}
	}
	r = open(t, disk, first)
	if got, want := states(), []string{"c1 active", "q1 destroyed", "q2 active"}; !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
	if _, err := seal.Open(nil, r, record, place); !errors.Is(err, seal.ErrKeyUnknown) {
		t.Errorf("record of a destroyed epoch: %v", err)
	}
	if e, ok := r.Epoch(one.ID()); !ok || e.State != keyring.Destroyed || !e.Destroyed.Equal(now) || e.Uses != 1 {
		t.Errorf("destroyed key is known as %+v", e)
	}
	if _, ok := r.Epoch(seal.KeyID{}); ok {
		t.Error("an unknown key is known")
	}
}

func TestRotationFallsDue(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	opt := keyring.Options{Classes: []string{"q"}, Now: func() time.Time { return now }}
	r, err := keyring.Create(ctx, disk, first, opt)
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	if r.Due("q", day) || r.Due("unknown", day) {
		t.Error("due at once")
	}
	now = now.Add(day)
	if !r.Due("q", day) || r.Due("q", 0) {
		t.Error("age is judged wrongly")
	}
	now = now.Add(-10 * day) // a clock that went back forces nothing
	if r.Due("q", day) {
		t.Error("due before it was made")
	}
	generation := r.Generation()
	active(t, r, "q").SetUses(1 << 15)
	if err := r.SaveUses(); err != nil || r.Generation() != generation {
		t.Errorf("a few uses were written at once: %v", err)
	}
	active(t, r, "q").SetUses(seal.MaxUses)
	if !r.Due("q", 0) {
		t.Error("not due after its last use")
	}
	if err := r.SaveUses(); err != nil {
		t.Fatal(err)
	}
	generation = r.Generation()
	if err := r.SaveUses(); err != nil || r.Generation() != generation {
		t.Errorf("counts were written again: %v", err)
	}
	r.Close()
	if r, err = keyring.Open(ctx, disk, first, opt); err != nil {
		t.Fatal(err)
	}
	if !r.Due("q", 0) {
		t.Error("uses were forgotten")
	}
	active(t, r, "q").SetUses(seal.HardMaxUses)
	if _, err := r.Active("q"); !errors.Is(err, keyring.ErrExhausted) || hintOf(err) == "" {
		t.Errorf("key at its limit: %v", err)
	}
	if _, err := r.Rotate("q"); err != nil {
		t.Fatal(err)
	}
	active(t, r, "q")
}

func TestTombstonesAreBounded(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r := create(t, disk, "q", "c")
	if _, err := r.Rotate("c"); err != nil {
		t.Fatal(err)
	}
	if err := r.Destroy("c", 1); err != nil {
		t.Fatal(err)
	}
	var old []uint32
	for i := range uint32(530) {
		if _, err := r.Rotate("q"); err != nil {
			t.Fatal(err)
		}
		old = append(old, i+1)
		if len(old) == 53 {
			if err := r.Destroy("q", old...); err != nil {
				t.Fatal(err)
			}
			old = nil
		}
	}
	n := 0
	for _, e := range r.Epochs() {
		if e.State == keyring.Destroyed {
			n++
		}
	}
	if n != 512 {
		t.Errorf("%d destroyed keys are remembered", n)
	}
	r = open(t, disk, first)
	if e, err := r.Rotate("q"); err != nil || e.Epoch != 532 {
		t.Errorf("next epoch %+v, %v", e, err)
	}
}

func TestTwoProcessesDoNotUndoEachOther(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	service := create(t, disk, "q")
	tool := open(t, disk, first)
	if err := tool.Import(cipherKey("new", "value", 0, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Rotate("q"); !errors.Is(err, keyring.ErrChanged) || hintOf(err) == "" {
		t.Errorf("change over another's: %v", err)
	}
	active(t, service, "q") // it goes on sealing with what it has
	if s, ok := open(t, disk, first).Current(keyring.PubNubCipher, 0); !ok || s.ID != "new" {
		t.Error("the other's change is lost")
	}
}

func TestAReadOnlyRingWritesNothing(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	create(t, disk, "q")
	disk.Edit("keyring.a", func([]byte) []byte { return nil })
	before := disk.Ops()
	r, err := keyring.Open(ctx, disk, first, keyring.Options{ReadOnly: true, Classes: []string{"other"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rotate("q"); !errors.Is(err, keyring.ErrReadOnly) {
		t.Errorf("Rotate: %v", err)
	}
	if r.Sound() {
		t.Error("a missing copy is called sound")
	}
	r.Close()
	if disk.Ops() != before {
		t.Error("the disk was touched")
	}
}

// Nothing that is secret is in the files in clear, nor in what prints.
func TestNoSecretInClear(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r := create(t, disk, "q")
	const planted = "fictional-cipher-key-0123456789"
	if err := r.Import(keyring.Named{Kind: keyring.PubNubCipher, ID: "a", Value: keyring.NewValue([]byte(planted))}); err != nil {
		t.Fatal(err)
	}
	var keys bytes.Buffer
	if err := r.ExportKeys(&keys, "x"); err != nil {
		t.Fatal(err)
	}
	dataKey := keys.Bytes()[9 : 9+seal.KeySize]
	seed := r.SigningKey().Seed()
	root, _ := first.Unseal(ctx, nil)

	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(&shown, verb, r)
		fmt.Fprintf(&shown, verb, struct {
			r *keyring.Ring
			s []keyring.Named
			v keyring.Value
		}{r, r.Secrets(keyring.PubNubCipher), r.Secrets(keyring.PubNubCipher)[0].Value})
	}
	for _, name := range disk.Names() {
		b, err := disk.ReadFile(name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(b)
	}
	for what, secret := range map[string][]byte{
		"cipher key": []byte(planted), "data key": dataKey, "signing seed": seed, "root key": root.Reveal(),
	} {
		for form, text := range forms(secret) {
			if bytes.Contains(shown.Bytes(), text) {
				t.Errorf("%s is in clear as %s", what, form)
			}
		}
	}
}

const (
	goldenRecord = "01019381bc1cb5d92874bcff22874d312e929133b5ec05b0ebca24387d812c06bcb57dac59cc7b764f72364610e1367ab812"
	goldenSecret = "795641231db171551b3bc0baca99f88f924a73b60a0fe1738f3fb12d2c60d448"
)
