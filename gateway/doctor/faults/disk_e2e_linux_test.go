//go:build e2e

package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/gateway/doctor"
)

// mounted is a small file system of its own, which root may fill and make read-only.
func mounted(t *testing.T, k *kiosk, options ...string) (at string) {
	t.Helper()
	at = folder(t, "/var/tmp")
	if err := syscall.Mount("tmpfs", at, "tmpfs", 0, strings.Join(append(options, "size=96m"), ",")); err != nil {
		t.Fatalf("this test needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	k.set("storage.dir", filepath.Join(at, "data"))
	k.set("storage.budget", "8MiB")
	return at
}

// Faults of a disk that only root can make, each the first cause while the service
// runs on.
func TestE2EDisk(t *testing.T) {
	for _, f := range []fault{
		{name: "no file can be made any more", cause: "disk-inodes", says: "of the files", world: func(k *kiosk) { mounted(k.t, k, "nr_inodes=400") }, after: func(k *kiosk) {
			for n := range 400 {
				if os.WriteFile(filepath.Join(filepath.Dir(k.data("")), fmt.Sprintf("small-%d", n)), nil, 0o600) != nil {
					return
				}
			}
		}},
		{name: "the file system has noticed errors", cause: "disk-health", says: "1 errors", world: ext4, after: func(k *kiosk) {
			v, err := doctor.VolumeOf(k.data(""))
			if err == nil {
				err = os.WriteFile("/sys/fs/ext4/"+v.Device+"/trigger_fs_error", []byte("a test"), 0)
			}
			if err != nil {
				k.t.Fatal(err)
			}
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			k := newKiosk(t)
			f.world(k)
			k.prepare()
			k.start()
			k.open()
			k.drained()
			f.after(k)
			var roots []doctor.Report
			for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
				reports, err := k.look()
				if err != nil {
					t.Fatal(err)
				}
				roots = doctor.Roots(reports)
				if len(roots) > 0 && roots[0].ID == f.cause && strings.Contains(roots[0].Detail, f.says) {
					return // the kernel counts an error a moment after it
				}
			}
			t.Errorf("causes %+v, want %s that says %q", roots, f.cause, f.says)
		})
	}
}

// ext4 is a small disk of its own with that file system.
func ext4(k *kiosk) {
	k.t.Helper()
	image, at := filepath.Join(k.dir, "disk.img"), folder(k.t, "/var/tmp")
	for _, c := range [][]string{{"truncate", "-s", "160M", image}, {"mke2fs", "-q", "-t", "ext4", image}, {"mount", "-o", "loop", image, at}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			k.t.Fatalf("%v (needs root): %v: %s", c, err, out)
		}
	}
	k.t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	k.set("storage.dir", filepath.Join(at, "data"))
	k.set("storage.budget", "8MiB")
}

// A disk that is full is the only cause, but that this one lies in memory, while the service runs on.
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
	if cause := doctor.Roots(k.settle([]string{"disk-write", "disk-mount"}, k.look))[0]; cause.State != doctor.Fail || cause.Detail != "the disk is full" {
		t.Errorf("%+v", cause)
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
