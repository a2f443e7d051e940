//go:build e2e && linux

package service

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"clinicgate/packaging/machinetest"
	"clinicgate/packaging/systemd"
)

// TestMain lets this program be the keeper in a machine.
func TestMain(m *testing.M) {
	if os.Getenv("CLINICGATE_KEEPER") == "" {
		os.Exit(m.Run())
	}
	if err := (&Handle{}).Stop(context.Background(), 5*time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// A service that systemd stops between an exit and the next start keeps its runtime
// folder: the exits that are counted there are forgotten all the same.
func TestE2EKeeperForgets(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := machinetest.Boot(t)
	m.Copy(self, "/usr/bin/keeper")
	m.Write("/etc/sysusers.d/clinicgate.conf", systemd.Sysusers, 0o644)
	m.Write("/etc/systemd/system/clinicgate.service", strings.NewReplacer(
		"ExecStart="+systemd.Binary+" run --service", "ExecStart=/bin/sh -c 'echo {} >/run/clinicgate/exits.json; exit 1'", "RestartSec=2", "RestartSec=1h").Replace(systemd.Unit), 0o644)
	m.Run("systemd-sysusers")
	m.Run("systemctl", "daemon-reload")
	m.Run("systemctl", "start", "--no-block", "clinicgate")
	m.Wait(time.Minute, "sh", "-c", "systemctl show -p SubState --value clinicgate | grep -x auto-restart")
	m.Run("test", "-e", "/run/clinicgate/exits.json")
	m.Run("env", "CLINICGATE_KEEPER=1", "keeper")
	if out, err := m.Try("ls", "/run/clinicgate/exits.json"); err == nil {
		t.Errorf("the next program is sent to the desk for %s", out)
	}
}
