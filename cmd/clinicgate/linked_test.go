package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoMethodByName: no code that the program can reach looks up a method by a name
// that only the running program knows. One such place, and the linker keeps every
// exported method of every type: 3.5 MB, beyond what the program may weigh. That
// text/template is imported (cobra does, for help texts that a program sets itself)
// is no harm while nothing reaches its execution, so the linker is asked and not the
// list of imports.
func TestNoMethodByName(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "build", "-ldflags", "-dumpdep", "-o", filepath.Join(t.TempDir(), "clinicgate"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	dump, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen, told := 0, map[string]bool{}
	lines := bufio.NewScanner(dump)
	lines.Buffer(nil, 1<<20)
	last := ""
	for lines.Scan() {
		// a -> b, a <ReflectMethod> -> b: b is linked because a needs it.
		last = lines.Text()
		from, to, ok := strings.Cut(last, " -> ")
		if !ok {
			continue
		}
		seen++
		if strings.Contains(to, "<ReflectMethod>") && !told[to] {
			told[to] = true
			t.Errorf("%s is reached, from %s among others", to, from)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go build: %v: %s", err, last)
	}
	if err := lines.Err(); err != nil || seen < 10_000 {
		t.Fatalf("the linker told of %d edges, error %v", seen, err)
	}
}
