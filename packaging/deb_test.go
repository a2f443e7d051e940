//go:build e2e

package packaging_test

import (
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
	m.Copy(old, "/root/old.deb")
	m.Copy(next, "/root/next.deb")
	k := installedIn(t, m)
	step := func(what string) { t.Logf("%s: %s", time.Now().Format(time.TimeOnly), what) }

	status := func() string { return m.Run("dpkg-query", "--show", "--showformat=${Status}", "clinicgate") }

	step("install")
	said := m.Run("dpkg", "-i", "/root/old.deb")
	for _, want := range []string{"clinicgate config init", "clinicgate keys init --generate", "clinicgate service start"} {
		if !strings.Contains(said, want) {
			t.Errorf("the install does not say %q:\n%s", want, said)
		}
	}
	clean(t, said)
	if got := k.property("UnitFileState") + " " + k.property("ActiveState"); got != "enabled inactive" {
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
	k.people("/root/shared.json", "/root/maker.pem", 9)
	k.checkIn()

	step("kill")
	m.Run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "clinicgate")
	eventually(t, 30*time.Second, "it was started again", func() error {
		if n := k.property("NRestarts"); n != "1" {
			return fmt.Errorf("%s restarts", n)
		}
		return nil
	})
	k.checkIn()

	step("upgrade")
	identity, settings := k.identity(), k.settings()
	m.Run("mkdir", "-p", "/etc/systemd/system/clinicgate.service.d")
	m.Write("/etc/systemd/system/clinicgate.service.d/own.conf", "[Service]\nNice=3\n", 0o644)
	pid := k.property("MainPID")
	k.kill(func(int) bool { return exists(m.Dir, "usr/bin/clinicgate.dpkg-new") }, "dpkg", "-i", "/root/next.deb")
	if got := status(); !strings.Contains(got, "reinstreq") {
		t.Errorf("killed while it unpacked, the package is %s", got)
	}
	k.checkIn() // nothing was stopped
	if got := k.property("MainPID"); got != pid {
		t.Errorf("an upgrade that was killed while it unpacked ended process %s; now %s", pid, got)
	}
	said = m.Run("dpkg", "-i", "/root/next.deb")
	clean(t, said)
	if strings.Contains(said, "config init") {
		t.Errorf("an upgrade asks for a set-up:\n%s", said)
	}
	if got := k.property("ActiveState"); got != "active" || k.property("MainPID") == pid {
		t.Errorf("after the upgrade the service is %s, its process before %s and now %s", got, pid, k.property("MainPID"))
	}
	if out := k.must("", "version"); !strings.Contains(out, now) {
		t.Errorf("version: %s", out)
	}
	if got := k.settings(); got != settings {
		t.Errorf("settings changed:\n%s\n%s", settings, got)
	}
	if got := k.identity(); identity == "" || got != identity {
		t.Errorf("the kiosk has another identity: %s, before %s", got, identity)
	}
	if got := k.property("Nice"); got != "3" {
		t.Errorf("a drop-in was lost: nice %s", got)
	}
	k.checkIn()
	if got := k.waiting(); got != "A-001 A-002 A-003 A-004" {
		t.Errorf("who waits: %s", got)
	}

	step("the upgrade's script killed")
	k.kill(func(group int) bool { return script(group, "clinicgate.postinst") }, "dpkg", "-i", "/root/next.deb")
	if got := status(); !strings.Contains(got, "half-configured") {
		t.Errorf("killed while it was configured, the package is %s", got)
	}
	k.checkIn()
	clean(t, m.Run("dpkg", "--configure", "-a"))
	k.checkIn()

	step("the power goes between the two halves of an upgrade")
	m.Run("dpkg", "--unpack", "/root/next.deb")
	m.Cut()
	m.Start()
	k.checkIn() // before anybody repairs it
	clean(t, m.Run("dpkg", "--configure", "-a"))
	if got := status(); got != "install ok installed" {
		t.Errorf("repaired, the package is %s", got)
	}
	if got := k.settings(); got != settings || k.identity() != identity {
		t.Errorf("repaired, it has the settings\n%s\nand the identity %s; before\n%s\n%s", got, k.identity(), settings, identity)
	}

	step("stopped by hand, upgraded again, rebooted")
	m.Run("systemctl", "stop", "clinicgate")
	m.Run("dpkg", "-i", "/root/next.deb")
	if got := k.property("ActiveState"); got != "inactive" {
		t.Errorf("whom the administrator stopped is %s after an upgrade", got)
	}
	m.PowerOff()
	m.Start()
	k.checkIn()

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
	if got := k.property("UnitFileState"); got != "enabled" {
		t.Errorf("after another install the service is %s", got)
	}
	m.Run("systemctl", "start", "clinicgate")
	if got := k.waiting(); got != "A-001 A-002 A-003 A-004 A-005 A-006 A-007 A-008" {
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
