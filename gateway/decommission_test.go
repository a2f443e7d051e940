package gateway_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/gateway"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"

	"golang.org/x/mod/sumdb/note"
)

// The certificate verifies with the key that it names, and a call that was cut short
// after the decision is finished by the next one, with the same certificate.
func TestDecommissionIsFinishedAndCertified(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
	c.typed(c.browser(), c.admit("apt-1"))
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o := gateway.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Version: "test"}
	d := gateway.Decommission{By: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ada"}}
	if _, err := d.On(t.Context(), c.cfg, o); err == nil || !strings.Contains(err.Error(), "nothing was destroyed") {
		t.Fatalf("with unsent events: %v", err)
	}
	kept := map[string][]byte{}
	for _, path := range []string{filepath.Join(c.cfg.Storage.Dir, "keyring.a"), filepath.Join(c.cfg.Storage.Dir, "store.db"), c.cfg.KeySource.File} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("a refusal destroyed something: %v", err)
		}
		kept[path] = b
	}
	d.Force, d.Reason = true, "the building\nwas sold"
	first, err := d.On(t.Context(), c.cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(first.VerifierKey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(first.Note), note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if first.Unsent == 0 || !strings.Contains(n.Text, "reason: the building was sold\n") || !strings.Contains(n.Text, first.AuditHead) || len(first.Keys) == 0 {
		t.Errorf("%+v\n%s", first, n.Text)
	}
	// As if it had been killed before it erased anything.
	for path, b := range kept {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := gateway.Run(t.Context(), c.cfg, o); err == nil || !strings.Contains(err.Error(), "was decommissioned") {
		t.Errorf("it runs: %v", err)
	}
	again, err := d.On(t.Context(), c.cfg, o)
	if err != nil || again.Note != first.Note {
		t.Errorf("again: %v\n%s", err, again.Note)
	}
	for path := range kept {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there", filepath.Base(path))
		}
	}
	if entries, err := os.ReadDir(c.cfg.Storage.Dir); err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
