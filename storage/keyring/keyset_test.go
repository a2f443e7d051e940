package keyring_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"
	"clinicgate/storage/seal"
)

func TestAChildOpensWhatTheRingOpens(t *testing.T) {
	t.Parallel()
	r := create(t, keyringtest.NewDisk(), "q", "c")
	gone := seal.Seal(nil, active(t, r, "q"), []byte("gone"), place)
	if _, err := r.Rotate("q"); err != nil {
		t.Fatal(err)
	}
	if err := r.Destroy("q", 1); err != nil {
		t.Fatal(err)
	}
	old := seal.Seal(nil, active(t, r, "q"), []byte("old"), place)
	if _, err := r.Rotate("q"); err != nil {
		t.Fatal(err)
	}

	pipe, w := io.Pipe()
	go func() {
		err := r.ExportKeys(w, "head-file")
		_, _ = w.Write([]byte("what follows"))
		w.CloseWithError(err)
	}()
	set, err := keyring.ReadKeys(pipe)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(pipe); err != nil || string(rest) != "what follows" {
		t.Errorf("behind the keys: %q, %v", rest, err)
	}
	if set.Len() != 3 {
		t.Errorf("%d keys", set.Len())
	}
	if plain, err := seal.Open(nil, set, old, place); err != nil || string(plain) != "old" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := seal.Open(nil, set, gone, place); !errors.Is(err, seal.ErrKeyUnknown) {
		t.Errorf("record of a destroyed key: %v", err)
	}
	want, _ := r.Secret("head-file")
	if got, err := set.Secret("head-file"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("secret: %v", err)
	}
	if _, err := set.Secret("blind-index"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("a secret that was not handed over: %v", err)
	}
	if _, err := set.Active("q"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("a set that seals: %v", err)
	}
	if err := r.ExportKeys(io.Discard, strings.Repeat("x", 65)); err == nil {
		t.Error("a purpose that is too long")
	}
	if err := r.ExportKeys(io.Discard, make([]string, 33)...); err == nil {
		t.Error("too many purposes")
	}
	if err := r.ExportKeys(failingWriter{}); err == nil {
		t.Error("a broken pipe is no error")
	}
	r.Close()
	if err := r.ExportKeys(io.Discard); !errors.Is(err, keyring.ErrClosed) {
		t.Errorf("closed ring: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestADamagedKeySetIsRefused(t *testing.T) {
	t.Parallel()
	r := create(t, keyringtest.NewDisk(), "q")
	var whole bytes.Buffer
	if err := r.ExportKeys(&whole, "x"); err != nil {
		t.Fatal(err)
	}
	for i := range whole.Len() {
		b := bytes.Clone(whole.Bytes())
		b[i] ^= 1
		if _, err := keyring.ReadKeys(bytes.NewReader(b)); err == nil {
			t.Errorf("byte %d changed: read", i)
		}
		if _, err := keyring.ReadKeys(bytes.NewReader(b[:i])); err == nil {
			t.Errorf("cut to %d bytes: read", i)
		}
	}
}

func FuzzReadKeys(f *testing.F) {
	r, err := keyring.Create(ctx, keyringtest.NewDisk(), first, keyring.Options{Classes: []string{"q"}})
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.ExportKeys(&b, "x"); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("CGKS1\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := keyring.ReadKeys(bytes.NewReader(b))
		if (err == nil) != (set != nil) {
			t.Fatalf("%v, %v", set, err)
		}
	})
}

// Any bytes in place of a copy: no panic, no other keyring, and never a wrong
// key taken for a right one. The checksum is made to fit, so that the fuzzer
// gets behind it.
func FuzzOpenCopy(f *testing.F) {
	// The golden file, so that every worker of the fuzzer knows the same keys.
	whole, err := os.ReadFile("testdata/keyring-v1")
	if err != nil {
		f.Fatal(err)
	}
	disk := keyringtest.NewDisk()
	disk.Edit("keyring.a", func([]byte) []byte { return whole })
	id := active(f, open(f, disk, first), "q").ID()
	f.Add(whole)
	f.Add([]byte("CGKR\x01"))
	f.Add(bytes.Replace(whole, []byte(`"generation":7`), []byte(`"generation":9`), 1))
	f.Add(bytes.Replace(whole, []byte(`"source":"first"`), []byte(`"source":"other"`), 1))
	private, err := keyring.NewRecoveryKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 32 {
			b = resum(bytes.Clone(b))
		}
		disk := keyringtest.NewDisk()
		disk.Edit("keyring.b", func([]byte) []byte { return append([]byte{}, b...) })
		_, _ = keyring.RecoverRoot(disk, private)
		r, err := keyring.Open(ctx, disk, first, keyring.Options{ReadOnly: true})
		if err != nil {
			return
		}
		if a, err := r.Active("q"); err != nil || a.ID() != id {
			t.Fatalf("a forged keyring opened: %v", err)
		}
	})
}

func FuzzKeyFile(f *testing.F) {
	f.Add("clinicgate-key-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	f.Add("# comment\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := keyring.ParseKeyFile([]byte(text))
		if (err == nil) == key.IsZero() {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
