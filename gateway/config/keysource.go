package config

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"clinicgate/storage/keyring"
)

// KeySource says what unseals the store's root key. The secret itself is never
// in the config.
type KeySource struct {
	Kind KeySourceKind `toml:"kind"`
	File string        `toml:"file"`
	FD   int           `toml:"fd"`
}

// KeySourceKind names one way to unseal the root key.
type KeySourceKind string

// The kinds of key source.
const (
	KeySourcePassphrase KeySourceKind = "passphrase"
	KeySourceKeyFile    KeySourceKind = "key-file"
)

// maxPassphrase bounds what is read as a passphrase.
const maxPassphrase = 4 << 10

// Source gives the key source in the form of storage/keyring. It reads nothing
// yet; a descriptor can be read once only.
func (k KeySource) Source() keyring.Source {
	if k.Kind == KeySourceKeyFile {
		return keyring.KeyFile(k.File)
	}
	return keyring.Passphrase{Read: func(context.Context) ([]byte, error) {
		f := os.NewFile(uintptr(k.FD), "passphrase descriptor")
		if k.FD == 0 {
			var err error
			if f, err = os.Open(k.File); err != nil {
				return nil, fmt.Errorf("cannot read passphrase: %w", err)
			}
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
		if err != nil {
			return nil, fmt.Errorf("cannot read passphrase: %w", err)
		}
		if len(text) > maxPassphrase {
			return nil, errors.New("cannot read passphrase: it is longer than 4 KiB")
		}
		return text, nil
	}}
}

func (k KeySource) validate(c *Config, r *report) {
	switch k.Kind {
	case KeySourcePassphrase:
		if k.File == "" && k.FD == 0 {
			r.missing("key_source.file", "the file that holds the passphrase, or key_source.fd, a file descriptor to read it from")
		}
		if k.File != "" && k.FD != 0 {
			r.bad("key_source.fd", itoa(k.FD), "either key_source.file or key_source.fd", "remove one of the two")
		}
		if k.FD < 0 || k.FD == 1 || k.FD == 2 || k.FD > 1023 {
			r.bad("key_source.fd", itoa(k.FD), "0 (not used) or 3 to 1023", "")
		}
	case KeySourceKeyFile:
		if k.File == "" {
			r.missing("key_source.file", "the file that holds the key")
		}
		if k.FD != 0 {
			r.bad("key_source.fd", itoa(k.FD), "0 with kind \"key-file\"", "a descriptor can hand over a passphrase only")
		}
	default:
		r.bad("key_source.kind", string(k.Kind), oneOf(KeySourcePassphrase, KeySourceKeyFile), "")
	}
}

// CreatePassphrase writes a new random passphrase of 160 bits to a file that
// only its owner may read. It never replaces a file.
func CreatePassphrase(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write passphrase: %w", err)
	}
	_, err = fmt.Fprintln(f, rand.Text()+rand.Text()[:6])
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write passphrase: %w", err)
	}
	return nil
}
