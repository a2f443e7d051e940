//go:build e2e && linux

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// as runs a subcommand on the machine as an account and gives what it wrote and its
// exit code.
func as(t *testing.T, try func(string, ...string) (string, error), account string, args ...string) (string, int) {
	t.Helper()
	out, err := try("setpriv", append([]string{"--reuid=" + account, "--regid=" + account, "--init-groups", gate}, args...)...)
	if err == nil {
		return out, exitOK
	}
	exit, ok := err.(*exec.ExitError)
	if !ok {
		t.Fatalf("%s %v: %v", account, args, err)
	}
	return out, exit.ExitCode()
}

// TestE2ERoles: who has no role, or another one, is refused with the next step and the
// exit code of it, and the members of the groups that the config names are answered.
func TestE2ERoles(t *testing.T) {
	m := kioskMachine(t)
	for _, role := range []string{"desk", "technician"} {
		m.Run("groupadd", "--system", "clinicgate-"+role)
	}
	m.Run("sed", "-i", `s/^technician = .*/technician = ["group:clinicgate-technician"]/; s/^desk = .*/desk = ["group:clinicgate-desk"]/`, "/etc/clinicgate/config.toml")
	m.Run(gate, "service", "install")
	m.Run(gate, "kiosk-session", "install")
	m.Run(gate, "kiosk-session", "uninstall")
	m.Run(gate, "keys", "init", "--generate", "--shared-keys", "/root/shared.json")
	for name, groups := range map[string]string{"stranger": "", "outside": "clinicgate-desk", "norole": "clinicgate", "dora": "clinicgate,clinicgate-desk", "tom": "clinicgate,clinicgate-technician"} {
		m.Run("useradd", "-m", "-U", "-G", groups, name)
	}
	if out, err := m.Try(gate, "service", "start"); err != nil {
		journal, _ := m.Try("journalctl", "-u", "clinicgate", "-n", "40", "--no-pager")
		t.Fatalf("service start: %v: %s\n%s", err, out, journal)
	}
	m.Run(gate, "service", "status")

	for _, test := range []struct {
		account string
		args    string
		code    int
		says    string
	}{
		{"stranger", "status", exitDenied, "usermod -aG clinicgate ACCOUNT"},
		{"stranger", "queue list", exitDenied, "usermod -aG clinicgate ACCOUNT"},
		{"outside", "queue list", exitDenied, "usermod -aG clinicgate ACCOUNT"}, // a role, and no way in
		{"norole", "status", exitDenied, "hint: "},
		{"norole", "queue list", exitDenied, "hint: "},
		{"dora", "status", exitOK, "lobby-1"},
		{"dora", "queue list", exitOK, "TICKET"},
		{"dora", "keys list", exitDenied, "hint: "},
		{"dora", "audit list", exitDenied, "hint: "},
		{"dora", "service stop", exitDenied, "hint: "},
		{"tom", "status", exitOK, "lobby-1"},
		{"tom", "keys list", exitOK, "KIND"},
		{"tom", "queue list", exitDenied, "hint: "},
		{"tom", "store compact", exitDenied, "hint: "},
	} {
		out, code := as(t, m.Try, test.account, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(out, test.says) {
			t.Errorf("%s of %s: code %d, want %d and %q:\n%s", test.args, test.account, code, test.code, test.says, out)
		}
	}
	out := m.Run(gate, "audit", "list", "--type", "ACCESS_REFUSED")
	for _, account := range []string{"norole", "dora", "tom"} {
		if !strings.Contains(out, " "+account+" ") {
			t.Errorf("no refusal of %s on record:\n%s", account, out)
		}
	}

	// The account is one of a group of its own when control.group says so.
	m.Run("sed", "-i", `s/^group = ""/group = "clinicgate-desk"/`, "/etc/clinicgate/config.toml")
	m.Run(gate, "service", "devices")
	m.Run(gate, "service", "restart")
	if out, code := as(t, m.Try, "outside", "queue", "list"); code != exitOK {
		t.Errorf("a member of control.group with a role: code %d\n%s", code, out)
	}
	if out, code := as(t, m.Try, "stranger", "queue", "list"); code != exitDenied || !strings.Contains(out, "usermod -aG clinicgate-desk ACCOUNT") {
		t.Errorf("a stranger: code %d\n%s", code, out)
	}

	// An upgrade that waits is ended by who may, and by nobody else.
	m.Write("/var/lib/clinicgate-upgrade/upgrade.json", `{"v":1,"stage":"planned","program":"/opt/clinicgate/clinicgate","from":{"version":"9.0.0"},"to":{"version":"9.1.0"},"by":"ada"}`, 0o644)
	if out, code := as(t, m.Try, "tom", "upgrade", "cancel"); code != exitDenied || !strings.Contains(out, "hint: ") {
		t.Errorf("upgrade cancel of tom: code %d\n%s", code, out)
	}
	m.Run(gate, "upgrade", "cancel")
	if out := m.Run(gate, "upgrade", "status"); !strings.Contains(out, "none goes on") || !strings.Contains(out, "cancelled") {
		t.Errorf("after upgrade cancel:\n%s", out)
	}
}
