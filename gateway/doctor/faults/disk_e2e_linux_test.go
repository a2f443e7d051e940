//go:build e2e

package faults_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clinicgate/gateway/doctor"
)

// mounted is a small file system of its own, which root may fill and make read-only.
func mounted(t *testing.T, k *kiosk) (at string) {
	t.Helper()
	at = folder(t, "/var/tmp")
	if err := syscall.Mount("tmpfs", at, "tmpfs", 0, "size=96m"); err != nil {
		t.Fatalf("this test needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	k.set("storage.dir", filepath.Join(at, "data"))
	k.set("storage.budget", "8MiB")
	return at
}

// A disk that is full is the first cause, while the service runs on.
func TestE2EFullDisk(t *testing.T) {
	k := newKiosk(t)
	at := mounted(t, k)
	k.prepare()
	k.start()
	k.open()
	k.drained()
	f, err := os.Create(filepath.Join(at, "films"))
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(block)
	}
	_ = f.Close()
	reports, err := k.look()
	if err != nil {
		t.Fatal(err)
	}
	full := false
	for _, r := range reports {
		full = full || r.ID == "disk-write" && r.State == doctor.Fail && strings.Contains(r.Detail, "full")
	}
	if roots := doctor.Roots(reports); len(roots) == 0 || roots[0].ID != "disk-free" || !full {
		t.Errorf("causes %+v; a durable write says the disk is full: %v", roots, full)
	}
}

// A disk that the system made read-only is the only cause that is found from outside.
func TestE2EReadOnlyDisk(t *testing.T) {
	k := newKiosk(t)
	at := mounted(t, k)
	k.prepare()
	k.start()
	k.stop()
	if err := syscall.Mount("", at, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=96m"); err != nil {
		t.Fatal(err)
	}
	reports := k.settle([]string{"disk-mount"}, func() ([]doctor.Report, error) { return k.outside(doctor.NoService) })
	if cause := doctor.Roots(reports)[0]; cause.State != doctor.Fail || !strings.Contains(cause.Detail, "cannot be written") {
		t.Errorf("%+v", cause)
	}
}
