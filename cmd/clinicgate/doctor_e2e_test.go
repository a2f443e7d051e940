//go:build e2e && linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/packaging/machinetest"
)

// unfit is what is wrong with every machine of these tests, and no part of them: no
// network, no browser, no clinic.
var unfit = []string{"net-link", "net-dns", "page-browser", "roster-age", "store-backup", "key-source", "recovery-key", "desk-cert", "sync-link", "clock-trust", "unsigned-senders", "sys-reboots"}

// examiner makes the command that runs `clinicgate doctor` with these arguments: in a
// machine or on this one, as one account or another.
type examiner func(ctx context.Context, args ...string) *exec.Cmd

// within is the examiner of a machine, whose disk is the test's, as root or as another
// account.
func within(m *machinetest.Machine, as ...string) examiner {
	return func(ctx context.Context, args ...string) *exec.Cmd {
		all := slices.Concat(as, []string{gate}, args, []string{"--skip", "disk-mount"})
		return m.Command(ctx, all[0], all[1:]...)
	}
}

// examined runs `clinicgate doctor` and gives the causes.
func (e examiner) examined(t *testing.T) (roots []doctor.Report, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := e(ctx, "doctor", "--json", "--offline", "--skip", strings.Join(unfit, ",")).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		exit = failed.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	var found struct{ Data control.DoctorFound }
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return doctor.Roots(found.Data.Checks), exit
}

// named waits until a check is the only cause, in words.
func (e examiner) named(t *testing.T, check, says string) {
	t.Helper()
	var roots []doctor.Report
	exit := 0
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		roots, exit = e.examined(t)
		if len(roots) == 1 && roots[0].ID == check && strings.Contains(roots[0].Detail, says) {
			want := exitOK
			if roots[0].State == doctor.Fail {
				want = exitFound
			}
			if exit != want || roots[0].Hint == "" {
				t.Errorf("exit code %d, want %d: %+v", exit, want, roots[0])
			}
			t.Logf("%-14s %s", check, roots[0].Detail)
			return
		}
	}
	t.Fatalf("the causes are %+v, want %s that says %q", roots, check, says)
}

// well waits until nothing is wrong.
func (e examiner) well(t *testing.T) {
	t.Helper()
	var roots []doctor.Report
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		if roots, _ = e.examined(t); len(roots) == 0 {
			return
		}
	}
	t.Fatalf("without a fault: %+v", roots)
}

// What is wrong with a service under systemd, one fault at a time, as root's
// `clinicgate doctor` says it; after each the machine is well again.
func TestE2EDoctorUnderSystemd(t *testing.T) {
	m := kioskMachine(t)
	m.Run(gate, "service", "install")
	m.Run(gate, "keys", "init", "--generate", "--shared-keys", "/root/shared.json")
	m.Run("sh", "-c", gate+" roster keygen /root/maker.pem | "+gate+" keys import")
	if out, err := m.Try(gate, "service", "start"); err != nil {
		journal, _ := m.Try("journalctl", "-u", "clinicgate", "-n", "40", "--no-pager")
		t.Fatalf("%v: %s\n%s", err, out, journal)
	}
	root := within(m)
	root.well(t)

	const dropins = "/etc/systemd/system/clinicgate.service.d/"
	override := func(text string) func() {
		return func() {
			m.Write(dropins+"90-test.conf", "[Service]\n"+text+"\n", 0o644)
			m.Run("systemctl", "daemon-reload")
		}
	}
	usual := func() {
		m.Run("rm", "-f", dropins+"90-test.conf")
		m.Run("systemctl", "daemon-reload")
		m.Run("systemctl", "restart", "clinicgate")
	}
	configured := func(more string) {
		m.Run("cp", "-p", "/etc/clinicgate/config.toml", "/root/config.toml")
		m.Run("sh", "-c", "printf '%s' '"+more+"' >>/etc/clinicgate/config.toml")
	}
	back := func() {
		m.Run("cp", "-p", "/root/config.toml", "/etc/clinicgate/config.toml")
		m.Run("systemctl", "restart", "clinicgate")
	}
	// away waits until another process than that of before sends people to the desk.
	away := func(before string) {
		m.Wait(90*time.Second, "sh", "-c", `s=$(systemctl show -p MainPID,StatusText clinicgate); echo "$s" | grep 'minimal mode' && ! echo "$s" | grep -xE "MainPID=(0|`+before+`)"`)
	}
	for _, f := range []struct {
		name, cause, says string
		breaks, mends     func()
	}{
		{"stopped", "svc-running", "is stopped", func() { m.Run(gate, "service", "stop") }, func() { m.Run(gate, "service", "start") }},
		{"not enabled", "svc-installed", "does not begin with the machine", func() { m.Run("systemctl", "disable", "clinicgate") }, func() { m.Run("systemctl", "enable", "clinicgate") }},
		{"masked", "svc-installed", "masked", func() {
			m.Run(gate, "service", "stop")
			m.Run("mv", "/etc/systemd/system/clinicgate.service", "/root/unit")
			m.Run("systemctl", "mask", "clinicgate")
		}, func() {
			m.Run("systemctl", "unmask", "clinicgate")
			m.Run("mv", "/root/unit", "/etc/systemd/system/clinicgate.service")
			m.Run("systemctl", "daemon-reload")
			m.Run("systemctl", "enable", "--now", "clinicgate")
		}},
		{"not read", "svc-installed", "has not read", func() {
			time.Sleep(2 * time.Second) // the unit's time stamp has to be another one
			m.Run("touch", "/etc/systemd/system/clinicgate.service")
		}, func() { m.Run("systemctl", "daemon-reload") }},
		{"not started again", "svc-recovery", "Restart=no", override("Restart=no"), usual},
		{"no watchdog", "svc-recovery", "watchdog is off", func() {
			override("WatchdogSec=0")()
			m.Run("systemctl", "restart", "clinicgate") // until then the one from the start watches
		}, usual},
		{"as root", "svc-account", "administrator", override("User=root"), usual},
		{"the program is gone", "svc-installed", "is not there", override("ExecStart=\nExecStart=/opt/clinicgate/gone run --service"), usual},
		{"a device without a drop-in", "svc-dropins", "10-devices.conf", func() {
			configured("\n[[device]]\nid = \"front\"\nclass = \"scanner\"\nport = \"usb:05e0:1701\"\n")
			m.Run("systemctl", "restart", "clinicgate")
		}, back},
		{"a port below 1024 without a drop-in", "svc-dropins", "20-config.conf", func() {
			configured("")
			m.Run("sed", "-i", `s|^listen = "127.0.0.1:8470"|listen = "127.0.0.1:80"|`, "/etc/clinicgate/config.toml")
			m.Run("grep", "127.0.0.1:80\"", "/etc/clinicgate/config.toml")
			_, _ = m.Try("systemctl", "restart", "clinicgate") // it may not listen there
		}, back},
		{"a file that is root's", "file-owner", "/var/lib/clinicgate/store.db", func() {
			m.Run(gate, "service", "stop")
			m.Run("chown", "root:root", "/var/lib/clinicgate/store.db")
		}, func() {
			m.Run("chown", "clinicgate:clinicgate", "/var/lib/clinicgate/store.db")
			m.Run(gate, "service", "start")
		}},
		{"hung", "svc-running", "hangs", func() { m.Run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "clinicgate") },
			func() { m.Run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "clinicgate") }},
		{"at the desk", "key-open", "no keyring", func() {
			m.Run(gate, "service", "stop")
			m.Run("mv", "/var/lib/clinicgate/keyring.a", "/var/lib/clinicgate/keyring.b", "/root/")
			_, _ = m.Try(gate, "service", "start") // it fails, and is tried again
			away("")
			// Each end there makes the while longer: the next fault is looked for in it.
			for range 2 {
				before := property(m, "MainPID")
				m.Run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "clinicgate")
				away(before)
			}
		}, func() { m.Run("mv", "/root/keyring.a", "/root/keyring.b", "/var/lib/clinicgate/") }},
		{"at the desk, for no reason that is left", "svc-running", "minimal mode", func() {}, func() { m.Run("systemctl", "restart", "clinicgate") }},
	} {
		ok := t.Run(f.name, func(t *testing.T) {
			m.For(t)
			f.breaks()
			root.named(t, f.cause, f.says)
			f.mends()
		})
		if !ok {
			break
		}
		if f.name != "at the desk" { // the service still is, until it tries again
			root.well(t)
		}
	}
	t.Run("as an ordinary user", func(t *testing.T) {
		m.For(t)
		nobody := within(m, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
		if roots, exit := nobody.examined(t); len(roots) != 0 || exit != exitOK {
			t.Errorf("a service that is well looks to nobody like %+v, exit code %d", roots, exit)
		}
	})
	t.Run("decommissioned", func(t *testing.T) {
		m.For(t)
		m.Run(gate, "service", "stop")
		m.Run("sh", "-c", "rm "+filepath.Join("/var/lib/clinicgate", "keyring.?"))
		root.named(t, "key-open", "no keyring")
	})
}
