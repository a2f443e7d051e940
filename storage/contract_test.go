package storage_test

import (
	"testing"

	"clinicgate/storage"
	"clinicgate/storage/storagetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Contract(t, func(_ testing.TB, dir string) storage.Options { return storagetest.Options(dir) })
}

// TestContractAsInService is the contract with all that a service has: syncs, a
// keyring, checks in a child.
func TestContractAsInService(t *testing.T) {
	t.Parallel()
	storagetest.Contract(t, func(t testing.TB, dir string) storage.Options {
		ring := newRing(t)
		o := storagetest.Options(dir)
		o.Keys, o.NoSync, o.Verify = ring, false, inChild(ring)
		return o
	})
}
