package gateway_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
	"clinicgate/storage/keyring"
)

// A kiosk that still sends for a dead one takes that one's events with it only where a
// person says so: an export does not hold them.
func TestDecommissionOfASuccessor(t *testing.T) {
	t.Parallel()
	old := newClinic(t)
	private, _ := recoverable(t, old)
	old.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
	old.typed(old.browser(), old.admit("apt-2"))
	file := filepath.Join(t.TempDir(), "night.cgbackup")
	if made, err := old.control.StoreBackup(t.Context(), control.StoreBackup{To: file}, func(control.Progress) {}); err != nil || made.Unsent == 0 {
		t.Fatal(made, err)
	}
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}
	next := old.successor()
	by := kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ada"}
	if _, err := (gateway.Restore{File: file, By: by, Private: &private}).Replace(t.Context(), next.cfg); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(t.Context(), keyring.Dir(next.cfg.Storage.Dir), next.cfg.KeySource.Source(), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.Public()
	if err == nil {
		err = ring.SetRecovery(&public)
	}
	ring.Close()
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(next.cfg.Storage.Dir, "predecessors", "lobby-1")
	refused := func(d gateway.Decommission, want string) {
		t.Helper()
		d.By = by
		_, err := d.On(t.Context(), next.cfg, gateway.Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%+v: %v, want %q", d, err, want)
		}
		for _, path := range []string{filepath.Join(left, "store.db"), filepath.Join(next.cfg.Storage.Dir, "keyring.a")} {
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("a refusal destroyed something: %v", err)
			}
		}
	}
	refused(gateway.Decommission{Export: filepath.Join(t.TempDir(), "x.cgbackup")}, "an export does not hold them")
	link := filepath.Join(t.TempDir(), "usb")
	if err := os.Symlink(next.cfg.Storage.Dir, link); err != nil {
		t.Fatal(err)
	}
	for _, inside := range []string{filepath.Join(next.cfg.Storage.Dir, "x.cgbackup"), next.cfg.Storage.Dir, filepath.Join(link, "x.cgbackup")} {
		refused(gateway.Decommission{Export: inside, Force: true, Reason: "sold"}, "it is in storage.dir")
	}
	if err := os.WriteFile(filepath.Join(left, "predecessor.json"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(gateway.Decommission{}, "cannot be opened")
	refused(gateway.Decommission{Export: filepath.Join(t.TempDir(), "x.cgbackup")}, "cannot be opened")
	c, err := gateway.Decommission{By: by, Force: true, Reason: "the building was sold"}.On(t.Context(), next.cfg, gateway.Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil || len(c.Unread) != 1 || !strings.Contains(c.Note, "not counted: what the replaced kiosk lobby-1 left, which did not open\n") {
		t.Errorf("by force: %v\n%s", err, c.Note)
	}
}
