package keyring

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"clinicgate/storage/seal"
)

const (
	keyFilePrefix = "clinicgate-key-1 "
	keyFileLimit  = 4096
)

// KeyFile is a Source that reads the root key from the named file.
//
// A key that lies beside the data protects nobody: whoever takes the disk takes
// both. It is meant for a demonstration, for a file on removable media, or for
// a mount that another system protects; doctor and validate report it as a
// failure.
//
// The file holds one line, "clinicgate-key-1 " and 32 bytes in base64, beside
// empty lines and comments that begin with "#". On Unix it must be a regular
// file that neither group nor others can reach.
type KeyFile string

// Name gives "key-file".
func (KeyFile) Name() string { return "key-file" }

// Strength gives StrengthFile.
func (KeyFile) Strength() Strength { return StrengthFile }

// Setup reads the file, which must exist: see CreateKeyFile.
func (k KeyFile) Setup(context.Context) (seal.Key, []byte, error) {
	key, err := k.read()
	return key, nil, err
}

// Unseal reads the file.
func (k KeyFile) Unseal(context.Context, []byte) (seal.Key, error) { return k.read() }

func (k KeyFile) read() (seal.Key, error) {
	// Looked at before it is opened, since opening a pipe could wait for ever.
	info, err := os.Stat(string(k))
	if err != nil {
		return seal.Key{}, hint(fmt.Errorf("cannot find key file: %w", err),
			"put the key file back where the config names it")
	}
	if err := checkKeyFile(string(k), info); err != nil {
		return seal.Key{}, err
	}
	f, err := os.Open(string(k))
	if err != nil {
		return seal.Key{}, fmt.Errorf("cannot open key file: %w", err)
	}
	defer f.Close()
	b := make([]byte, keyFileLimit+1)
	defer clear(b)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return seal.Key{}, fmt.Errorf("cannot read key file: %w", err)
	}
	key, err := parseKeyFile(b[:n])
	if err != nil {
		return seal.Key{}, fmt.Errorf("cannot use key file %s: %w", string(k), err)
	}
	return key, nil
}

// CreateKeyFile makes a new random key file, durable on return. It never
// replaces a file.
func CreateKeyFile(path string) error {
	key := seal.NewKey()
	defer key.Wipe()
	text := []byte("# The root key of a clinicgate store. Whoever has this file can read the store.\n" + keyFilePrefix)
	text = base64.StdEncoding.AppendEncode(text, key.Reveal())
	text = append(text, '\n')
	defer clear(text)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot create key file: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("cannot write key file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func parseKeyFile(text []byte) (seal.Key, error) {
	if len(text) > keyFileLimit {
		return seal.Key{}, fmt.Errorf("longer than %d bytes", keyFileLimit)
	}
	var found seal.Key
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		value, ok := bytes.CutPrefix(line, []byte(keyFilePrefix))
		if !ok || !found.IsZero() {
			return seal.Key{}, fmt.Errorf("want one line %qand base64", keyFilePrefix)
		}
		raw, err := base64.StdEncoding.Strict().AppendDecode(nil, value)
		if err != nil {
			return seal.Key{}, errors.New("key is not base64")
		}
		found, err = seal.KeyFrom(raw)
		clear(raw)
		if err != nil {
			return seal.Key{}, err
		}
	}
	if found.IsZero() {
		return seal.Key{}, errors.New("no key in it")
	}
	return found, nil
}
