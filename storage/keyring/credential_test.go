package keyring_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"

	"clinicgate/storage/keyring"
)

func credential(text []byte) keyring.Credential {
	return keyring.Credential{Read: func(context.Context) ([]byte, error) { return append([]byte(nil), text...), nil }}
}

func TestCredentialOpens(t *testing.T) {
	dir := keyring.Dir(t.TempDir())
	first, other := keyring.NewCredential(), keyring.NewCredential()
	r, err := keyring.Create(t.Context(), dir, credential(first), keyring.Options{Classes: []string{"queue"}})
	if err != nil {
		t.Fatal(err)
	}
	if name, strength := r.Source(); name != "credential" || strength != keyring.StrengthOS {
		t.Errorf("source %s, %s", name, strength)
	}
	// To a passphrase and back: the KEK changes with the source.
	if err := r.ChangeSource(t.Context(), credential(other)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := keyring.Open(t.Context(), dir, credential(first), keyring.Options{}); !errors.Is(err, keyring.ErrWrongKey) {
		t.Errorf("the credential before opens it: %v", err)
	}
	if r, err = keyring.Open(t.Context(), dir, credential(other), keyring.Options{}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	gone := keyring.Credential{Read: func(context.Context) ([]byte, error) { return nil, errors.New("not given") }}
	if _, err := keyring.Open(t.Context(), dir, gone, keyring.Options{}); !errors.Is(err, keyring.ErrSource) {
		t.Errorf("without the credential: %v", err)
	}
	if _, err := keyring.Open(t.Context(), dir, credential([]byte("nonsense")), keyring.Options{}); err == nil {
		t.Error("nonsense opens it")
	}
}

func TestCredentialStrength(t *testing.T) {
	id := func(hex ...byte) []byte {
		text := base64.StdEncoding.EncodeToString(append(hex, make([]byte, 60)...))
		return []byte(text[:20] + "\n" + text[20:]) // systemd-creds breaks lines
	}
	for want, sealed := range map[keyring.Strength][]byte{
		keyring.StrengthHardware: id(0x93, 0xa8, 0x94, 0x09, 0x48, 0x74, 0x44, 0x90, 0x90, 0xca, 0xf2, 0xfc, 0x93, 0xca, 0xb5, 0x53),
		keyring.StrengthOS:       id(0x5a, 0x1c, 0x6a, 0x86, 0xdf, 0x9d, 0x40, 0x96, 0xb1, 0xd5, 0xa6, 0x5e, 0x08, 0x62, 0xf1, 0x9a),
		// As `systemd-creds encrypt --with-key=tpm2-absent` of systemd 252 made it.
		keyring.StrengthFile: []byte("BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAADgdbCoj4kP+TSlzSkAAAAAqZ80mYq8z860d0N\nHnWMpYL8uGlGNtFglsNUNL9e7kIwczZTSusAKXqj0JIHx2tE=\n"),
	} {
		c := keyring.Credential{Sealed: func() ([]byte, error) { return sealed, nil }}
		if got := c.Strength(); got != want {
			t.Errorf("%.24q is %s, want %s", sealed, got, want)
		}
	}
	for _, sealed := range []string{"", "x", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", "AAAA"} {
		c := keyring.Credential{Sealed: func() ([]byte, error) { return []byte(sealed), nil }}
		if got := c.Strength(); got != keyring.StrengthOS {
			t.Errorf("%q is %s", sealed, got)
		}
	}
}
