package service

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/packaging/systemd"
)

// A program that is put back after one that ended again and again has no exits yet; it
// would have been sent to the desk.
func TestExitsOfTrial(t *testing.T) {
	dir, uptime := t.TempDir(), time.Hour
	begin := func() (lately int, away time.Duration) {
		t.Helper()
		lately, away, err := NewExits(dir, "one", func() time.Duration { return uptime }).Begin()
		if err != nil {
			t.Fatal(err)
		}
		uptime += time.Second
		return lately, away
	}
	for range MaxExits {
		if _, away := begin(); away != 0 {
			t.Fatalf("on its trial it is at the desk for %v", away)
		}
	}
	for range 2 { // the second time there is nothing to forget
		if err := forget(dir); err != nil {
			t.Fatal(err)
		}
	}
	if lately, away := begin(); lately != 0 || away != 0 {
		t.Errorf("after a trial: %d exits, at the desk for %v", lately, away)
	}
}

// The keeper forgets where the service counts.
func TestStateDir(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "")
	if runtime.GOOS == "linux" { // as systemd sets it, from the unit
		_, after, _ := strings.Cut(systemd.Unit, "\nRuntimeDirectory=")
		name, _, _ := strings.Cut(after, "\n")
		t.Setenv("RUNTIME_DIRECTORY", "/run/"+name)
	}
	if counts, forgets := StateDir(config.Default().Storage.Dir), stateDir(); counts != forgets {
		t.Errorf("the service counts in %s, the keeper forgets in %s", counts, forgets)
	}
}
