//go:build e2e

package packaging_test

import (
	"os/exec"
	"strings"
	"testing"
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
