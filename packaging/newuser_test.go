//go:build e2e

package packaging_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/csv"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/packaging/machinetest"
)

// A guide is a page of packaging/operator, of which a test runs what it tells its
// reader to type: by heading, the lines of its examples.
type guide map[string][]string

func readGuide(t *testing.T, name string) guide {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("operator", name))
	if err != nil {
		t.Fatal(err)
	}
	g, heading := guide{}, ""
	for line := range strings.SplitSeq(string(text), "\n") {
		if title, ok := strings.CutPrefix(line, "#"); ok {
			heading = strings.Trim(title, "# ")
		} else if example, ok := strings.CutPrefix(line, "    "); ok {
			g[heading] = append(g[heading], example)
		}
	}
	return g
}

// pubnub is a stand-in for PubNub at the far end of the cable: name, port and
// certificate are those that the service asks for by itself.
func pubnub(t *testing.T, m *machinetest.Machine, cable *machinetest.Cable) *emulator.Emulator {
	t.Helper()
	double := emulator.New(emulator.Options{PublishKey: "pub-c-demo", SubscribeKey: "sub-c-demo"})
	t.Cleanup(double.Close)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "PubNub's stand-in"}, DNSNames: []string{"ps.pndsn.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(double)
	_ = server.Listener.Close()
	server.Listener = cable.Listen(443)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // doctor hangs up once it knows that somebody listens
	server.StartTLS()
	t.Cleanup(server.Close)
	m.Write("/usr/local/share/ca-certificates/pubnub.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	m.Run("update-ca-certificates")
	m.Run("bash", "-c", "echo "+machinetest.Outside+" ps.pndsn.com >> /etc/hosts")
	return double
}

// TestE2ENewUser is a stranger with the package and its page. What the page says to
// type is typed as it is written there, on a machine that had nothing; a patient checks
// in, the cable is pulled, doctor names it, another patient checks in, and the cable is
// back. Only what the page leaves to its reader is done here: the config is edited, and
// the list has today's date.
func TestE2ENewUser(t *testing.T) {
	const version = "0.9.2"
	made := packagesOfMachine(t, version)
	m := machinetest.Boot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m.Copy(self, "/usr/bin/patient")
	for _, name := range []string{"SHA256SUMS", "clinicgate_" + version + "_amd64.deb"} {
		m.Copy(filepath.Join(made, name), "/root/"+name)
	}
	cable := m.Cable(t)
	double := pubnub(t, m, cable)
	page := readGuide(t, "install.md")

	// type_ runs a line of the page as it stands there.
	type_ := func(line string) string {
		t.Helper()
		line = strings.ReplaceAll(line, "1.4.0", version)
		t.Logf("# %s", line)
		out := m.Run("bash", "-c", "cd /root; "+line)
		m.Wait(time.Minute, "bash", "-c", "! systemctl is-active -q clinicgate || clinicgate status >/dev/null") // nobody types faster than the service takes new keys
		return out
	}
	zone := fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12) // where it is about noon: a day around now is one day
	edit := func() {
		t.Helper()
		config := m.Run("cat", "/etc/clinicgate/config.toml")
		for key, value := range map[string]string{"id": "lobby-1", "letter": "A", "site": "main", "organization": "riverside", "zone": zone,
			"publish_key": "pub-c-demo", "subscribe_key": "sub-c-demo"} {
			before := config
			if config = strings.Replace(config, "\n"+key+" = \"\"\n", "\n"+key+" = \""+value+"\"\n", 1); config == before {
				t.Fatalf("the config has no empty %s", key)
			}
		}
		// As doctor says where a keyset has no Access Manager.
		config = strings.Replace(config, "\nunsigned = \"bound\"\n", "\nunsigned = \"off\"\n", 1)
		m.Write("/root/config.toml", config, 0o600)
		m.Run("cp", "/root/config.toml", "/etc/clinicgate/config.toml")
	}

	for _, line := range page["Install"] {
		if strings.HasPrefix(line, "sha256sum ") {
			type_(line)
		}
	}
	for _, line := range page["Debian, Ubuntu"] {
		out := type_(line)
		switch {
		case strings.HasPrefix(line, "dpkg "):
			if !strings.Contains(out, "config init") {
				t.Errorf("the package does not say how it goes on:\n%s", out)
			}
		case strings.HasPrefix(line, "clinicgate config init"):
			edit()
		}
	}
	if n := len(page["Debian, Ubuntu"]); n < 6 {
		t.Fatalf("the page has %d lines to type; are they still found?", n)
	}

	var url string
	var codes [][]string
	patient := func() string {
		t.Helper()
		code := codes[0][2]
		codes = codes[1:]
		return strings.TrimSpace(m.Run("env", "CLINICGATE_PATIENT="+url, "CLINICGATE_PATIENT_CODE="+code, "patient"))
	}
	local, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	when := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d`)
	for _, line := range page["The first check-in"] {
		switch {
		case strings.Contains(line, "appointment_id,") || when.MatchString(line):
			list = append(list, when.ReplaceAllString(line, time.Now().In(local).Format("2006-01-02T15:04")))
			m.Write("/root/today.csv", strings.Join(list, "\n")+"\n", 0o600)
			continue
		case strings.HasPrefix(line, "clinicgate queue list"):
			if ticket := patient(); ticket != "A-001" {
				t.Errorf("number %q", ticket)
			}
		}
		out := type_(line)
		switch {
		case strings.HasPrefix(line, "clinicgate roster codes"):
			if codes, err = csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(codes) != len(list) {
				t.Fatalf("%v: %s", err, out)
			}
			codes = codes[1:]
		case strings.HasPrefix(line, "clinicgate launch"):
			url = strings.TrimSpace(out)
		case strings.HasPrefix(line, "clinicgate queue list"):
			if !strings.Contains(out, "A-001") {
				t.Errorf("who waits:\n%s", out)
			}
		}
	}

	sent := func() (n int) {
		return len(double.History("queue.general"))
	}
	if url == "" {
		t.Fatal("the page does not say how the check-in page is opened")
	}
	eventually(t, time.Minute, "the check-in is at PubNub", func() error {
		if sent() == 0 {
			return fmt.Errorf("channels %v", double.Channels())
		}
		return nil
	})
	eventually(t, 2*time.Minute, "doctor finds nothing", func() error { return broken(m) })

	cable.Pull()
	eventually(t, time.Minute, "doctor names the cable and nothing else", func() error { return broken(m, "net-link") })
	t.Logf("the cable is pulled, and doctor says:\n%s", doctorSays(m))
	before := sent()
	url = strings.TrimSpace(m.Run("clinicgate", "launch"))
	if ticket := patient(); ticket != "A-002" {
		t.Errorf("without a network: number %q", ticket)
	}
	eventually(t, 2*time.Minute, "status says that it is offline and events wait", func() error {
		if out := m.Run("clinicgate", "status"); !strings.Contains(out, "offline") || !strings.Contains(out, "events wait") {
			return errors.New(out)
		}
		return nil
	})
	t.Logf("and status:\n%s", m.Run("clinicgate", "status"))
	if n := sent(); n != before {
		t.Fatalf("%d messages reached PubNub without a cable", n-before)
	}

	cable.Plug()
	eventually(t, time.Minute, "everything is sent", func() error {
		if out := m.Run("clinicgate", "status"); sent() == before || !strings.Contains(out, "nothing waits") {
			return errors.New(out)
		}
		return nil
	})
	eventually(t, 2*time.Minute, "doctor finds nothing", func() error { return broken(m) })
}

// packagesOfMachine makes the packages of this kind of machine only.
func packagesOfMachine(t *testing.T, version string) string {
	t.Helper()
	if made := os.Getenv("CLINICGATE_PACKAGES"); made != "" {
		return filepath.Join(made, version)
	}
	dir := t.TempDir()
	cmd := exec.Command("go", "run", "./packaging/build", "-out", dir, "-version", version, "-only", "linux/amd64")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// doctorSays gives what doctor prints, whatever it found.
func doctorSays(m *machinetest.Machine) string {
	out, _ := m.Try("clinicgate", "doctor")
	return out
}

// broken complains unless what doctor calls broken is exactly that.
func broken(m *machinetest.Machine, want ...string) error {
	out := doctorSays(m)
	var found []string
	for line := range strings.Lines(out) {
		if after, ok := strings.CutPrefix(line, "FAIL "); ok {
			id, _, _ := strings.Cut(strings.TrimSpace(after), ":")
			found = append(found, id)
		}
	}
	if !slices.Equal(found, want) || !strings.Contains(out, "support code ") {
		return fmt.Errorf("broken is %v, want %v:\n%s", found, want, out)
	}
	return nil
}
