//go:build e2e

package packaging_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The programs for ARM, run by qemu's user emulation: set up, check-in, kill,
// start, check-in, status, doctor, stop, doctor.
func TestArm(t *testing.T) {
	for _, machine := range []struct{ debian, qemu, header string }{
		{"arm64", "qemu-aarch64-static", `\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`},
		{"armhf", "qemu-arm-static", `\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00`},
	} {
		t.Run(machine.debian, func(t *testing.T) {
			emulate(t, machine.debian, machine.qemu, machine.header)
			arm(t, unpack(t, one(t, packages(t, now), "*_linux_"+machine.debian+".tar.gz"), "clinicgate"))
		})
	}
}

// emulate lets the kernel hand programs of a machine to qemu: clinicgate starts
// itself for the verification of its store. It is taken back when the test ends.
func emulate(t *testing.T, name, qemu, header string) {
	t.Helper()
	path, err := exec.LookPath(qemu)
	if err != nil {
		t.Fatalf("%v (package qemu-user-static)", err)
	}
	const folder = "/proc/sys/fs/binfmt_misc"
	if _, err := os.Stat(filepath.Join(folder, "register")); errors.Is(err, fs.ErrNotExist) {
		if out, err := exec.Command("mount", "-t", "binfmt_misc", "binfmt_misc", folder).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	name = "clinicgate-test-" + name
	mask := `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`
	err = os.WriteFile(filepath.Join(folder, "register"), fmt.Appendf(nil, ":%s:M::%s:%s:%s:F", name, header, mask, path), 0)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatalf("binfmt_misc: %v", err)
	}
	t.Cleanup(func() { _ = os.WriteFile(filepath.Join(folder, name), []byte("-1"), 0) })
}

func arm(t *testing.T, program string) {
	root, err := os.MkdirTemp("", "cga-") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	in := func(name string) string { return filepath.Join(root, name) }
	k := &kiosk{t: t, config: in("config.toml")}
	k.run = func(stdin string, args ...string) (string, error) {
		cmd := exec.Command(program, append(args, "--config", k.config)...)
		cmd.Stdin = strings.NewReader(stdin)
		var told strings.Builder
		cmd.Stderr = &told
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, told.String())
		}
		return string(out), err
	}
	k.write = func(name, text string) string {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	k.setUp("storage.dir="+in("data"), "storage.budget=64MiB", "key_source.file="+in("passphrase"), "control.path="+in("c/sock"),
		"web.listen="+freeAddress(t), "mqtt.listen=")
	k.keys(in("shared.json"), in("maker.pem"))

	log, err := os.Create(in("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var process *exec.Cmd
	start := func() {
		t.Helper()
		process = exec.Command(program, "run", "--config", k.config)
		process.Stdout, process.Stderr = log, log
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if text, _ := os.ReadFile(in("log")); t.Failed() {
			t.Logf("its log:\n%s", text[max(0, len(text)-6000):])
		}
	})
	begun := time.Now()
	start()
	k.launch()
	t.Logf("%.1f s until the page was served", time.Since(begun).Seconds())
	k.people(in("shared.json"), in("maker.pem"), 9)
	if ticket := k.next(); ticket != "A-001" {
		t.Errorf("number %s", ticket)
	}
	_ = process.Process.Kill()
	_ = process.Wait()
	start()
	if ticket := k.next(); ticket != "A-002" {
		t.Errorf("number %s", ticket)
	}
	if got := k.waiting(); got != "A-001 A-002" {
		t.Errorf("who waits: %s", got)
	}
	if out := k.must("", "status"); !strings.Contains(out, "clinicgate "+now+" on lobby-1") || !strings.Contains(out, "2 open") {
		t.Errorf("status:\n%s", out)
	}
	// What this kiosk really has not: somebody at PubNub's address, Access Manager, a
	// safe place for its passphrase, a second way to its keys, a backup.
	if got := k.causes(); got != "fail net-port, fail unsigned-senders, warn key-source, warn recovery-key, warn store-backup" {
		t.Errorf("doctor found: %s", got)
	}
	_ = process.Process.Signal(os.Interrupt)
	if err := process.Wait(); err != nil {
		t.Errorf("it did not stop cleanly: %v", err)
	}
	if got := k.causes(); got != "fail svc-running, fail net-port" {
		t.Errorf("with the service down doctor found: %s", got)
	}
	if out := k.must("", "audit", "verify"); !strings.Contains(out, "the audit log verifies") {
		t.Errorf("audit verify:\n%s", out)
	}
}
