package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"clinicgate/gateway/config"
	"clinicgate/storage/keyring"
)

// What the service manager hands over is read under the credential's name, and a
// service that was given none says what to do.
func TestCredentialOfTheServiceManager(t *testing.T) {
	given := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", given)
	k := config.KeySource{Kind: config.KeySourceCredential, File: filepath.Join(t.TempDir(), "sealed")}
	dir := keyring.Dir(t.TempDir())
	_, err := keyring.Create(t.Context(), dir, k.Source(), keyring.Options{})
	if err == nil || keyring.Exists(dir) {
		t.Fatalf("a keyring without its credential: %v", err)
	}
	if err := os.WriteFile(filepath.Join(given, "clinicgate-key"), keyring.NewCredential(), 0o400); err != nil {
		t.Fatal(err)
	}
	r, err := keyring.Create(t.Context(), dir, k.Source(), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if name, strength := r.Source(); name != "credential" || strength != keyring.StrengthOS {
		t.Errorf("%s, %s", name, strength)
	}
	r.Close()
	k.Name = "another"
	if _, err := keyring.Open(t.Context(), dir, k.Source(), keyring.Options{}); err == nil {
		t.Error("another name opens it")
	}
}

func TestKeySourceFaults(t *testing.T) {
	for text, want := range map[string]string{
		"kind = \"credential\"\nfile = \"\"":                           "key_source.file",
		"kind = \"credential\"\nfile = \"x\"\nname = \"../etc\"":       "key_source.name",
		"kind = \"credential\"\nfile = \"x\"\nfd = 3":                  "key_source.fd",
		"kind = \"key-file\"\nfile = \"x\"\nname = \"clinicgate-key\"": "key_source.name",
		"kind = \"dpapi\"\nfd = 3":                                     "key_source.fd",
	} {
		_, err := config.Parse([]byte("[key_source]\n"+text+"\n"), t.TempDir())
		if !mentions(err, want) {
			t.Errorf("%s: %v does not name %s", text, err, want)
		}
	}
}

func mentions(err error, path string) bool {
	problems, ok := errors.AsType[config.Problems](err)
	return ok && slices.ContainsFunc(problems, func(p config.Problem) bool { return p.Path == path })
}
