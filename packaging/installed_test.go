//go:build e2e

package packaging_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/packaging/machinetest"
)

// installed is the kiosk that a package makes of a machine with systemd.
type installed struct {
	*kiosk
	m *machinetest.Machine
}

func installedIn(t *testing.T, m *machinetest.Machine) *installed {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m.Copy(self, "/usr/bin/patient")
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
	return &installed{kiosk: k, m: m}
}

// checkIn is the next person's, from within the machine, who gets the next number.
func (k *installed) checkIn() {
	k.t.Helper()
	ticket := k.m.Run("env", "CLINICGATE_PATIENT="+k.launch(), "CLINICGATE_PATIENT_CODE="+k.code(), "patient")
	if want := fmt.Sprintf("A-%03d", k.came); strings.TrimSpace(ticket) != want {
		k.t.Errorf("number %q, want %s", ticket, want)
	}
}

// property is what systemd says of the service.
func (k *installed) property(name string) string {
	k.t.Helper()
	return strings.TrimSpace(k.m.Run("systemctl", "show", "--property="+name, "--value", "clinicgate.service"))
}

// identity is the kiosk's public key.
func (k *installed) identity() string {
	k.t.Helper()
	_, after, _ := strings.Cut(k.must("", "keys", "list", "--json"), `"public"`)
	return strings.SplitN(after, ",", 2)[0]
}

func (k *installed) settings() string {
	k.t.Helper()
	return k.m.Run("sha256sum", "/etc/clinicgate/config.toml", "/etc/clinicgate/passphrase")
}

// kill runs a command in the machine and ends it by SIGKILL, with all that it started,
// as soon as seen is true. The group is the command's, by which its processes are found.
func (k *installed) kill(seen func(group int) bool, name string, args ...string) {
	k.t.Helper()
	cmd := k.m.Command(k.t.Context(), name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // killed
	for !seen(cmd.Process.Pid) {
		select {
		case <-ended:
			k.t.Fatalf("%s %s was over before it could be killed", name, strings.Join(args, " "))
		case <-time.After(time.Millisecond):
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		k.t.Fatal(err)
	}
	<-ended
}

// script says whether a process of a group runs the script of that name.
func script(group int, name string) bool {
	return exec.Command("pgrep", "-g", strconv.Itoa(group), "-f", name).Run() == nil
}

// complaint is what an operator reads as a failure, in what a package's installation
// says.
var complaint = regexp.MustCompile(`(?im)^.*(fail|error|cannot|no such|not found|denied|warning).*$`)

func clean(t *testing.T, said string) {
	t.Helper()
	if lines := complaint.FindAllString(said, -1); len(lines) > 0 {
		t.Errorf("it complains: %q", lines)
	}
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}
