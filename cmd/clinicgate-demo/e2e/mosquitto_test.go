//go:build e2e

package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// certificate makes one for this machine that signs itself, and its key, as PEM files.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "broker.pem"), filepath.Join(dir, "broker.key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// reconfigure stops the gateway, changes its config and starts it again.
func (k *kiosk) reconfigure(old, with string) {
	k.t.Helper()
	text, err := os.ReadFile(k.config)
	if err != nil {
		k.t.Fatal(err)
	}
	(&clinicSite{t: k.t}).stop(k)
	k.write(k.config, strings.Replace(string(text), old, with, 1))
	k.start()
}

// said runs mosquitto_pub or mosquitto_sub for at most a few seconds.
func said(t *testing.T, program, address string, args ...string) (string, error) {
	t.Helper()
	host, port, _ := net.SplitHostPort(address)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, tool(t, program, "mosquitto-clients"), append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	return string(out), err
}

// calls gives how many calls for help are on.
func (k *kiosk) calls() int { return strings.Count(k.must("", "queue", "alarms"), "need-help") }

// answered acknowledges the call for help that is on.
func (k *kiosk) answered() {
	k.t.Helper()
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).FindString(k.must("", "queue", "alarms", "--json"))
	k.must("", "queue", "acknowledge", id)
}

// TestE2EMosquittoClientsOverTheNetwork: mosquitto_pub and mosquitto_sub at the
// gateway's own listener for the network. The button with its credential calls for
// help; everybody else is refused, and the checks tell how many.
func TestE2EMosquittoClientsOverTheNetwork(t *testing.T) {
	t.Parallel()
	k := startKiosk(t, true, "[[device]]\nid = \"wc\"\nclass = \"button\"\nport = \"mqtt:wc-button\"\n"+
		"[[mqtt.client]]\nid = \"wc-button\"\nkind = \"device\"\n[[mqtt.client]]\nid = \"other\"\nkind = \"device\"\n")
	cert, key := certificate(t, k.dir)
	lan := freeAddress(t)
	k.reconfigure("[mqtt]\n", "[mqtt]\nlan_listen = \""+lan+"\"\nlan_certificate = \""+cert+"\"\nlan_key = \""+key+"\"\n")
	secret := func(id string) string {
		return strings.TrimSpace(regexp.MustCompile(`password +([A-Z2-7]+)`).FindStringSubmatch(k.must("", "devices", "credential", id))[1])
	}
	button, other := secret("wc-button"), secret("other")
	as := func(id, password string, args ...string) []string {
		return append([]string{"--cafile", cert, "-i", id, "-u", id, "-P", password, "-q", "1"}, args...)
	}
	const topic = "clinic/main/lobby-1/button/wc-button/event"
	press := []string{"-t", topic, "-m", `{"v":1,"id":"01890000-0000-7000-8000-00000000c0de","event":"press"}`}
	for range 2 { // and what was captured, again
		if out, err := said(t, "mosquitto_pub", lan, as("wc-button", button, press...)...); err != nil {
			t.Fatalf("the button: %v %s", err, out)
		}
	}
	if n := k.calls(); n != 1 {
		t.Fatalf("%d calls for help, want 1", n)
	}
	k.answered()
	large := filepath.Join(k.input, "large")
	k.write(large, strings.Repeat("x", 256<<10))
	for what, args := range map[string][]string{
		"a wrong password":         as("wc-button", "WRONGWRONGWRONGWRONGWRONGW", press...),
		"another's credential":     as("wc-button", other, press...),
		"no TLS":                   append([]string{"-i", "wc-button", "-u", "wc-button", "-P", button, "-q", "1"}, press...),
		"another device's topic":   as("other", other, press...),
		"a payload of 256 KiB":     as("wc-button", button, "-t", topic, "-f", large),
		"another's name, its own":  append([]string{"--cafile", cert, "-i", "wc-button", "-u", "other", "-P", other, "-q", "1"}, press...),
		"a will in another's name": as("other", other, append([]string{"--will-topic", topic, "--will-payload", "x"}, press...)...),
	} {
		if out, err := said(t, "mosquitto_pub", lan, args...); err == nil {
			t.Errorf("%s was let through: %s", what, out)
		}
	}
	for _, filter := range []string{"#", "clinic/#", "clinicgate/main/x/#"} {
		if out, err := said(t, "mosquitto_sub", lan, as("other", other, "-t", filter, "-W", "2")...); !strings.Contains(out, "denied") && err == nil {
			t.Errorf("%s was granted: %v %s", filter, err, out)
		}
	}
	if n := strings.Count(k.must("", "queue", "alarms"), "need-help"); n != 1 {
		t.Errorf("%d calls for help after that", n)
	}
	if out, err := said(t, "mosquitto_pub", lan, as("wc-button", button, "-t", topic, "-m", `{"v":1,"seq":2,"event":"press"}`)...); err != nil {
		t.Errorf("the button afterwards: %v %s", err, out)
	}
	if out := k.must("", "status", "--json"); !regexp.MustCompile(`MQTT clients were refused since the start, the last within the hour: [0-9]+ without proof`).MatchString(out) {
		t.Errorf("status does not tell of it:\n%s", out)
	}
}

// TestE2EDevicesOnMosquitto: a help button that speaks to the clinic's Mosquitto, with
// the settings and the access list that are shipped, calls for help here; it may not
// speak for others, and how it is stays on its topic for who looks after the devices.
func TestE2EDevicesOnMosquitto(t *testing.T) {
	t.Parallel()
	k := startKiosk(t, true, "[[device]]\nid = \"wc\"\nclass = \"button\"\nport = \"mqtt:wc-button\"\n")
	cert, key := certificate(t, k.input)
	address := freeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	s := &clinicSite{t: t}
	shipped, err := os.ReadFile(filepath.Join("..", "..", "..", "packaging", "mosquitto", "clinicgate.conf"))
	if err != nil {
		t.Fatal(err)
	}
	acl, err := filepath.Abs(filepath.Join("..", "..", "..", "packaging", "mosquitto", "clinicgate.acl"))
	if err != nil {
		t.Fatal(err)
	}
	passwords := k.write(filepath.Join(k.input, "passwd"), "")
	for _, id := range []string{"lobby-1", "wc-button", "monitor", "stranger"} {
		if out, err := exec.Command(s.tool("mosquitto_passwd"), "-b", passwords, id, "secret-of-"+id).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	text := strings.NewReplacer("listener 8883", "listener "+port+" "+host, "/etc/mosquitto/certs/broker.pem", cert, "/etc/mosquitto/certs/broker.key", key,
		"/etc/mosquitto/clinicgate.passwd", passwords, "/etc/mosquitto/clinicgate.acl", acl).Replace(string(shipped))
	if os.Geteuid() == 0 {
		text += "\nuser root\n"
	}
	broker := exec.Command(s.tool("mosquitto"), "-c", k.write(filepath.Join(k.input, "mosquitto.conf"), text))
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Process.Kill(); _ = broker.Wait() })
	credentials := k.write(filepath.Join(k.input, "credentials"), "lobby-1:secret-of-lobby-1\n")
	k.reconfigure("[mqtt]\n", "[mqtt]\nbroker = \"tls://"+address+"\"\nbroker_ca_file = \""+cert+"\"\nbroker_credentials_file = \""+credentials+"\"\n")
	as := func(id string, args ...string) []string {
		return append([]string{"--cafile", cert, "-i", id, "-u", id, "-P", "secret-of-" + id, "-q", "1"}, args...)
	}
	publish := func(id, leaf, payload string) {
		t.Helper()
		if out, err := said(t, "mosquitto_pub", address, as(id, "-r", "-t", "clinic/main/lobby-1/button/wc-button/"+leaf, "-m", payload)...); err != nil {
			t.Fatalf("%s: %v %s", id, err, out)
		}
	}
	eventually(t, 30*time.Second, "the gateway is at Mosquitto", func() bool {
		out, _ := k.command("", "status", "--json")
		return strings.Contains(out, "connected to the external MQTT broker")
	})
	publish("wc-button", "state", `{"v":1,"state":"ready","battery":64}`)
	eventually(t, 20*time.Second, "the button is in the list", func() bool { return strings.Contains(k.must("", "devices", "list"), "battery at 64 %") })
	press := func(id string) {
		t.Helper()
		if out, err := said(t, "mosquitto_pub", address, as(id, "-t", "clinic/main/lobby-1/button/wc-button/event", "-m", `{"v":1,"seq":1,"event":"press"}`)...); err != nil {
			t.Fatalf("%s: %v %s", id, err, out)
		}
	}
	press("stranger") // acknowledged by Mosquitto, and dropped there
	press("wc-button")
	eventually(t, 20*time.Second, "it called for help", func() bool { return k.calls() == 1 })
	if out := k.must("", "queue", "alarms", "--json"); strings.Count(out, `"need-help"`) != 1 {
		t.Errorf("calls: %s", out)
	}
	eventually(t, 30*time.Second, "how it is stays on its topic", func() bool {
		out, _ := said(t, "mosquitto_sub", address, as("monitor", "-v", "-W", "2", "-t", "clinicgate/main/health/#")...)
		return strings.Contains(out, "clinicgate/main/health/lobby-1/wc ") && strings.Contains(out, `"battery":64`)
	})
}
