package config

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"clinicgate/storage/keyring"
	"clinicgate/storage/seal"
)

// KeySource says what unseals the store's root key. The secret itself is never
// in the config.
type KeySource struct {
	Kind KeySourceKind `toml:"kind"`
	File string        `toml:"file"`
	FD   int           `toml:"fd"`
	Name string        `toml:"name"`
}

// KeySourceKind names one way to unseal the root key.
type KeySourceKind string

// The kinds of key source.
const (
	KeySourcePassphrase KeySourceKind = "passphrase"
	KeySourceKeyFile    KeySourceKind = "key-file"
	KeySourceCredential KeySourceKind = "credential"
	KeySourceDPAPI      KeySourceKind = "dpapi"
)

// maxPassphrase bounds what is read as a passphrase.
const maxPassphrase = 4 << 10

// Source gives the key source in the form of storage/keyring. It reads nothing
// yet. A descriptor can be read once only: what came from one is kept, sealed, for
// as long as the Source is, so a process that opens its keyring again makes one.
func (k KeySource) Source() keyring.Source {
	switch k.Kind {
	case KeySourceKeyFile:
		return keyring.KeyFile(k.File)
	case KeySourceCredential:
		return k.credential()
	case KeySourceDPAPI:
		return keyring.DPAPI{}
	}
	if k.FD != 0 {
		return keyring.Passphrase{Read: (&once{read: k.passphrase}).get}
	}
	return keyring.Passphrase{Read: func(context.Context) ([]byte, error) { return k.passphrase() }}
}

func (k KeySource) passphrase() ([]byte, error) {
	f, err := k.open()
	if err != nil {
		return nil, fmt.Errorf("cannot read passphrase: %w", err)
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
}

// once keeps what can be read once only. It is sealed, so that it is not found by who
// looks through memory for text.
type once struct {
	read func() ([]byte, error)

	mu     sync.Mutex
	key    *seal.AEAD // guarded by mu; nil: nothing was read
	sealed []byte     // guarded by mu
}

var keptInMemory = seal.Place{Bucket: "passphrase"}

func (o *once) get(context.Context) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.key != nil {
		return seal.Open(nil, o.key, o.sealed, keptInMemory)
	}
	text, err := o.read()
	if err != nil {
		return nil, err
	}
	o.key = seal.NewAEAD(seal.NewKey())
	o.sealed = seal.Seal(nil, o.key, text, keptInMemory)
	return text, nil
}

// TOML is the section as it stands in the config.
func (k KeySource) TOML() string {
	text := "[key_source]\nkind = " + quote(string(k.Kind)) + "\nfile = " + quote(k.File) + "\n"
	if k.Name != "" {
		text += "name = " + quote(k.Name) + "\n"
	}
	return text
}

// secretFile is File where it holds a secret, else "".
func (k KeySource) secretFile() string {
	if k.ReadByService() {
		return k.File
	}
	return ""
}

// ReadByService reports whether the service itself opens File, and so must have the
// right to.
func (k KeySource) ReadByService() bool {
	return k.Kind == KeySourcePassphrase || k.Kind == KeySourceKeyFile
}

// open opens where the passphrase is. A descriptor is wrapped only where it is
// meant: whoever wraps one owns it, and would close it when it is forgotten.
func (k KeySource) open() (*os.File, error) {
	if k.FD != 0 {
		return os.NewFile(uintptr(k.FD), "passphrase descriptor"), nil
	}
	return os.Open(k.File)
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
	case KeySourceCredential:
		if k.File == "" {
			r.missing("key_source.file", "the file of the sealed credential")
		}
		if !credentialName.MatchString(k.CredentialName()) {
			r.bad("key_source.name", k.Name, "1 to 64 letters, digits, dots, hyphens and underscores", "")
		}
		if k.FD != 0 {
			r.bad("key_source.fd", itoa(k.FD), "0 with kind \"credential\"", "the service manager hands the credential over")
		}
	case KeySourceDPAPI:
		if k.FD != 0 {
			r.bad("key_source.fd", itoa(k.FD), "0 with kind \"dpapi\"", "Windows keeps the key")
		}
	default:
		r.bad("key_source.kind", string(k.Kind), oneOf(KeySourcePassphrase, KeySourceKeyFile, KeySourceCredential, KeySourceDPAPI), "")
	}
	if k.Name != "" && k.Kind != KeySourceCredential {
		r.bad("key_source.name", k.Name, "empty unless key_source.kind is \"credential\"", "")
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
