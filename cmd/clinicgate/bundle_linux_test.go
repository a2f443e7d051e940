package main

import (
	"archive/zip"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/gateway/bundle"
	"clinicgate/gateway/config"
	"clinicgate/gateway/doctor"
)

// Of a service that takes connections and answers nothing a bundle is made from files,
// which says so: nobody waits for the service.
func TestBundleOfAServiceThatHangs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, socket := filepath.Join(folder, "config.toml"), filepath.Join(folder, "c.sock")
	settings := config.Default()
	for key, value := range map[string]string{
		"kiosk.id": "lobby-1", "kiosk.letter": "A", "kiosk.site": "main", "kiosk.organization": "riverside", "kiosk.zone": "Europe/Madrid",
		"pubnub.publish_key": "demo", "pubnub.subscribe_key": "demo", "pubnub.origin": "127.0.0.1:1", "storage.dir": "data", "control.path": "c.sock",
		"key_source.kind": "key-file", "key_source.file": "root.key",
	} {
		if err := settings.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte(config.Sample(settings)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut strings.Builder
	do := func(args ...string) {
		t.Helper()
		out.Reset()
		errOut.Reset()
		if code := run(t.Context(), append(args, "--config", path), strings.NewReader(""), &out, &errOut); code != exitOK {
			t.Fatalf("%q: code %d\n%s", args, code, errOut.String())
		}
	}
	do("keys", "init", "--generate")
	l, err := net.Listen("unix", socket) // and nobody takes what waits there
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	do("bundle", "--profiles", "--out", folder)
	if !strings.Contains(errOut.String(), "note: the service hangs, so the bundle is made from files\n") {
		t.Errorf("said %q", errOut.String())
	}

	z, err := zip.OpenReader(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	member := func(name string, into any) {
		t.Helper()
		f, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var about bundle.About
	member("about.json", &about)
	missing := strings.Join(about.Missing, "\n")
	for _, section := range []string{"metrics.txt", "goroutines.txt"} {
		if !strings.Contains(missing, section+": the service hangs") {
			t.Errorf("missing:\n%s", missing)
		}
	}
	if about.Running || strings.Contains(missing, "no service runs") {
		t.Errorf("about %+v", about)
	}
	var checks []doctor.Report
	member("checks.json", &checks)
	for _, r := range checks {
		if r.ID == "svc-running" && !strings.Contains(r.Detail, "hangs") {
			t.Errorf("%s: %s", r.ID, r.Detail)
		}
	}
}
