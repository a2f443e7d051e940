package systemd_test

import (
	"strings"
	"testing"

	"clinicgate/packaging/systemd"
)

// What a kiosk relies on: the manager never gives up, knows readiness, and a dump of
// the process holds nothing since there is none.
func TestUnit(t *testing.T) {
	for _, line := range []string{
		"Type=notify", "WatchdogSec=90", "Restart=always", "StartLimitIntervalSec=0", "LimitCORE=0", "User=clinicgate",
		"ExecStart=" + systemd.Binary + " run --service", "CapabilityBoundingSet=", "StateDirectoryMode=0700", "WantedBy=multi-user.target",
	} {
		if !strings.Contains("\n"+systemd.Unit, "\n"+line+"\n") {
			t.Errorf("the unit lacks %q", line)
		}
	}
	if strings.Contains(systemd.Unit, "RestartPreventExitStatus") || strings.Contains(systemd.Unit, "SuccessExitStatus") {
		t.Error("no exit code may keep the service down")
	}
	for _, group := range []string{"clinicgate-admin", "clinicgate-technician", "clinicgate-desk", "clinicgate-kiosk"} {
		if !strings.Contains(systemd.Sysusers, "\ng "+group+" -\n") {
			t.Errorf("sysusers lacks the group %s of a role", group)
		}
	}
}

// The kiosk's screen comes back whatever ends, and leaves nothing of a patient on a disk.
func TestKioskUnit(t *testing.T) {
	for _, line := range []string{
		"ExecStart=" + systemd.Binary + " kiosk-session", "Restart=always", "StartLimitIntervalSec=0", "User=clinicgate-kiosk", "PAMName=clinicgate-kiosk",
		"LimitCORE=0", "MemorySwapMax=0", "RuntimeDirectory=clinicgate-kiosk", "RuntimeDirectoryMode=0700", "ProtectSystem=strict", "TemporaryFileSystem=/tmp /var/tmp", "WantedBy=multi-user.target",
	} {
		if !strings.Contains("\n"+systemd.KioskUnit, "\n"+line+"\n") {
			t.Errorf("the unit lacks %q", line)
		}
	}
}
