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

// full is a disk that takes a number of files more.
type full struct {
	keyring.FS
	made, most int
}

func (f *full) Create(name string) (keyring.File, error) {
	if f.made++; f.made > f.most {
		return nil, errors.New("no space left on device")
	}
	return f.FS.Create(name)
}

// A rotation of all that stops half-way is an error, and on record all the same.
func TestHalfARotationIsOnRecord(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "root.key")
	if err := keyring.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	disk := &full{FS: keyring.Dir(folder), most: 1000}
	ring, err := keyring.Create(t.Context(), disk, keyring.KeyFile(file), keyring.Options{Classes: []string{"queue", "audit"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	recorded := 0
	k := control.RingKeys{Ring: ring, Now: time.Now, Change: func(_ context.Context, _ control.Caller, _ string, do func() error) error {
		err := do()
		if err == nil {
			recorded++
		}
		return err
	}}
	disk.made = 0
	if _, err := k.Rotate(t.Context(), control.Caller{}, control.KeyRotate{Class: "queue"}); err != nil {
		t.Fatal(err)
	}
	each := disk.made
	for _, c := range []struct{ most, recorded int }{{0, 0}, {each, 1}} {
		disk.made, disk.most, recorded = 0, c.most, 0
		if _, err := k.Rotate(t.Context(), control.Caller{}, control.KeyRotate{Class: "all"}); err == nil || recorded != c.recorded {
			t.Errorf("room for %d files: %v, %d on record, want an error and %d", c.most, err, recorded, c.recorded)
		}
	}
}
