//go:build e2e

package packaging_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/packaging/machinetest"
)

// The package in a machine with a real systemd, from the first install to the purge.
func TestDeb(t *testing.T) {
	old, next := one(t, packages(t, before), "*_amd64.deb"), one(t, packages(t, now), "*_amd64.deb")
	m := machinetest.Boot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m.Copy(self, "/usr/bin/patient")
	m.Copy(old, "/root/old.deb")
	m.Copy(next, "/root/next.deb")
	k := &kiosk{t: t, config: filepath.Join(m.Dir, "etc/clinicgate/config.toml")}
	k.run = func(stdin string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := m.Command(ctx, "clinicgate", args...)
		cmd.Stdin = strings.NewReader(stdin)
		var told strings.Builder
		cmd.Stderr = &told
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, told.String())
		}
		return string(out), err
	}
	k.write = func(name, text string) string { m.Write("/root/"+name, text, 0o600); return "/root/" + name }
	checkIn := func() {
		t.Helper()
		ticket := m.Run("env", "CLINICGATE_PATIENT="+k.launch(), "CLINICGATE_PATIENT_CODE="+k.code(), "patient")
		if want := fmt.Sprintf("A-%03d", k.came); strings.TrimSpace(ticket) != want {
			t.Errorf("number %q, want %s", ticket, want)
		}
	}
	property := func(name string) string {
		return strings.TrimSpace(m.Run("systemctl", "show", "--property="+name, "--value", "clinicgate.service"))
	}
	step := func(what string) { t.Logf("%s: %s", time.Now().Format(time.TimeOnly), what) }

	step("install")
	said := m.Run("dpkg", "-i", "/root/old.deb")
	for _, want := range []string{"clinicgate config init", "clinicgate keys init --generate", "clinicgate service start"} {
		if !strings.Contains(said, want) {
			t.Errorf("the install does not say %q:\n%s", want, said)
		}
	}
	if got := property("UnitFileState") + " " + property("ActiveState"); got != "enabled inactive" {
		t.Errorf("after the install the service is %s", got)
	}
	m.Run("getent", "group", "clinicgate-admin", "clinicgate-technician", "clinicgate-desk", "clinicgate-kiosk")
	m.Run("bash", "-c", "zcat /usr/share/man/man1/clinicgate-config-init.1.gz | grep -q 'NAME' && . /usr/share/bash-completion/completions/clinicgate && test -s /usr/share/doc/clinicgate/copyright")

	step("set up and start")
	k.setUp()
	k.keys("/root/shared.json", "/root/maker.pem")
	k.must("", "service", "install")
	k.must("", "service", "start")
	for path, want := range map[string]string{
		"/etc/clinicgate": "750 root clinicgate", "/etc/clinicgate/config.toml": "640 root clinicgate", "/etc/clinicgate/passphrase": "600 clinicgate clinicgate",
		"/var/lib/clinicgate": "700 clinicgate clinicgate", "/var/lib/clinicgate/keyring.a": "600 clinicgate clinicgate",
	} {
		if got := strings.TrimSpace(m.Run("stat", "--format=%a %U %G", path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	k.people("/root/shared.json", "/root/maker.pem")
	checkIn()

	step("kill")
	m.Run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "clinicgate")
	eventually(t, 30*time.Second, "it was started again", func() error {
		if n := property("NRestarts"); n != "1" {
			return fmt.Errorf("%s restarts", n)
		}
		return nil
	})
	checkIn()

	step("upgrade")
	identity, settings := k.must("", "keys", "list", "--json"), m.Run("sha256sum", "/etc/clinicgate/config.toml", "/etc/clinicgate/passphrase")
	m.Run("mkdir", "-p", "/etc/systemd/system/clinicgate.service.d")
	m.Write("/etc/systemd/system/clinicgate.service.d/own.conf", "[Service]\nNice=3\n", 0o644)
	pid := property("MainPID")
	said = m.Run("dpkg", "-i", "/root/next.deb")
	if strings.Contains(said, "config init") {
		t.Errorf("an upgrade asks for a set-up:\n%s", said)
	}
	if got := property("ActiveState"); got != "active" || property("MainPID") == pid {
		t.Errorf("after the upgrade the service is %s, its process before %s and now %s", got, pid, property("MainPID"))
	}
	if out := k.must("", "version"); !strings.Contains(out, now) {
		t.Errorf("version: %s", out)
	}
	if got := m.Run("sha256sum", "/etc/clinicgate/config.toml", "/etc/clinicgate/passphrase"); got != settings {
		t.Errorf("settings changed:\n%s\n%s", settings, got)
	}
	public := func(list string) string {
		_, after, _ := strings.Cut(list, `"public"`)
		return strings.SplitN(after, ",", 2)[0]
	}
	if got := k.must("", "keys", "list", "--json"); public(identity) == "" || public(got) != public(identity) {
		t.Errorf("the kiosk has another identity: %s, before %s", public(got), public(identity))
	}
	if got := property("Nice"); got != "3" {
		t.Errorf("a drop-in was lost: nice %s", got)
	}
	checkIn()
	if got := k.waiting(); got != "A-001 A-002 A-003" {
		t.Errorf("who waits: %s", got)
	}

	step("stopped by hand, upgraded again, rebooted")
	m.Run("systemctl", "stop", "clinicgate")
	m.Run("dpkg", "-i", "/root/next.deb")
	if got := property("ActiveState"); got != "inactive" {
		t.Errorf("whom the administrator stopped is %s after an upgrade", got)
	}
	m.PowerOff()
	m.Start()
	checkIn()

	step("remove")
	m.Run("dpkg", "-r", "clinicgate")
	if out, err := m.Try("systemctl", "is-active", "clinicgate"); err == nil {
		t.Errorf("it runs after its removal: %s", out)
	}
	m.Run("test", "-e", "/var/lib/clinicgate/keyring.a")

	step("install where config and keys are")
	if said := m.Run("dpkg", "-i", "/root/next.deb"); strings.Contains(said, "config init") {
		t.Errorf("it asks for a set-up that is there:\n%s", said)
	}
	if got := property("UnitFileState"); got != "enabled" {
		t.Errorf("after another install the service is %s", got)
	}
	m.Run("systemctl", "start", "clinicgate")
	if got := k.waiting(); got != "A-001 A-002 A-003 A-004" {
		t.Errorf("who waits: %s", got)
	}

	step("purge")
	said = m.Run("dpkg", "--purge", "clinicgate")
	for _, dir := range []string{"/etc/clinicgate", "/var/lib/clinicgate", "/etc/systemd/system/clinicgate.service.d"} {
		if !strings.Contains(said, "deleted "+dir+"\n") {
			t.Errorf("the purge does not say that it deleted %s:\n%s", dir, said)
		}
		if _, err := os.Lstat(filepath.Join(m.Dir, dir)); err == nil {
			t.Errorf("%s is still there", dir)
		}
	}
	if out, err := m.Try("systemctl", "is-enabled", "clinicgate"); err == nil {
		t.Errorf("it is %s after the purge", out)
	}
	if left := m.Run("find", "/usr", "/etc", "/var/lib/systemd", "-name", "*clinicgate*"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}
