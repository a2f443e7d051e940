package gateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/storage/keyring"
)

// New keys of the clinic begin everything again in this process. A passphrase that was
// handed over through a descriptor cannot be handed over a second time.
func TestNewKeysWithAPassphraseFromADescriptor(t *testing.T) {
	t.Parallel()
	const passphrase = "a passphrase of the tests"
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	c := newClinic(t)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(t.Context(), keyring.Dir(c.cfg.Storage.Dir), c.cfg.KeySource.Source(), keyring.Options{})
	if err == nil {
		err = ring.ChangeSource(t.Context(), keyring.Passphrase{Cost: keyring.Argon2{Time: 2, MemoryKiB: 19456, Threads: 1},
			Read: func(context.Context) ([]byte, error) { return []byte(passphrase), nil }})
		ring.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Write(pipe[1], []byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Close(pipe[1])
	c.cfg.KeySource = config.KeySource{Kind: config.KeySourcePassphrase, FD: pipe[0]}
	c.start()
	secrets, _ := json.Marshal([]map[string]string{{"kind": "ticket", "id": "2", "value": base64.StdEncoding.EncodeToString(make([]byte, 32))}})
	if _, err := c.control.KeyImport(t.Context(), control.KeyImport{Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	c.eventually("it runs again with the new key", func() bool {
		return strings.Count(c.log.String(), "gateway runs") == 3
	})
}
