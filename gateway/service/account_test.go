package service

import "testing"

// The id that Windows documents for its own installer's service.
func TestVirtualSID(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := virtualSID("TrustedInstaller"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
