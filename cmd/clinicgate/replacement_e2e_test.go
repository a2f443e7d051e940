//go:build e2e && linux

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/gateway/service"
	"clinicgate/kiosk/wire"
	"clinicgate/packaging/machinetest"
	"clinicgate/storage/keyring"
)

// askedJSON runs a command with --json and gives its answer.
func askedJSON[Out any](t *testing.T, m *machinetest.Machine, args ...string) (out Out) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	text, err := m.Command(ctx, gate, append(args, "--json")...).Output()
	if err == nil {
		err = json.Unmarshal(text, &struct{ Data any }{&out})
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return out
}

// A kiosk whose key is sealed to its machine dies with events that it had not sent. A
// machine with another host key takes over its backup, with the recovery key from the
// safe: it sends them under the dead kiosk's name, once each, and that name signs
// nothing any more. Then the dead kiosk's disk turns up, and is decommissioned.
func TestE2EReplacement(t *testing.T) {
	binary := builtForMachine(t)
	private, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	kiosk := func(id, letter string, shared []byte) *machinetest.Machine {
		m := machinetest.Boot(t)
		m.Copy(binary, gate)
		m.Run("ln", "-s", gate, "/usr/local/bin/clinicgate")
		m.Run("ln", "-s", gate, "/usr/bin/clinicgate")
		for _, script := range []string{"kiosk.sh", "take-over.sh"} {
			m.Copy(filepath.Join("testdata", "replacement", script), "/root/"+script)
		}
		m.Write("/root/recovery.public", public.String()+"\n", 0o644)
		if shared != nil {
			m.Write("/root/shared.json", string(shared), 0o600)
		}
		m.Run("sh", "/root/kiosk.sh", id, letter, "/etc/clinicgate/key.cred", "--set", "pubnub.origin=127.0.0.1:8090", "--set", "pubnub.secure=false")
		return m
	}
	inside := func(m *machinetest.Machine, path string) []byte {
		text, err := os.ReadFile(filepath.Join(m.Dir, path))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}

	old := kiosk("lobby-1", "A", nil)
	signer := askedJSON[control.KeyList](t, old, "keys", "list")
	old.Run(gate, "provider", "set", "dr-example", "available", "--room", "1") // never sent: there is no network
	made := askedJSON[control.BackedUp](t, old, "store", "backup", "/var/lib/clinicgate/last.cgbackup")
	if made.Unsent == 0 || !made.Recovery {
		t.Fatalf("%+v", made)
	}
	backup, shared := inside(old, "/var/lib/clinicgate/last.cgbackup"), inside(old, "/root/shared.json")
	old.Cut()

	next := kiosk("lobby-2", "B", shared)
	if a, b := inside(old, "/var/lib/systemd/credential.secret"), inside(next, "/var/lib/systemd/credential.secret"); bytes.Equal(a, b) {
		t.Fatal("the two machines have one host key")
	}
	double := emulator.New(emulator.Options{})
	t.Cleanup(double.Close)
	server := &http.Server{Handler: double, ReadHeaderTimeout: time.Minute}
	l := next.Listen("127.0.0.1:8090")
	go func() { _ = server.Serve(l) }() // until the listener closes
	next.Write("/root/last.cgbackup", string(backup), 0o600)
	next.Write("/root/recovery.private", private.Text()+"\n", 0o600)

	// The old machine's key does not open it here, and says what does.
	next.Run(gate, "service", "stop")
	if out, err := next.Try(gate, "store", "restore", "--replacement", "/root/last.cgbackup"); err == nil || !strings.Contains(out, "recovery key from the safe") {
		t.Errorf("without the recovery key: %v\n%s", err, out)
	}
	next.Run("sh", "-c", "sh /root/take-over.sh /root/last.cgbackup </root/recovery.private")
	var left control.Predecessor
	for begun := time.Now(); ; time.Sleep(time.Second) {
		s := askedJSON[control.SyncStatus](t, next, "sync", "status")
		if len(s.Predecessors) != 1 {
			t.Fatalf("%+v", s.Predecessors)
		}
		if left = s.Predecessors[0]; !left.Retired.IsZero() && s.Queued == 0 {
			break
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("the dead kiosk is not retired: %+v", left)
		}
	}
	if left.Kiosk != "lobby-1" || left.Counts.Queued != 0 || left.Counts.Delivered != made.Unsent || left.Counts.Accepted != left.Counts.Delivered {
		t.Errorf("%+v of a backup with %d unsent", left, made.Unsent)
	}

	// What PubNub has of the dead kiosk it signed itself, each event once.
	seen := map[string]int{}
	for channel, messages := range sentBy(t, double, shared, "lobby-1", signer.Public) {
		for _, id := range messages {
			if seen[id]++; seen[id] > 1 {
				t.Errorf("%s: event %s twice", channel, id)
			}
		}
	}
	if uint64(len(seen)) != made.Unsent {
		t.Errorf("%d events of the dead kiosk arrived, of %d", len(seen), made.Unsent)
	}
	for _, want := range []string{"KIOSK_REPLACED", "KIOSK_RETIRED", "KEY_IMPORTED"} {
		if out := next.Run(gate, "audit", "list", "--type", want); !strings.Contains(out, want) {
			t.Errorf("the audit log lacks %s:\n%s", want, out)
		}
	}
	if out := next.Run(gate, "audit", "list", "--type", "STORE_RECOVERED"); strings.Contains(out, "STORE_RECOVERED") {
		t.Errorf("the takeover was taken for a rollback:\n%s", out)
	}
	if out := next.Run(gate, "audit", "verify"); !strings.Contains(out, "the audit log verifies") {
		t.Error(out)
	}
	// Its files cannot sign either.
	if out, err := next.Try("sh", "-c", "grep -l lobby-1 /var/lib/clinicgate/predecessors/*/predecessor.json"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	next.PowerOff()

	// The dead kiosk's machine runs again.
	old.Start()
	backWith(t, old, "", time.Minute)
	before := property(old, "MainPID")
	out, err := old.Try(gate, "decommission", "--yes", "--wait", "1s")
	if err == nil || !strings.Contains(out, "nothing was destroyed") {
		t.Fatalf("with unsent events: %v\n%s", err, out)
	}
	backWith(t, old, before, time.Minute) // it serves again
	if out, err := old.Try("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", gate, "decommission", "--yes", "--force", "--reason", "replaced by lobby-2"); err == nil {
		t.Errorf("nobody decommissioned it:\n%s", out)
	}
	certified := askedJSON[struct{ Erased []string }](t, old, "decommission", "--yes", "--wait", "1s", "--force", "--reason", "replaced by lobby-2, which sent what was left")
	if len(certified.Erased) == 0 || certified.Erased[0] != "key_source.file" {
		t.Errorf("erased: %v", certified.Erased)
	}
	for _, path := range []string{"/etc/clinicgate/key.cred", "/var/lib/clinicgate/keyring.a", "/var/lib/clinicgate/keyring.b", "/var/lib/clinicgate/store.db", "/var/lib/clinicgate/last.cgbackup"} {
		if _, err := os.Stat(filepath.Join(old.Dir, path)); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	retired := func() {
		t.Helper()
		s := struct {
			service.State
			Decommissioned time.Time
		}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := old.Command(ctx, gate, "service", "status", "--json").Output()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != exitUnreachable {
			t.Errorf("service status: %v", err)
		}
		if err := json.Unmarshal(out, &struct{ Data any }{&s}); err != nil || s.Decommissioned.IsZero() || s.Enabled || s.State.State != "stopped" || s.Restarts != 0 {
			t.Errorf("%v\n%s", err, out)
		}
		if out, err := old.Try(gate, "doctor"); err == nil || !strings.Contains(out, "svc-retired: this kiosk, lobby-1, was decommissioned on ") || !strings.Contains(out, "1 cause,") {
			t.Errorf("doctor: %v\n%s", err, out)
		}
	}
	retired()
	if out, err := old.Try(gate, "service", "start"); err == nil || !strings.Contains(out, "was decommissioned on") {
		t.Errorf("it starts: %v\n%s", err, out)
	}
	// Nor does systemd start it, at a boot or by hand, again and again.
	old.PowerOff()
	old.Start()
	retired()
	old.Run("systemctl", "enable", "--now", "clinicgate")
	old.Run(gate, "decommission", "--yes")
	retired()
}

// builtForMachine is this program as it is installed.
func builtForMachine(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "clinicgate")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	return binary
}

// sentBy gives the ids of the events that PubNub holds of one kiosk, by channel. Each
// verifies with that kiosk's own key.
func sentBy(t *testing.T, double *emulator.Emulator, shared []byte, kioskID string, public []byte) map[string][]string {
	t.Helper()
	var keys []pubnub.CipherKey
	var forms []struct{ Kind, ID, Value string }
	if err := json.Unmarshal(shared, &forms); err != nil {
		t.Fatal(err)
	}
	for _, f := range forms {
		if f.Kind == string(keyring.PubNubCipher) {
			keys = append(keys, pubnub.CipherKey{ID: f.ID, Key: []byte(f.Value)})
		}
	}
	cipher, err := pubnub.NewCipher(keys, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, channel := range double.Channels() {
		for _, m := range double.History(channel) {
			var text string
			if json.Unmarshal(m.Payload, &text) != nil {
				t.Fatalf("%s holds something that is not encrypted", channel)
			}
			var env wire.Envelope
			if _, _, err := cipher.Decrypt(text, func(plain []byte) bool {
				env, err = wire.Parse(plain)
				return err == nil
			}); err != nil {
				t.Fatalf("%s: %v", channel, err)
			}
			if env.GW.Kiosk != kioskID {
				continue
			}
			if err := env.Verify(channel, ed25519.PublicKey(public)); err != nil {
				t.Errorf("%s: %v (key %s)", channel, err, base64.StdEncoding.EncodeToString(public))
			}
			for _, e := range env.Events {
				out[channel] = append(out[channel], e.GW.ID.String())
			}
		}
	}
	return out
}
