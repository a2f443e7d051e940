package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/config"
)

// A desk that listens needs hosts and somebody who may log in.
func TestDeskNeedsHostsAndStaff(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "clinic.toml"))
	if err != nil {
		t.Fatal(err)
	}
	const staff = "\n[[staff]]\nid = \"ana\"\nname = \"Ana\"\nroles = [\"desk\"]\n"
	for _, tt := range []struct {
		more string
		want []string
	}{
		{"[desk]\nlisten = \"0.0.0.0:8472\"\nhosts = [\"desk.clinic.example\", \"10.0.0.21\", \"fd00::21\"]\n" + staff, nil},
		{"[desk]\nlisten = \"\"\n", nil},
		{"[desk]\nlisten = \"0.0.0.0:8472\"\n" + staff, []string{"desk.hosts"}},
		{"[desk]\nlisten = \"0.0.0.0:8472\"\nhosts = [\"kiosk\"]\n", []string{"staff"}},
		{"[desk]\nlisten = \"0.0.0.0:8470\"\nhosts = [\"kiosk\"]\n" + staff, []string{"desk.listen"}}, // the page's port
	} {
		_, err := config.Parse([]byte(string(text)+"\n"+tt.more), t.TempDir())
		problems, _ := errors.AsType[config.Problems](err)
		if got := problems.Paths(); !slices.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
			t.Errorf("%s\ngave problems with %v, want %v", tt.more, got, tt.want)
		}
	}
}

// The desk's certificate is looked at before browsers do.
func TestCheckFilesOfTheDesk(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, from, until time.Time) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "desk"}, NotBefore: from, NotAfter: until, DNSNames: []string{"desk.clinic.example"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for file, b := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: sealed}} {
			if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := time.Now()
	write("good", now.Add(-time.Hour), now.Add(time.Hour))
	write("old", now.Add(-2*time.Hour), now.Add(-time.Hour))
	for _, tt := range []struct{ certificate, key, host, path, what string }{
		{"good.pem", "good.key", "desk.clinic.example", "", ""},
		{"good.pem", "good.key", "other.example", "desk.hosts", "certificate holds"},
		{"good.pem", "old.key", "desk.clinic.example", "desk.certificate", "belongs to desk.key"},
		{"old.pem", "old.key", "desk.clinic.example", "desk.certificate", "valid now"},
		{"none.pem", "good.key", "desk.clinic.example", "desk.certificate", "exists"},
		{"good.pem", "none.key", "desk.clinic.example", "desk.key", "exists"},
	} {
		c := config.Default()
		c.KeySource = config.KeySource{}
		c.Desk.Certificate, c.Desk.Key, c.Desk.Hosts = filepath.Join(dir, tt.certificate), filepath.Join(dir, tt.key), []string{tt.host}
		problems, _ := errors.AsType[config.Problems](c.CheckFiles())
		switch {
		case tt.path == "" && len(problems) == 0:
		case len(problems) != 1 || problems[0].Path != tt.path || !strings.Contains(problems[0].What, tt.what):
			t.Errorf("%s with %s for %s: %v, want %s", tt.certificate, tt.key, tt.host, problems, tt.path)
		}
	}
}
