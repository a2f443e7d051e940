package crashtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/storage/keyring"
)

// TestScenario does a scenario from end to end and finds nothing wrong with it.
func TestScenario(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := keyring.CreateKeyFile(filepath.Join(dir, KeyFileName)); err != nil {
		t.Fatal(err)
	}
	sc := NewScenario(1)
	h := NewHistory(sc)
	var older, last []byte
	for phase := range sc.Phases {
		if phase > 0 {
			older = last
			last, _ = os.ReadFile(filepath.Join(dir, "data", "store.db"))
			if err := h.wreak(dir, phase, older); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		h.Begin()
		run := Run{Scenario: sc, Phase: phase, Dir: dir, Out: &out, NoSync: true, Patience: time.Second}
		if err := run.Do(ctx); err != nil {
			t.Fatalf("%s: %v\n%s", sc.Phases[phase].Name, err, out.Bytes())
		}
		if err := h.Read(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		_ = os.Chmod(filepath.Join(copied, KeyFileName), 0o600)
		x := h.Expect(phase)
		start := time.Now()
		v := x.Check(ctx, copied, Reopen)
		t.Logf("%s: %d operations, opened %v, %d events, checked in %v", sc.Phases[phase].Name, len(sc.Phases[phase].Ops), h.Opened, v.Present, time.Since(start))
		for _, bad := range v.Violations {
			t.Errorf("%s: %s: %s", sc.Phases[phase].Name, bad.Kind, bad.Detail)
		}
	}
}

// workDir is a directory in memory, where there is one.
func workDir(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	parent := os.TempDir()
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		parent = memory
	}
	dir, err := os.MkdirTemp(parent, "crashtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestRecordedPowerCuts cuts the power all along the recordings in testdata. It
// looks at a part of the states; make crash looks at all.
func TestRecordedPowerCuts(t *testing.T) {
	for _, name := range []string{"plain", "failed-sync"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := load(t, name)
			cuts, err := r.Cut(t.Context(), workDir(t), 1, 3, 7, false)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d states at %d syncs", cuts.States, cuts.Epochs)
			if cuts.Epochs < 50 || cuts.States < 600 {
				t.Errorf("%d states at %d syncs: the recording is not what it was", cuts.States, cuts.Epochs)
			}
			for _, f := range cuts.Findings {
				t.Errorf("after call %d, state %d: %s: %s", f.Call, f.State, f.Kind, f.Detail)
			}
		})
	}
}

func load(t *testing.T, name string) *Recording {
	t.Helper()
	r, err := LoadRecording(filepath.Join("testdata", name+".trace"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecordedPowerCutsFindAMissingSync takes syncs out of the recording: the
// oracle must notice, or it would not notice the real thing.
func TestRecordedPowerCutsFindAMissingSync(t *testing.T) {
	missing := map[string]func(i int, c *Call) bool{
		"of the store":         func(_ int, c *Call) bool { return c.Path == "store.db" },
		"of the directory":     func(_ int, c *Call) bool { return c.Path == "." },
		"of the keyring":       func(_ int, c *Call) bool { return strings.HasPrefix(c.Path, "keyring.") },
		"of the compacted":     func(_ int, c *Call) bool { return c.Path == "store.db.compact" },
		"of the new store":     func(_ int, c *Call) bool { return c.Path == "store.db.new" },
		"of one commit's data": func(i int, c *Call) bool { return c.Path == "store.db" && i > 250 && i < 300 },
	}
	for name, drop := range missing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := load(t, "plain")
			calls := r.Calls
			r.Calls = nil
			for i := range calls {
				if calls[i].What != Syncs || !drop(i, &calls[i]) {
					r.Calls = append(r.Calls, calls[i])
				}
			}
			if len(r.Calls) == len(calls) {
				t.Fatal("there is no such sync")
			}
			cuts, err := r.Cut(t.Context(), workDir(t), 1, 4, 1, true)
			if err != nil {
				t.Fatal(err)
			}
			if len(cuts.Findings) == 0 {
				t.Errorf("nothing found in %d states", cuts.States)
			}
		})
	}
}
