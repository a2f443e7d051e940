package crashtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
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
		v := x.Check(ctx, copied, true)
		t.Logf("%s: %d operations, opened %v, %d events, checked in %v", sc.Phases[phase].Name, len(sc.Phases[phase].Ops), h.Opened, v.Present, time.Since(start))
		for _, bad := range v.Violations {
			t.Errorf("%s: %s: %s", sc.Phases[phase].Name, bad.Kind, bad.Detail)
		}
	}
}
