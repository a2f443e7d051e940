//go:build e2e

package packaging_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"clinicgate/packaging/machinetest"
)

// What rpm itself reads out of the three packages.
func TestRPM(t *testing.T) {
	for _, arch := range []string{"x86_64", "aarch64", "armv7hl"} {
		file := one(t, packages(t, now), "*."+arch+".rpm")
		ask := func(words ...string) string {
			t.Helper()
			out, err := exec.Command("rpm", append(append([]string{"-q", "--nosignature"}, words...), "-p", file)...).CombinedOutput()
			if err != nil {
				t.Fatalf("rpm %v: %v: %s", words, err, out)
			}
			return string(out)
		}
		if out, err := exec.Command("rpm", "--checksig", "--nosignature", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", arch, out)
		}
		if got := ask("--queryformat", "%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{BUILDHOST}"); got != "clinicgate "+now+" 1 "+arch+" localhost" {
			t.Errorf("%s: %s", arch, got)
		}
		files := ask("--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]")
		for _, want := range []string{
			"-rwxr-xr-x root root /usr/bin/clinicgate\n", "-rw-r--r-- root root /usr/lib/systemd/system/clinicgate.service\n", "-rw-r--r-- root root /usr/lib/sysusers.d/clinicgate.conf\n",
			"-rw-r--r-- root root /usr/lib/tmpfiles.d/clinicgate.conf\n", "-rw-r--r-- root root /usr/lib/udev/rules.d/60-clinicgate.rules\n", "/usr/share/man/man1/clinicgate-config-init.1.gz\n",
			"-rw-r--r-- root root /usr/lib/systemd/system/clinicgate-kiosk.service\n", "-rw-r--r-- root root /usr/lib/sysusers.d/clinicgate-kiosk.conf\n", "-rw-r--r-- root root /usr/lib/pam.d/clinicgate-kiosk\n",
			"/usr/share/bash-completion/completions/clinicgate\n", "/usr/share/doc/clinicgate/THIRD-PARTY-LICENSES\n", "/usr/share/doc/clinicgate/CHANGELOG.md\n", "/usr/share/doc/clinicgate/config.sample.toml\n",
			"drwxr-xr-x root root /usr/share/doc/clinicgate\n", "drwxr-xr-x root root /usr/share/doc/clinicgate/operator\n",
		} {
			if !strings.Contains(files, want) {
				t.Errorf("%s has no %s", arch, want)
			}
		}
		for line := range strings.Lines(files) {
			if !strings.Contains(line, " root root /usr/") || strings.Contains(line, "/etc/") {
				t.Errorf("%s holds %s", arch, line)
			}
		}
		scripts := ask("--scripts")
		for _, want := range []string{"systemd-sysusers clinicgate.conf", "systemctl --no-reload enable clinicgate.service", "systemctl --no-reload disable --now clinicgate.service", "clinicgate config init", "clinicgate kiosk-session uninstall"} {
			if !strings.Contains(scripts, want) {
				t.Errorf("%s: no script says %q", arch, want)
			}
		}
		if strings.Contains(scripts, "rm -") {
			t.Errorf("%s: a script deletes", arch)
		}
		if needs := ask("--requires"); !strings.Contains(needs, "systemd >= 247") || !strings.Contains(needs, "ca-certificates") {
			t.Errorf("%s needs %s", arch, needs)
		}
	}
}

// The package on a machine with a real systemd. Its rpm is Debian's, so nobody there
// answers for what it needs (--nodeps); scripts and what they are told are rpm's own.
func TestRPMInstalled(t *testing.T) {
	old, next := one(t, packages(t, before), "*.x86_64.rpm"), one(t, packages(t, now), "*.x86_64.rpm")
	m := machinetest.Boot(t, "rpm")
	m.Copy(old, "/root/old.rpm")
	m.Copy(next, "/root/next.rpm")
	k := installedIn(t, m)
	step := func(what string) { t.Logf("%s: %s", time.Now().Format(time.TimeOnly), what) }
	rpm := func(words ...string) string {
		t.Helper()
		said := m.Run("rpm", append([]string{"--nodeps", "--nosignature"}, words...)...)
		clean(t, said)
		return said
	}
	is := func(when, want string) {
		t.Helper()
		if got := k.property("UnitFileState") + " " + k.property("ActiveState"); got != want {
			t.Errorf("%s the service is %q, want %q", when, got, want)
		}
	}

	step("install")
	said := rpm("--install", "/root/old.rpm")
	for _, want := range []string{"clinicgate config init", "clinicgate keys init --generate", "clinicgate service start"} {
		if !strings.Contains(said, want) {
			t.Errorf("the install does not say %q:\n%s", want, said)
		}
	}
	is("installed", "enabled inactive")
	m.Run("getent", "group", "clinicgate-admin", "clinicgate-technician", "clinicgate-desk", "clinicgate-kiosk")

	step("set up and start")
	k.setUp()
	k.keys("/root/shared.json", "/root/maker.pem")
	k.must("", "service", "install")
	k.must("", "service", "start")
	k.people("/root/shared.json", "/root/maker.pem", 9)
	k.checkIn()

	step("upgrade")
	identity, settings, pid := k.identity(), k.settings(), k.property("MainPID")
	m.Run("mkdir", "-p", "/etc/systemd/system/clinicgate.service.d")
	m.Write("/etc/systemd/system/clinicgate.service.d/own.conf", "[Service]\nNice=3\n", 0o644)
	if said := rpm("--upgrade", "/root/next.rpm"); strings.Contains(said, "config init") {
		t.Errorf("an upgrade asks for a set-up:\n%s", said)
	}
	is("upgraded", "enabled active")
	if got := k.property("MainPID"); got == pid {
		t.Errorf("after the upgrade the process is still %s", pid)
	}
	if out := k.must("", "version"); !strings.Contains(out, now) {
		t.Errorf("version: %s", out)
	}
	if k.settings() != settings || identity == "" || k.identity() != identity || k.property("Nice") != "3" {
		t.Errorf("after the upgrade: settings\n%s\nidentity %s, nice %s; before\n%s\n%s, 3", k.settings(), k.identity(), k.property("Nice"), settings, identity)
	}
	k.checkIn()

	step("disabled and stopped by hand, and another version")
	m.Run("systemctl", "disable", "--now", "clinicgate")
	rpm("--upgrade", "--oldpackage", "/root/old.rpm")
	is("disabled by hand, and upgraded,", "disabled inactive")
	rpm("--upgrade", "/root/next.rpm")
	m.Run("systemctl", "enable", "--now", "clinicgate")
	k.checkIn()

	step("erase")
	said = rpm("--erase", "clinicgate")
	if !strings.Contains(said, "/var/lib/clinicgate were kept") {
		t.Errorf("it does not say what it kept:\n%s", said)
	}
	if out, err := m.Try("systemctl", "is-active", "clinicgate"); err == nil {
		t.Errorf("it runs after its removal: %s", out)
	}
	if left := m.Run("find", "/usr", "/etc/systemd", "-name", "*clinicgate*", "-not", "-path", "*/clinicgate.service.d*"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}

	step("install where config and keys are")
	if said := rpm("--install", "/root/next.rpm"); strings.Contains(said, "config init") {
		t.Errorf("it asks for a set-up that is there:\n%s", said)
	}
	is("installed again", "enabled active")
	if got := k.settings(); got != settings || k.identity() != identity {
		t.Errorf("installed again: settings\n%s\nidentity %s; before\n%s\n%s", got, k.identity(), settings, identity)
	}
	k.checkIn()
	if got := k.waiting(); got != "A-001 A-002 A-003 A-004" {
		t.Errorf("who waits: %s", got)
	}
}
