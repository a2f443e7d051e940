package keyring_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"
)

// Both implementations of the directory keep the same contract.
func TestFS(t *testing.T) {
	t.Parallel()
	for name, fsys := range map[string]keyring.FS{"dir": keyring.Dir(t.TempDir()), "disk": keyringtest.NewDisk()} {
		t.Run(name, func(t *testing.T) {
			if _, err := fsys.ReadFile("a", 10); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("reading what is not there: %v", err)
			}
			if err := fsys.Remove("a"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("removing what is not there: %v", err)
			}
			if err := fsys.Rename("a", "b"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("renaming what is not there: %v", err)
			}
			for _, content := range []string{"first", "second, longer", "3"} {
				if err := keyring.ReplaceFile(fsys, "a", []byte(content)); err != nil {
					t.Fatal(err)
				}
				if b, err := fsys.ReadFile("a", 100); err != nil || string(b) != content {
					t.Errorf("read %q, %v", b, err)
				}
				if _, err := fsys.ReadFile("a.new", 100); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the temporary file stayed: %v", err)
				}
			}
			// A leftover of an earlier crash is in nobody's way.
			f, err := fsys.Create("a.new")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte("a leftover that is longer")); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if err := keyring.ReplaceFile(fsys, "a", []byte("4")); err != nil {
				t.Fatal(err)
			}
			if b, err := fsys.ReadFile("a", 1); err != nil || string(b) != "4" {
				t.Errorf("read %q, %v", b, err)
			}
			if err := keyring.ReplaceFile(fsys, "a", []byte("45")); err != nil {
				t.Fatal(err)
			}
			if _, err := fsys.ReadFile("a", 1); err == nil {
				t.Error("a file over the limit was read")
			}
			if err := fsys.Remove("a"); err != nil {
				t.Error(err)
			}
			if err := fsys.SyncDir(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKeyringFilesAreTheOwnersOnly(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // there the access list of the directory decides
	}
	dir := t.TempDir()
	create(t, keyring.Dir(dir))
	for _, name := range []string{"keyring.a", "keyring.b"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	if _, err := keyring.Dir(filepath.Join(dir, "missing")).Create("x"); err == nil {
		t.Error("a file in a missing directory")
	}
	if err := keyring.Dir(filepath.Join(dir, "missing")).SyncDir(); err == nil {
		t.Error("a missing directory was synced")
	}
}
