package keyring_test

import (
	"context"
	"path/filepath"
	"testing"

	"clinicgate/storage/keyring"
	"clinicgate/storage/seal"
)

func keyFile(t *testing.T) keyring.KeyFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := keyring.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	return keyring.KeyFile(path)
}

func TestSealedRecordsOpenAfterReopen(t *testing.T) {
	ctx := context.Background()
	dir, src := keyring.Dir(t.TempDir()), keyFile(t)
	r, err := keyring.Create(ctx, dir, src, keyring.Options{Classes: []string{"queue"}})
	if err != nil {
		t.Fatal(err)
	}
	place := seal.Place{Store: r.Install(), Bucket: "events", Key: []byte{1}}
	var records [][]byte
	for range 3 {
		a, err := r.Active("queue")
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, seal.Seal(nil, a, []byte("hello"), place))
		if _, err := r.Rotate("queue"); err != nil {
			t.Fatal(err)
		}
	}
	r.Close()

	r, err = keyring.Open(ctx, dir, src, keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i, rec := range records {
		plain, err := seal.Open(nil, r, rec, place)
		if err != nil || string(plain) != "hello" {
			t.Errorf("record of epoch %d: %q, %v", i+1, plain, err)
		}
	}
	for _, c := range r.Found() {
		if c.Problem != "" {
			t.Errorf("copy %s found %s after a clean close", c.Name, c.Problem)
		}
	}
}
