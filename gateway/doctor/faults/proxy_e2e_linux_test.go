//go:build e2e

package faults_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/gateway/doctor"
)

// A clinic's proxy that opens encrypted connections (squid with ssl_bump, which makes a
// certificate of its own authority for each name): named with its issuer and not as a
// network that is gone; with that authority configured, nothing is wrong.
func TestE2EInterceptingProxy(t *testing.T) {
	inspection := newAuthority(t, "Riverside Inspection CA")
	t.Run("not configured", func(t *testing.T) {
		k := newKiosk(t)
		k.squid(inspection)
		k.prepare()
		k.start()
		k.open()
		reports := k.settle([]string{"net-tls"}, k.look)
		cause := doctor.Roots(reports)[0]
		if cause.State != doctor.Fail || !strings.Contains(cause.Detail, "Riverside Inspection CA") || !strings.Contains(cause.Hint, "pubnub.ca_file") {
			t.Errorf("%+v", cause)
		}
		t.Logf("%s: %s; %d consequences; hint: %s", cause.ID, cause.Detail, doctor.Folded(reports, cause.ID), cause.Hint)
	})
	t.Run("configured", func(t *testing.T) {
		k := newKiosk(t)
		k.squid(inspection)
		put(t, k.settings["pubnub.ca_file"], pemOf(inspection), 0o644)
		k.prepare()
		k.start()
		k.open()
		k.drained()
		k.settle(nil, k.look)
	})
}

// squid stands between the kiosk and PubNub, as an account of its own.
func (k *kiosk) squid(inspection authority) {
	k.t.Helper()
	dir := folder(k.t, "/var/tmp")
	key, err := x509.MarshalPKCS8PrivateKey(inspection.key)
	if err != nil {
		k.t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	put(k.t, filepath.Join(dir, "inspection.pem"), pemOf(inspection)+string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), 0o600)
	put(k.t, filepath.Join(dir, "clinic.pem"), pemOf(k.ca), 0o644)
	put(k.t, filepath.Join(dir, "hosts"), "127.0.0.1 "+k.host+"\n", 0o644)
	put(k.t, filepath.Join(dir, "squid.conf"), strings.ReplaceAll(`http_port `+address+` ssl-bump tls-cert=DIR/inspection.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program /usr/lib/squid/security_file_certgen -s DIR/certs -M 4MB
sslcrtd_children 2
acl first at_step SslBump1
ssl_bump peek first
ssl_bump bump all
tls_outgoing_options cafile=DIR/clinic.pem
http_access allow all
hosts_file DIR/hosts
dns_nameservers 127.0.0.1
pid_filename DIR/pid
cache_log DIR/cache.log
access_log none
coredump_dir DIR
shutdown_lifetime 1 second
`, "DIR", dir), 0o644)
	account, err := user.Lookup("proxy")
	if err != nil {
		k.t.Fatal(err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range append(files, dir) {
		if err := os.Chown(path, uid, gid); err != nil {
			k.t.Fatalf("this test needs root: %v", err)
		}
	}
	as := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, Pdeathsig: syscall.SIGKILL}
	certs := exec.Command("/usr/lib/squid/security_file_certgen", "-c", "-s", filepath.Join(dir, "certs"), "-M", "4MB")
	certs.SysProcAttr = as
	if out, err := certs.CombinedOutput(); err != nil {
		k.t.Fatalf("squid's certificates (package squid-openssl): %v: %s", err, out)
	}
	c := exec.Command("squid", "-N", "-f", filepath.Join(dir, "squid.conf"), "-n", fmt.Sprintf("cg%d", os.Getpid()))
	c.SysProcAttr, c.Dir = as, dir
	if err := c.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
	k.within(time.Minute, "squid listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	k.set("pubnub.proxy", "http://"+address)
}
