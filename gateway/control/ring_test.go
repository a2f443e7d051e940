package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/storage/keyring"
)

func TestRingKeys(t *testing.T) {
	ctx := t.Context()
	folder := t.TempDir()
	file := filepath.Join(folder, "root.key")
	if err := keyring.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Create(ctx, keyring.Dir(folder), keyring.KeyFile(file), keyring.Options{Classes: []string{"queue", "audit"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	var changes []string
	k := control.RingKeys{Ring: ring, Now: time.Now, Change: func(_ context.Context, _ control.Caller, what string, do func() error) error {
		err := do()
		if err == nil {
			changes = append(changes, what)
		}
		return err
	}}
	var by control.Caller
	must := func(l control.KeyList, err error) control.KeyList {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	refused := func(_ control.KeyList, err error) {
		t.Helper()
		if err == nil {
			t.Error("it was done")
		}
	}

	const value = "canary-cipher-key"
	l := must(k.Import(ctx, by, control.KeyImport{Secrets: []byte(`{"kind":"pubnub-cipher","id":"2026-q4","value":"` + value + `","from":"","until":""}`)}))
	if text, err := json.Marshal(l); err != nil || strings.Contains(string(text), value) || !strings.Contains(string(text), "2026-q4") {
		t.Errorf("the list shows the key, or not its name: %s", text)
	}
	if l.Strength != "file" || l.Recovery || !l.Sound || len(l.Public) != 32 {
		t.Errorf("list: %+v", l)
	}
	refused(k.Import(ctx, by, control.KeyImport{Secrets: []byte(`{"kind":"kiosk-signing"}`)}))

	before := l.Public
	l = must(k.Rotate(ctx, by, control.KeyRotate{Class: "signing"}))
	if string(before) == string(l.Public) {
		t.Error("the signing key did not change")
	}
	l = must(k.Rotate(ctx, by, control.KeyRotate{Class: "all"}))
	if len(l.Epochs) != 4 {
		t.Errorf("%d epochs after a rotation of two classes, want 4", len(l.Epochs))
	}
	refused(k.Rotate(ctx, by, control.KeyRotate{Class: "ghost"}))

	_, err = k.Erase(ctx, by, control.KeyErase{Class: "queue", Epoch: 2})
	if !errors.Is(err, keyring.ErrInUse) {
		t.Errorf("erasing the key in use: %v", err)
	}
	must(k.Erase(ctx, by, control.KeyErase{Class: "queue", Epoch: 1}))
	must(k.Erase(ctx, by, control.KeyErase{Kind: "pubnub-cipher", ID: "2026-q4"}))
	refused(k.Erase(ctx, by, control.KeyErase{Kind: "pubnub-cipher", ID: "2026-q4"}))
	refused(k.Erase(ctx, by, control.KeyErase{Class: "queue", Epoch: 1, Kind: "ticket", ID: "x"}))
	refused(k.Erase(ctx, by, control.KeyErase{}))

	private, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	if l := must(k.SetRecovery(ctx, by, control.KeyRecovery{Public: public.String()})); !l.Recovery {
		t.Error("the recovery key is not set")
	}
	refused(k.SetRecovery(ctx, by, control.KeyRecovery{Public: private.Text()}))

	want := "imported; rotated signing; rotated all; erased queue epoch 1; erased pubnub-cipher; set recovery key"
	if got := strings.Join(changes, "; "); got != want {
		t.Errorf("changes told: %s, want %s", got, want)
	}
	k.Change = func(context.Context, control.Caller, string, func() error) error { return errors.New("no note") }
	epochs := len(ring.Epochs())
	if _, err := k.Rotate(ctx, by, control.KeyRotate{Class: "audit"}); err == nil || !strings.Contains(err.Error(), "no note") || len(ring.Epochs()) != epochs {
		t.Errorf("a change that could not be noted: %v, %d keys of %d", err, len(ring.Epochs()), epochs)
	}
}
