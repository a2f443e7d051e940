package archive_test

import (
	"os"
	"path/filepath"
	"testing"

	"clinicgate/storage/archive"

	"github.com/google/uuid"
)

// A restore that is cut short after any of its moves is finished by the next call:
// every file is the restored one, and every file of before is set aside, once.
func TestSettleFromEveryStep(t *testing.T) {
	t.Parallel()
	names := []string{"store.db", "store.id", "head", "blobs", "keyring.a", "keyring.b"}
	moves := func(dir string) (list [][2]string) {
		for _, n := range names {
			list = append(list, [2]string{filepath.Join(dir, n), filepath.Join(dir, "set-aside-1", n)}, [2]string{filepath.Join(dir, "restore.new", n), filepath.Join(dir, n)})
		}
		return list
	}
	for cut := range len(names)*2 + 1 {
		dir := t.TempDir()
		write := func(path, text string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		staged, err := archive.Staging(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			write(filepath.Join(dir, n), "old "+n)
			write(filepath.Join(staged, n), "new "+n)
		}
		if cut == 0 { // not decided: nothing happens
			if s, err := archive.Settle(dir); s != nil || err != nil {
				t.Fatal(s, err)
			}
			if b, _ := os.ReadFile(filepath.Join(dir, "store.db")); string(b) != "old store.db" {
				t.Errorf("undecided: %q", b)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Join(dir, "set-aside-1"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, m := range moves(dir)[:cut-1] {
			if err := os.Rename(m[0], m[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := (archive.Swap{ID: uuid.New(), Aside: "set-aside-1", Keyring: true}).Decide(dir); err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		for range 2 {
			if s, err := archive.Settle(dir); err != nil || s == nil {
				t.Fatalf("cut %d: %v, %v", cut, s, err)
			}
		}
		for _, n := range names {
			now, _ := os.ReadFile(filepath.Join(dir, n))
			before, _ := os.ReadFile(filepath.Join(dir, "set-aside-1", n))
			if string(now) != "new "+n || string(before) != "old "+n {
				t.Errorf("cut %d: %s is %q, set aside %q", cut, n, now, before)
			}
		}
		if err := archive.Recorded(dir); err != nil {
			t.Fatal(err)
		}
		if s, err := archive.Settle(dir); s != nil || err != nil {
			t.Errorf("recorded: %v, %v", s, err)
		}
	}
}
