//go:build e2e

package packaging_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/packaging/machinetest"
)

// The kiosk's screen by the package, Chromium under Weston without a display: off until
// an operator turns it on, of the new version after an upgrade, gone with the package.
func TestDebSession(t *testing.T) {
	old, next := one(t, packages(t, before), "*_amd64.deb"), one(t, packages(t, now), "*_amd64.deb")
	m := machinetest.Boot(t, "chromium", "libpam-systemd", "weston")
	m.Copy(old, "/root/old.deb")
	m.Copy(next, "/root/next.deb")
	step := func(what string) { t.Logf("%s: %s", time.Now().Format(time.TimeOnly), what) }
	t.Cleanup(func() {
		if t.Failed() {
			out, err := m.Try("journalctl", "-b", "-u", "clinicgate-kiosk", "-u", "clinicgate", "--no-pager", "-n", "60")
			t.Logf("what they said (%v):\n%s", err, out)
		}
	})
	state := func() string {
		return strings.ReplaceAll(strings.TrimSpace(m.Run("systemctl", "show", "--property=ActiveState", "--property=UnitFileState", "--value", "clinicgate-kiosk.service")), "\n", " ")
	}
	// page waits for a page that lives, by another launch than before.
	page := func(before string) (launch string) {
		t.Helper()
		eventually(t, 2*time.Minute, "the page is on the screen", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			c, err := control.Dial(ctx, m.Inside("/run/clinicgate/control.sock"))
			if err != nil {
				return err
			}
			defer c.Close()
			seen, err := c.PageSeen(ctx)
			if err == nil && (!seen.Alive || seen.Launch == before) {
				err = fmt.Errorf("seen is %+v", seen)
			}
			launch = seen.Launch
			return err
		})
		return launch
	}
	policies := []string{"/etc/chromium/policies/managed/clinicgate.json", "/etc/opt/chrome/policies/managed/clinicgate.json"}

	step("install")
	m.Run("dpkg", "-i", "/root/old.deb")
	if got := state(); got != "inactive disabled" {
		t.Errorf("after the install the screen's session is %s", got)
	}
	if out, err := m.Try("test", "-e", policies[0]); err == nil {
		t.Errorf("the package locks every browser of the machine down: %s", out)
	}
	m.Run("clinicgate", append([]string{"config", "init"}, settings(`kiosk_session.compositor_options=["--backend=headless-backend.so"]`)...)...)
	m.Write("/root/more.toml", departments, 0o600)
	m.Run("sh", "-c", "cat /root/more.toml >> /etc/clinicgate/config.toml")
	m.Run("clinicgate", "keys", "init", "--generate", "--shared-keys", "/root/shared.json")
	m.Run("sh", "-c", "clinicgate roster keygen /root/maker.pem | clinicgate keys import")
	m.Run("clinicgate", "service", "install")
	m.Run("clinicgate", "service", "start")

	step("turn the screen on")
	// A container has no console that the session could take.
	m.Run("mkdir", "-p", "/etc/systemd/system/clinicgate-kiosk.service.d")
	m.Write("/etc/systemd/system/clinicgate-kiosk.service.d/no-console.conf", "[Service]\nTTYPath=\nTTYReset=no\nTTYVHangup=no\nTTYVTDisallocate=no\nStandardInput=null\nUtmpIdentifier=\n", 0o644)
	said := m.Run("clinicgate", "kiosk-session", "install")
	for _, want := range append(policies, "enabled clinicgate-kiosk.service") {
		if !strings.Contains(said, want) {
			t.Errorf("the install does not say %s:\n%s", want, said)
		}
	}
	for _, never := range []string{"/etc/systemd", "/etc/pam.d", "/etc/sysusers.d"} { // the package has those
		if strings.Contains(said, never) {
			t.Errorf("the install wrote beside the package:\n%s", said)
		}
	}
	if again := m.Run("clinicgate", "kiosk-session", "install"); !strings.Contains(again, "nothing to do") {
		t.Errorf("the second install did something:\n%s", again)
	}
	m.Run("systemctl", "start", "clinicgate-kiosk")
	launch := page("")
	if user := m.Run("ps", "-o", "user:32=", "-C", "chromium"); strings.Contains(user, "root") || !strings.Contains(user, "clinicgate-kiosk") {
		t.Errorf("the browser is of %s", user)
	}

	step("upgrade")
	m.Run("dpkg", "-i", "/root/next.deb")
	page(launch)
	if got := state(); got != "active enabled" {
		t.Errorf("after the upgrade the screen's session is %s", got)
	}
	if out := m.Run("sh", "-c", "readlink /proc/$(systemctl show --property=MainPID --value clinicgate-kiosk)/exe"); strings.TrimSpace(out) != "/usr/bin/clinicgate" {
		t.Errorf("the screen's session still runs %s", out)
	}

	gone := func() {
		t.Helper()
		for _, path := range policies {
			if _, err := m.Try("test", "-e", path); err == nil {
				t.Errorf("%s is still there", path)
			}
		}
		if out, err := m.Try("pgrep", "-l", "-u", "clinicgate-kiosk", "clinicgate|chromium|weston"); err == nil {
			t.Errorf("of the screen's session runs:\n%s", out)
		}
		if out, _ := m.Try("systemctl", "is-enabled", "clinicgate-kiosk"); strings.Contains(out, "enabled\n") {
			t.Errorf("it would begin with the machine: %s", out)
		}
	}
	step("turn the screen off, twice, and on again")
	m.Run("clinicgate", "kiosk-session", "uninstall")
	gone()
	if again := m.Run("clinicgate", "kiosk-session", "uninstall"); !strings.Contains(again, "nothing to do") {
		t.Errorf("the second uninstall did something:\n%s", again)
	}
	m.Run("clinicgate", "kiosk-session", "install")
	m.Run("systemctl", "start", "clinicgate-kiosk")
	page("")

	step("remove")
	m.Run("dpkg", "-r", "clinicgate")
	gone()

	step("purge")
	m.Run("dpkg", "--purge", "clinicgate")
	if left := m.Run("find", "/usr", "/etc", "/var/lib/systemd", "-name", "*clinicgate*"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// What the kiosk's screen leaves in Windows' registry, under Wine. That Windows and Edge
// obey it is for packaging/windows/acceptance.ps1.
func TestWineSession(t *testing.T) {
	w := newWine(t)
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(w.drive, "t", "clinicgate.exe"), "./cmd/clinicgate")
	build.Dir, build.Env = "..", append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	gate := func(args ...string) string { t.Helper(); return w.must(`C:\t\clinicgate.exe`, args...) }
	key := func(name string) string {
		out, _ := w.run("", "reg", "query", name) // one that is not there is no text
		return out
	}
	const (
		edge  = `HKLM\SOFTWARE\Policies\Microsoft\Edge`
		dumps = `HKLM\SOFTWARE\Microsoft\Windows\Windows Error Reporting\LocalDumps`
	)
	gate(append([]string{"config", "init"}, settings()...)...)
	config := filepath.Join(w.drive, "ProgramData", "clinicgate", "config.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(text, departments...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.must("reg", "add", edge, "/v", "OfTheClinic", "/d", "stays")
	w.must("reg", "add", edge+`\URLAllowlist`, "/v", "7", "/d", "http://elsewhere")
	w.must("reg", "add", dumps+`\msedge.exe`, "/v", "DumpType", "/t", "REG_DWORD", "/d", "2")

	if none := gate("kiosk-session", "uninstall"); !strings.Contains(none, "nothing to do") || !strings.Contains(key(edge+`\URLAllowlist`), "elsewhere") {
		t.Errorf("where no session was installed the clinic's own policies are taken:\n%s", none)
	}
	said := gate("kiosk-session", "install", "--account", "kiosk")
	if !strings.Contains(said, `wrote `+edge) || !strings.Contains(said, "kiosk-shell.xml") {
		t.Errorf("the install says\n%s", said)
	}
	for path, want := range map[string]string{
		edge: `VideoCaptureAllowed +REG_DWORD +0x0`, edge + `\VideoCaptureAllowedUrls`: `1 +REG_SZ +http://127\.0\.0\.1:8470`, edge + `\URLBlocklist`: `1 +REG_SZ +\*`,
		`HKLM\SOFTWARE\Microsoft\Windows\Windows Error Reporting\ExcludedApplications`: `msedge\.exe +REG_DWORD +0x1`,
	} {
		if got := key(path); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s has no %s:\n%s", path, want, got)
		}
	}
	if got := key(edge + `\URLAllowlist`); strings.Contains(got, "elsewhere") {
		t.Errorf("another address stays open:\n%s", got)
	}
	if got := key(dumps + `\msedge.exe`); strings.Contains(got, "DumpType") {
		t.Errorf("Edge may be dumped:\n%s", got)
	}
	shell, err := os.ReadFile(filepath.Join(filepath.Dir(config), "kiosk-shell.xml"))
	if err != nil || !strings.Contains(string(shell), `Shell="&#34;C:\t\clinicgate.exe&#34; kiosk-session"`) {
		t.Errorf("Shell Launcher is given %s, %v", shell, err)
	}
	for _, args := range [][]string{{"--account", "kiosk"}, nil, {"--renew"}} { // the account is known by now
		if again := gate(append([]string{"kiosk-session", "install"}, args...)...); !strings.Contains(again, "nothing to do") {
			t.Errorf("install %v did something once more:\n%s", args, again)
		}
	}

	gate("kiosk-session", "uninstall")
	if none := gate("kiosk-session", "install", "--renew"); !strings.Contains(none, "nothing to do") {
		t.Errorf("a session that was taken away is renewed:\n%s", none)
	}
	if got := key(edge); !strings.Contains(got, "OfTheClinic") || strings.Contains(got, "VideoCapture") || strings.Contains(got, "URLBlocklist") {
		t.Errorf("after the uninstall Edge has\n%s", got)
	}
	if again := gate("kiosk-session", "uninstall"); !strings.Contains(again, "nothing to do") {
		t.Errorf("the second uninstall did something:\n%s", again)
	}
}
