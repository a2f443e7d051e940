package gateway

import (
	"crypto/ed25519"
	"path/filepath"
	"testing"

	"clinicgate/gateway/config"
	"clinicgate/storage/keyring"
)

// What ended a dead kiosk's key holds at its replacement too.
func TestInheritedKeysKeepTheirEnds(t *testing.T) {
	t.Parallel()
	make := func() *keyring.Ring {
		dir := t.TempDir()
		file := filepath.Join(dir, "root.key")
		if err := keyring.CreateKeyFile(file); err != nil {
			t.Fatal(err)
		}
		r, err := keyring.Create(t.Context(), keyring.Dir(dir), config.KeySource{Kind: config.KeySourceKeyFile, File: file}.Source(), keyring.Options{Classes: Classes()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	own, left := make(), make()
	named := func(pub ed25519.PublicKey, until keyring.Timetoken) keyring.Named {
		return keyring.Named{Kind: keyring.KioskPublic, Owner: "lobby-1", Value: keyring.NewValue(pub), Until: until}
	}
	stolen := publicOf(left)
	if _, err := left.RotateSigning(900); err != nil {
		t.Fatal(err)
	}
	rotated := publicOf(left)
	if _, err := left.RotateSigning(2000); err != nil {
		t.Fatal(err)
	}
	present := publicOf(left)
	// The authority ended the first one earlier, and the present one.
	if err := own.Import(named(stolen, 500), named(present, 3000)); err != nil {
		t.Fatal(err)
	}
	if err := inherit(own, left, "lobby-1", "lobby-2"); err != nil {
		t.Fatal(err)
	}
	want := map[string]keyring.Timetoken{keyring.Fingerprint(stolen): 500, keyring.Fingerprint(rotated): 2000, keyring.Fingerprint(present): 0}
	for _, s := range own.Secrets(keyring.KioskPublic) {
		if until, ok := want[s.ID]; !ok || s.Until != until {
			t.Errorf("%s holds until %d, want %d", s.ID, s.Until, until)
		}
		delete(want, s.ID)
	}
	if len(want) > 0 {
		t.Errorf("not inherited: %v", want)
	}
}
