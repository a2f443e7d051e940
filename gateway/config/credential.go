package config

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"clinicgate/storage/keyring"
)

// defaultCredential is the credential's name where the config gives none.
const defaultCredential = "clinicgate-key"

var credentialName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

// CredentialName is the name that the credential was sealed for.
func (k KeySource) CredentialName() string { return cmp.Or(k.Name, defaultCredential) }

// credential reads what the service manager unsealed for this service or, in a
// command that an administrator runs beside it, lets systemd-creds unseal the file.
func (k KeySource) credential() keyring.Source {
	return keyring.Credential{
		Read: func(ctx context.Context) ([]byte, error) {
			if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
				text, err := os.ReadFile(filepath.Join(dir, k.CredentialName()))
				if errors.Is(err, fs.ErrNotExist) {
					return nil, &hinted{fmt.Errorf("the service manager gave no credential %q", k.CredentialName()), "`clinicgate service devices` writes the drop-in that asks for it, from key_source"}
				}
				return text, err
			}
			out, err := systemdCreds(ctx, nil, "decrypt", "--name="+k.CredentialName(), k.File, "-")
			if err != nil {
				return nil, &hinted{fmt.Errorf("cannot unseal %s: %w", k.File, err), "run it as root on the machine that sealed it"}
			}
			return out, nil
		},
		Sealed: func() ([]byte, error) { return os.ReadFile(k.File) },
	}
}

// CreateCredential makes a new key, seals it to this machine (its TPM where there is
// one, else the system's own key) and writes it to File. It never replaces a file.
func (k KeySource) CreateCredential(ctx context.Context) error {
	if _, err := os.Lstat(k.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot seal credential: %s is there already", k.File)
	}
	key := keyring.NewCredential()
	defer clear(key)
	sealed, err := systemdCreds(ctx, key, "encrypt", "--name="+k.CredentialName(), "-", "-")
	if err != nil {
		return &hinted{fmt.Errorf("cannot seal credential: %w", err), "it needs root, systemd 250 or newer, and a TPM or a disk that keeps /var/lib/systemd; else choose another key_source.kind"}
	}
	if err := os.MkdirAll(filepath.Dir(k.File), 0o755); err != nil {
		return fmt.Errorf("cannot write credential: %w", err)
	}
	// Sealed as it is, it may be read by the service, which looks what seals it.
	f, err := os.OpenFile(k.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("cannot write credential: %w", err)
	}
	_, err = f.Write(sealed)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write credential: %w", err)
	}
	return nil
}

func systemdCreds(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "systemd-creds", args...)
	cmd.Stdin = bytes.NewReader(in)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if text := strings.Join(strings.Fields(said.String()), " "); text != "" {
			return nil, fmt.Errorf("systemd-creds: %.200s", text)
		}
		return nil, err
	}
	return out.Bytes(), nil
}

// hinted is an error with a next step.
type hinted struct {
	error
	next string
}

// Hint tells what to do.
func (h *hinted) Hint() string { return h.next }

// Unwrap gives the error itself.
func (h *hinted) Unwrap() error { return h.error }
