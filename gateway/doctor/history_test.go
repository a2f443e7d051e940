package doctor_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"clinicgate/gateway/doctor"
	"clinicgate/storage/keyring"
)

// Since when something fails, the last runs and the cuts of power outlive the process.
func TestMemory(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	trusted := func(time.Time) time.Time { return now }
	start := func(state doctor.State, boot string) *doctor.Registry {
		r := registry(t, fixed("disk-free", state))
		if err := r.Keep(keyring.Dir(dir), "v1", trusted); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := r.Began(boot, 0); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := start(doctor.Fail, "boot-1")
	if got := first.Run(t.Context())[0].Since; !got.Equal(now) {
		t.Errorf("fails since %v, want %v", got, now)
	}
	began := now
	now = now.Add(time.Hour)
	if err := first.Ended(); err != nil {
		t.Fatal(err)
	}
	second := start(doctor.Fail, "boot-2")
	if got := second.Run(t.Context())[0].Since; !got.Equal(began) {
		t.Errorf("after a restart it fails since %v, want %v", got, began)
	}
	if c := second.Cuts(); !c.Known || c.Recent != 0 {
		t.Errorf("after a proper stop: %+v", c)
	}
	// The machine goes away and comes back: nobody called Ended.
	third := start(doctor.OK, "boot-3")
	if c := third.Cuts(); c.Recent != 1 || !c.Last.Equal(now) {
		t.Errorf("after a cut: %+v", c)
	}
	third.Run(t.Context())
	if past := third.Past(); len(past) != 2 || past[0].Bad["disk-free"] != doctor.Fail || len(past[1].Bad) != 0 {
		t.Errorf("kept runs: %+v", past)
	}
	fourth := start(doctor.Fail, "boot-3") // killed and started again within one boot
	if c := fourth.Cuts(); c.Recent != 1 {
		t.Errorf("a killed process is no cut: %+v", c)
	}
	for range 50 {
		now = now.Add(7 * time.Hour)
		fourth.Run(t.Context())
	}
	if n := len(fourth.Past()); n != 20 {
		t.Errorf("%d runs are kept, want 20", n)
	}
	if err := os.WriteFile(filepath.Join(dir, doctor.MemoryFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	fifth := registry(t, fixed("disk-free", doctor.OK))
	if err := fifth.Keep(keyring.Dir(dir), "v1", trusted); err == nil {
		t.Error("a malformed memory was taken")
	}
	if err := fifth.Began("boot-4", 0); err != nil || fifth.Cuts().Recent != 0 {
		t.Errorf("with a malformed memory: %v, %+v", err, fifth.Cuts())
	}
}

// What was repaired while no service ran is handed over once.
func TestNoteRepair(t *testing.T) {
	dir := t.TempDir()
	for range 30 {
		if err := doctor.NoteRepair(dir, "file-perms"); err != nil {
			t.Fatal(err)
		}
	}
	for want := 20; want >= 0; want -= 20 {
		r := registry(t, fixed("disk-free", doctor.OK))
		if err := r.Keep(keyring.Dir(dir), "v1", func(t time.Time) time.Time { return t }); err != nil {
			t.Fatal(err)
		}
		got := 0
		if err := r.Repaired(func(ids []string) error { got = len(ids); return nil }); err != nil || got != want {
			t.Errorf("%d repairs, %v; want %d", got, err, want)
		}
	}
}

// A service that died while the system killed for lack of memory was likely killed; one
// that was gone with the machine, or died alone, was not.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	start := func(boot string, kills uint64) doctor.Cuts {
		t.Helper()
		r := registry(t)
		if err := r.Keep(keyring.Dir(dir), "v1", func(at time.Time) time.Time { return at }); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := r.Began(boot, kills); err != nil {
			t.Fatal(err)
		}
		return r.Killed()
	}
	for _, c := range []struct {
		boot  string
		kills uint64
		want  int
	}{{"boot-1", 2, 0}, {"boot-1", 2, 0}, {"boot-1", 3, 1}, {"boot-2", 9, 1}, {"boot-2", 10, 2}} {
		if got := start(c.boot, c.kills); !got.Known || got.Recent != c.want {
			t.Errorf("in %s with %d kills: %+v, want %d", c.boot, c.kills, got, c.want)
		}
	}
}
