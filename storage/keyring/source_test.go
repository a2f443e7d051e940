package keyring_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"
)

// cheap is the least cost that is allowed.
var cheap = keyring.Argon2{Time: 2, MemoryKiB: 19 << 10, Threads: 1}

func passphrase(text string) keyring.Passphrase {
	return keyring.Passphrase{Cost: cheap, Read: func(context.Context) ([]byte, error) { return []byte(text), nil }}
}

func TestAPassphraseOpensItsKeyring(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r, err := keyring.Create(ctx, disk, passphrase("fünf wirklich zufällige Wörter\n"), keyring.Options{Classes: []string{"q"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if name, strength := r.Source(); name != "passphrase" || strength != keyring.StrengthPassphrase {
		t.Errorf("source %s, %s", name, strength)
	}
	for _, same := range []string{
		"fünf wirklich zufällige Wörter",
		"fünf wirklich zufällige Wörter\r\n",
		"fu\u0308nf wirklich zufa\u0308llige Wo\u0308rter", // as another keyboard types it
	} {
		if r, err := keyring.Open(ctx, disk, passphrase(same), keyring.Options{}); err != nil {
			t.Errorf("%q: %v", same, err)
		} else {
			r.Close()
		}
	}
	for _, wrong := range []string{"fünf wirklich zufällige Worte", "fünf wirklich zufällige Wörter ", "x"} {
		if _, err := keyring.Open(ctx, disk, passphrase(wrong), keyring.Options{}); !errors.Is(err, keyring.ErrWrongKey) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	for _, name := range disk.Names() {
		b, _ := disk.ReadFile(name, 1<<20)
		if bytes.Contains(b, []byte("zufällige")) {
			t.Errorf("the passphrase is in %s", name)
		}
	}
}

func TestAPassphraseIsAskedForOnce(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r, err := keyring.Create(ctx, disk, passphrase("five really random words"), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	asked := 0
	_, err = keyring.Open(ctx, disk, keyring.Passphrase{Read: func(context.Context) ([]byte, error) {
		asked++
		return []byte("a wrong one"), nil
	}}, keyring.Options{})
	if !errors.Is(err, keyring.ErrWrongKey) || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestBadPassphrasesAndCosts(t *testing.T) {
	t.Parallel()
	_, _, err := passphrase("too short").Setup(ctx)
	if err == nil || hintOf(err) == "" || strings.Contains(err.Error(), "too short") {
		t.Errorf("a short passphrase: %v", err)
	}
	for _, bad := range []string{"", "\n", strings.Repeat("x", 1025), "not \xff UTF-8, but long enough"} {
		if _, _, err := passphrase(bad).Setup(ctx); err == nil {
			t.Errorf("passphrase of %d bytes was taken", len(bad))
		}
	}
	cause := errors.New("descriptor closed")
	failing := keyring.Passphrase{Read: func(context.Context) ([]byte, error) { return nil, cause }}
	if _, _, err := failing.Setup(ctx); !errors.Is(err, cause) {
		t.Errorf("failing reader: %v", err)
	}
	for _, cost := range []keyring.Argon2{
		{Time: 1, MemoryKiB: 64 << 10, Threads: 1}, {Time: 2, MemoryKiB: 18 << 10, Threads: 1}, {Time: 2, MemoryKiB: 19 << 10},
		{Time: 17, MemoryKiB: 19 << 10, Threads: 1}, {Time: 2, MemoryKiB: 1 << 20, Threads: 1}, {Time: 2, MemoryKiB: 19 << 10, Threads: 17},
	} {
		p := passphrase("five really random words")
		p.Cost = cost
		if _, _, err := p.Setup(ctx); err == nil {
			t.Errorf("cost %+v was taken", cost)
		}
	}
	if err := keyring.DefaultArgon2().Validate(); err != nil {
		t.Error(err)
	}
	// Stored parameters are not believed blindly.
	salt := base64.StdEncoding.EncodeToString(make([]byte, 16))
	for _, params := range []string{
		"", "{}", "null", "[]", `{"time":1,"memory":8,"threads":1,"salt":"` + salt + `"}`,
		`{"time":2,"memory":4294967295,"threads":1,"salt":"` + salt + `"}`,
		`{"time":2,"memory":19456,"threads":1,"salt":"AAAA"}`,
		`{"time":2,"memory":19456,"threads":1,"salt":"` + salt + `","x":1}`,
	} {
		if _, err := passphrase("five really random words").Unseal(ctx, []byte(params)); err == nil {
			t.Errorf("params %s were taken", params)
		}
	}
}

func FuzzPassphraseParams(f *testing.F) {
	f.Add([]byte(`{"time":2,"memory":19456,"threads":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA=="}`))
	f.Add([]byte(`{"time":99}`))
	stop := errors.New("parameters were accepted")
	p := keyring.Passphrase{Read: func(context.Context) ([]byte, error) { return nil, stop }}
	f.Fuzz(func(t *testing.T, params []byte) {
		if _, err := p.Unseal(ctx, params); err == nil {
			t.Fatal("no error though nobody gave a passphrase")
		}
	})
}

func TestAKeyFileOpensItsKeyring(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := keyring.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	if err := keyring.CreateKeyFile(path); err == nil {
		t.Error("a key file was replaced")
	}
	dir := keyring.Dir(t.TempDir())
	r, err := keyring.Create(ctx, dir, keyring.KeyFile(path), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if r, err = keyring.Open(ctx, dir, keyring.KeyFile(path), keyring.Options{}); err != nil {
		t.Fatal(err)
	}
	if name, strength := r.Source(); name != "key-file" || strength != keyring.StrengthFile {
		t.Errorf("source %s, %s", name, strength)
	}
	r.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	// With comments and blank lines it is the same key.
	rewrite := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("\n# moved to the new kiosk\r\n\n" + string(text) + "\n  \n")
	if r, err = keyring.Open(ctx, dir, keyring.KeyFile(path), keyring.Options{}); err != nil {
		t.Error(err)
	} else {
		r.Close()
	}
	line := string(text[bytes.LastIndex(text[:len(text)-1], []byte("\n"))+1:])
	for name, content := range map[string]string{
		"empty": "", "only comments": "# nothing\n", "two keys": line + line, "short key": "clinicgate-key-1 AAAA\n",
		"no base64": "clinicgate-key-1 ????\n", "another form": "clinicgate-key-2 " + line[17:], "too long": strings.Repeat("#\n", 3000),
	} {
		rewrite(content)
		_, err := keyring.Open(ctx, dir, keyring.KeyFile(path), keyring.Options{})
		if !errors.Is(err, keyring.ErrSource) || strings.Contains(err.Error(), line[17:30]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = keyring.Open(ctx, dir, keyring.KeyFile(path), keyring.Options{})
	if !errors.Is(err, keyring.ErrSource) || !errors.Is(err, os.ErrNotExist) || hintOf(err) == "" {
		t.Errorf("key file gone: %v", err)
	}
}

func TestAKeyFileThatOthersCanReach(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // there the access list of the directory decides
	}
	path := filepath.Join(t.TempDir(), "root.key")
	if err := keyring.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.KeyFile(path).Unseal(ctx, nil); err == nil || !strings.HasPrefix(hintOf(err), "chmod 600 ") {
			t.Errorf("mode %o: %v, hint %q", mode, err, hintOf(err))
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.KeyFile(path).Unseal(ctx, nil); err != nil {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := keyring.KeyFile(t.TempDir()).Unseal(ctx, nil); err == nil {
		t.Error("a directory was taken for a key file")
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	private, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	if read, err := keyring.ParseRecoveryPublic(public.String() + "\n"); err != nil || read != public {
		t.Fatalf("%s read back as %s, %v", public, read, err)
	}
	private, err = keyring.ParseRecoveryPrivate(private.Text())
	if err != nil {
		t.Fatal(err)
	}
	other, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}

	disk := keyringtest.NewDisk()
	if _, err := keyring.RecoverRoot(disk, private); !errors.Is(err, keyring.ErrLost) {
		t.Errorf("no keyring: %v", err)
	}
	r := create(t, disk, "q")
	if _, err := keyring.RecoverRoot(disk, private); !errors.Is(err, keyring.ErrNoKey) || hintOf(err) == "" {
		t.Errorf("no recovery key set: %v", err)
	}
	if _, ok := r.Recovery(); ok {
		t.Error("a recovery key is named though none is set")
	}
	if err := r.SetRecovery(&public); err != nil {
		t.Fatal(err)
	}
	if got, ok := r.Recovery(); !ok || got != public {
		t.Errorf("recovery key %v, %v", got, ok)
	}
	if _, err := keyring.RecoverRoot(disk, other); !errors.Is(err, keyring.ErrWrongKey) || !strings.Contains(hintOf(err), public.String()) {
		t.Errorf("another recovery key: %v, hint %q", err, hintOf(err))
	}
	// It survives every rotation, and a change of source takes it along.
	for _, step := range []func() error{
		r.RotateKEK,
		func() error { _, err := r.Rotate("q"); return err },
		func() error { return r.ChangeSource(ctx, second) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		root, err := keyring.RecoverRoot(disk, private)
		if err != nil {
			t.Fatal(err)
		}
		open(t, disk, keyring.Root{Key: root}).Close()
	}

	// The source is gone, one copy too: recover, and put a new source in place.
	disk.Edit("keyring.a", func([]byte) []byte { return nil })
	root, err := keyring.RecoverRoot(disk, private)
	if err != nil {
		t.Fatal(err)
	}
	r = open(t, disk, keyring.Root{Key: root})
	if _, strength := r.Source(); strength != keyring.StrengthRecovery {
		t.Errorf("strength %s", strength)
	}
	if err := r.ChangeSource(ctx, keyring.Root{Key: root}); err == nil {
		t.Error("a bare root key became a source")
	}
	if err := r.ChangeSource(ctx, first); err != nil {
		t.Fatal(err)
	}
	open(t, disk, first)
	if err := r.SetRecovery(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.RecoverRoot(disk, private); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("after the wrap was taken away: %v", err)
	}

	// From the start.
	disk = keyringtest.NewDisk()
	if _, err := keyring.Create(ctx, disk, first, keyring.Options{Recovery: &public}); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.RecoverRoot(disk, private); err != nil {
		t.Error(err)
	}
	if got := private.String(); got != "redacted" {
		t.Errorf("the private key prints as %s", got)
	}
	for _, bad := range []string{"", "clinicgate-recovery-public-1:", "clinicgate-recovery-public-1:AAAA", private.Text()} {
		if _, err := keyring.ParseRecoveryPublic(bad); err == nil {
			t.Errorf("%.40s was read as a public key", bad)
		}
	}
	if _, err := keyring.ParseRecoveryPrivate(public.String()); err == nil {
		t.Error("a public key was read as a private one")
	}
}
