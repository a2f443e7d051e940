//go:build e2e && linux

package session_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clinicgate/gateway/control"
	"clinicgate/packaging/machinetest"
)

// The whole machine goes down, in order and by its plug in turn, and the page is back:
// the unit as it is installed, a real systemd, Chromium under Weston without a display.
// What counts as back is the page's own sign of life at the service of this boot, and
// the time runs from the service manager's start.
func TestE2ESessionReboot(t *testing.T) {
	step := func(what string) { t.Logf("%s: %s", time.Now().Format(time.TimeOnly), what) }
	binary := filepath.Join(t.TempDir(), "clinicgate")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/clinicgate")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	step("make the machine")
	m := machinetest.Boot(t, "chromium", "libpam-systemd", "weston")
	step("install")
	m.Copy(binary, "/usr/bin/clinicgate")
	m.Run("clinicgate", "config", "init", "--set", "kiosk.id=lobby-1", "--set", "kiosk.letter=A", "--set", "kiosk.site=main", "--set", "kiosk.organization=riverside",
		"--set", "kiosk.zone=Europe/Madrid", "--set", "pubnub.publish_key=demo", "--set", "pubnub.subscribe_key=demo",
		"--set", `kiosk_session.compositor_options=["--backend=headless-backend.so"]`)
	m.Run("sh", "-c", `printf '\n[[department]]\nid = "cardiology"\nname = { en = "Cardiology" }\n' >> /etc/clinicgate/config.toml`)
	m.Run("clinicgate", "service", "install")
	m.Run("clinicgate", "keys", "init", "--generate", "--shared-keys", "/root/shared.json")
	m.Run("sh", "-c", "clinicgate roster keygen /root/maker.pem | clinicgate keys import")
	m.Run("clinicgate", "service", "install")
	m.Run("clinicgate", "kiosk-session", "install")
	// A container has no console that the session could take.
	m.Run("mkdir", "-p", "/etc/systemd/system/clinicgate-kiosk.service.d")
	m.Write("/etc/systemd/system/clinicgate-kiosk.service.d/no-console.conf", "[Service]\nTTYPath=\nTTYReset=no\nTTYVHangup=no\nTTYVTDisallocate=no\nStandardInput=null\nUtmpIdentifier=\n", 0o644)
	said := func() string {
		out, err := m.Try("journalctl", "-b", "-u", "clinicgate-kiosk", "-u", "clinicgate", "-o", "short-monotonic", "--no-pager", "-n", "200")
		return fmt.Sprintf("what they said (%v):\n%s", err, out)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(said())
		}
	})

	var took []time.Duration
	for n := range max(2, *times) { // both ways
		if n%2 == 0 {
			step("power off")
			m.PowerOff()
		} else {
			step("pull the plug")
			m.Cut()
		}
		step("boot")
		m.Begin()
		one := pageAfterBoot(t, m)
		step(fmt.Sprintf("the page is back after %v", one.Round(time.Millisecond)))
		if one > *bound {
			t.Errorf("the page was away for %v; %s", one, said())
		}
		took = append(took, one)
	}
	slices.Sort(took)
	t.Logf("system rebooted: %d times, from the service manager's start median %v, max %v", len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// pageAfterBoot waits until the page lives and gives the time from the start of the
// machine's service manager, whose clock is this machine's.
func pageAfterBoot(t *testing.T, m *machinetest.Machine) time.Duration {
	t.Helper()
	var last error
	for begun := time.Now(); time.Since(begun) < 2*time.Minute; time.Sleep(20 * time.Millisecond) {
		seen, err := seenInside(t, m)
		if last = err; err != nil || !seen.Alive {
			continue
		}
		now := monotonic(t)
		text := strings.TrimSpace(m.Run("systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"))
		start, err := strconv.ParseInt(text, 10, 64)
		if err != nil || start <= 0 {
			t.Fatalf("the manager's start is %q: %v", text, err)
		}
		return now - time.Duration(start)*time.Microsecond
	}
	t.Fatalf("the page is not back: %v", last)
	return 0
}

func seenInside(t *testing.T, m *machinetest.Machine) (control.PageSeen, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	c, err := control.Dial(ctx, m.Inside("/run/clinicgate/control.sock"))
	if err != nil {
		return control.PageSeen{}, err
	}
	defer c.Close()
	return c.PageSeen(ctx)
}

func monotonic(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}
