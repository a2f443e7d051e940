package keyring_test

import (
	"bytes"
	"testing"

	"clinicgate/storage/keyring"
)

// The machine's own seal: what was sealed comes back, and damage does not.
func TestDPAPI(t *testing.T) {
	root, params, err := keyring.DPAPI{}.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(params, root.Reveal()) {
		t.Error("the key lies in its parameters")
	}
	again, err := keyring.DPAPI{}.Unseal(t.Context(), params)
	if err != nil || !bytes.Equal(again.Reveal(), root.Reveal()) {
		t.Errorf("unsealed another key, %v", err)
	}
	for _, bad := range []string{"", "{}", `{"entropy":"AAAA","sealed":"AAAA"}`} {
		if _, err := (keyring.DPAPI{}).Unseal(t.Context(), []byte(bad)); err == nil {
			t.Errorf("%s opens", bad)
		}
	}
}
