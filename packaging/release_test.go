//go:build e2e

package packaging_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/gateway/upgrade/signature"
)

// releases makes versions of clinicgate for this test's machine, signed by one key.
type releases struct {
	t   *testing.T
	dir string
	key signature.Private
}

// newReleases makes a key. CLINICGATE_RELEASES names a folder with the releases of an
// earlier run, which are taken as they are.
func newReleases(t *testing.T) *releases {
	t.Helper()
	r := &releases{t: t, dir: os.Getenv("CLINICGATE_RELEASES")}
	if r.dir == "" {
		r.dir = t.TempDir()
	}
	file := filepath.Join(r.dir, "release.key")
	if _, err := os.Stat(file); err != nil {
		r.do(nil, "go", "run", "./packaging/build", "-new-key", file)
	}
	text, err := os.ReadFile(file)
	if err == nil {
		r.key, err = signature.ParsePrivate(string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// other is somebody else, who makes the same with a key of their own.
func (r *releases) other() *releases {
	r.t.Helper()
	key, err := signature.NewPrivate()
	if err != nil {
		r.t.Fatal(err)
	}
	return &releases{t: r.t, dir: r.t.TempDir(), key: key}
}

func (r *releases) do(env []string, name string, args ...string) {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = ".." // the repository
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func (r *releases) file(version string) string {
	return filepath.Join(r.dir, "clinicgate_"+version+"_linux_amd64.tar.gz")
}

// packaged makes a release as its makers do, with make packages' own program.
func (r *releases) packaged(version string) string {
	r.t.Helper()
	if _, err := os.Stat(r.file(version)); err == nil {
		return r.file(version)
	}
	out := r.t.TempDir()
	r.do([]string{"CLINICGATE_SIGNING_KEY=" + filepath.Join(r.dir, "release.key")}, "go", "run", "./packaging/build", "-out", out, "-version", version, "-only", "linux/amd64")
	for _, suffix := range []string{"", signature.Suffix} {
		r.do(nil, "cp", filepath.Join(out, filepath.Base(r.file(version))+suffix), r.dir)
	}
	return r.file(version)
}

// A change of one source file, for a program that is really broken.
type change struct{ file, from, to string }

// built makes a release of this source with changes in it. Its signature says that the
// store is of format 1.
func (r *releases) built(version string, changes ...change) string {
	r.t.Helper()
	if _, err := os.Stat(r.file(version)); err == nil {
		return r.file(version)
	}
	dir := r.t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		r.t.Fatal(err)
	}
	replace := map[string]string{}
	for i, c := range changes {
		text, err := os.ReadFile(filepath.Join(root, c.file))
		if err != nil {
			r.t.Fatal(err)
		}
		if n := strings.Count(string(text), c.from); n != 1 {
			r.t.Fatalf("%s has %q %d times: the test must be told of the new source", c.file, c.from, n)
		}
		at := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(at, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o600); err != nil {
			r.t.Fatal(err)
		}
		replace[filepath.Join(root, c.file)] = at
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	program := filepath.Join(dir, "clinicgate_"+version, "clinicgate")
	flags := "-s -w -X main.version=" + version + " -X main.releaseKey=" + r.key.Public().String()
	r.do(nil, "go", "build", "-trimpath", "-buildvcs=false", "-overlay", filepath.Join(dir, "overlay.json"), "-ldflags", flags, "-o", program, "./cmd/clinicgate")
	return r.packed(version, program)
}

// packed makes a release of any file.
func (r *releases) packed(version, program string) string {
	r.t.Helper()
	folder := filepath.Dir(program)
	r.do(nil, "tar", "-C", filepath.Dir(folder), "-czf", r.file(version), filepath.Base(folder)+"/clinicgate")
	r.sign(version, 1)
	return r.file(version)
}

// sign says about a release what it is.
func (r *releases) sign(version string, store int) {
	r.t.Helper()
	text, err := os.ReadFile(r.file(version))
	if err != nil {
		r.t.Fatal(err)
	}
	signed, err := r.key.Sign(bytes.NewReader(text), signature.Release{File: filepath.Base(r.file(version)), Version: version, Target: "linux/amd64", Store: store})
	if err == nil {
		err = os.WriteFile(r.file(version)+signature.Suffix, []byte(signed), 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}
