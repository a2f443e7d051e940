//go:build e2e

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestReproducible: two clones of one commit, in folders of different names, make
// the same bytes.
func TestReproducible(t *testing.T) {
	root, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatal(err)
	}
	from := string(bytes.TrimSpace(root))
	var made []string
	for _, name := range []string{"one", "another-folder"} {
		dir := filepath.Join(t.TempDir(), name)
		if out, err := exec.Command("git", "clone", "-q", from, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		cmd := exec.Command("go", "run", "./packaging/build", "-out", "dist")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		from = dir // the same commit, whatever is committed meanwhile
		made = append(made, filepath.Join(dir, "dist"))
	}
	entries, err := os.ReadDir(made[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 16 { // 3 deb, 3 rpm, 1 msi, 4 archives, 4 bills, sums
		t.Errorf("%d files: %v", len(entries), entries)
	}
	for _, e := range entries {
		one, err := sumOf(filepath.Join(made[0], e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		another, err := sumOf(filepath.Join(made[1], e.Name()))
		if err != nil || !bytes.Equal(one, another) {
			t.Errorf("%s differs: %x, %x, %v", e.Name(), one, another, err)
		}
	}
}
