//go:build vm

package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/packaging/machinetest"
)

// program is the test program of one package.
type program struct {
	pkg  string // import path
	name string // of the file inside the machine
	path string
}

// buildTests compiles the tests of every package that has a TestVM... .
func buildTests(ctx context.Context, t *testing.T) []program {
	root := filepath.Dir(strings.TrimSpace(machinetest.Do(ctx, t, "", "go", "env", "GOMOD")))
	dir := t.TempDir()
	var programs []program
	list := json.NewDecoder(strings.NewReader(machinetest.Do(ctx, t, root, "go", "list", "-tags", "vm", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "./...")))
	for {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !hasTests(t, p.Dir, append(p.TestGoFiles, p.XTestGoFiles...)) {
			continue
		}
		name := strings.ReplaceAll(strings.TrimPrefix(p.ImportPath, "clinicgate/"), "/", "-") + ".test"
		out := filepath.Join(dir, name)
		t.Setenv("CGO_ENABLED", "0")
		machinetest.Do(ctx, t, root, "go", "test", "-c", "-tags", "vm", "-ldflags", "-s -w", "-o", out, p.ImportPath)
		programs = append(programs, program{p.ImportPath, name, out})
	}
	if len(programs) == 0 {
		t.Fatal("no package has a TestVM...")
	}
	return programs
}

func hasTests(t *testing.T, dir string, files []string) bool {
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("\nfunc TestVM")) {
			return true
		}
	}
	return false
}
