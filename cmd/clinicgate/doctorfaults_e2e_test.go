//go:build e2e && linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/doctor"
)

// Accounts of these tests: the service's, and one that has nothing to do with it.
const (
	serviceAccount = 65534
	otherAccount   = 65533
)

// ordinary is a kiosk of this program on this machine, without a service manager, whose
// service has an account without rights.
type ordinary struct {
	t      *testing.T
	dir    string
	binary string
	config string
	stop   func() // of the service that runs
}

// newOrdinary makes config and keys; more is of the config file.
func newOrdinary(t *testing.T, data, more string) *ordinary {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "cg") // where another account gets at it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if data == "" {
		data = filepath.Join(dir, "data")
	}
	o := &ordinary{t: t, dir: dir, binary: filepath.Join(dir, "clinicgate"), config: filepath.Join(dir, "c.toml"), stop: func() {}}
	if err := copied(o.binary); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, serviceAccount, serviceAccount)); err != nil {
		t.Fatalf("this test needs root: %v", err)
	}
	o.run("config", "init", "--path", o.config, "--set", "kiosk.id=lobby-1", "--set", "kiosk.letter=A", "--set", "kiosk.site=main", "--set", "kiosk.organization=riverside", "--set", "kiosk.zone=Etc/UTC",
		"--set", "storage.dir="+data, "--set", "storage.budget=8MiB", "--set", "key_source.file="+filepath.Join(dir, "passphrase"), "--set", "control.path="+filepath.Join(dir, "c.sock"),
		"--set", "pubnub.origin=127.0.0.1:9", "--set", "pubnub.secure=false", "--set", "pubnub.publish_key=demo", "--set", "pubnub.subscribe_key=demo", "--set", "web.listen="+o.free(), "--set", "mqtt.listen=127.0.0.1:0")
	text, err := os.ReadFile(o.config)
	if err == nil {
		err = os.WriteFile(o.config, append(text, more...), 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.run("keys", "init", "--generate", "--shared-keys", filepath.Join(dir, "shared.json"), "--config", o.config)
	maker := o.run("roster", "keygen", filepath.Join(dir, "maker.pem"))
	c := o.as(serviceAccount)(t.Context(), "keys", "import")
	c.Stdin = strings.NewReader(maker)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("keys import: %v: %s", err, out)
	}
	t.Cleanup(func() { o.stop() })
	return o
}

// free is an address of this machine that nobody listens on.
func (o *ordinary) free() string {
	o.t.Helper()
	address, err := simulator.FreeAddress()
	if err != nil {
		o.t.Fatal(err)
	}
	return address
}

// copied puts this test's program, which is clinicgate under that name, where other
// accounts may run it.
func copied(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	from, err := os.Open(self)
	if err != nil {
		return err
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Close())
}

// as is the examiner of an account.
func (o *ordinary) as(account uint32) examiner {
	return func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, o.binary, append(args, "--config", o.config)...)
		c.Dir = o.dir
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: account, Gid: account}, Pdeathsig: syscall.SIGKILL}
		return c
	}
}

// run runs a command of the set-up as the service's account.
func (o *ordinary) run(args ...string) string {
	o.t.Helper()
	c := exec.CommandContext(o.t.Context(), o.binary, args...)
	c.Dir = o.dir
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: serviceAccount, Gid: serviceAccount}}
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		o.t.Fatalf("%v: %v: %s%s", args, err, out, &said)
	}
	return string(out)
}

// start runs the service until it answers.
func (o *ordinary) start() {
	o.t.Helper()
	c := o.as(serviceAccount)(context.WithoutCancel(o.t.Context()), "run")
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		o.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	o.stop = sync.OnceFunc(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(time.Minute):
			_ = c.Process.Kill()
			<-done
		}
	})
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if o.as(serviceAccount)(o.t.Context(), "status").Run() == nil {
			return
		}
		select {
		case err := <-done:
			done <- err
			o.t.Fatalf("the service ended: %v: %s", err, &said)
		default:
		}
		if time.Now().After(end) {
			o.stop()
			o.t.Fatalf("no service answers: %s", &said)
		}
	}
}

// ownDisk is a small one with ext4.
func ownDisk(t *testing.T) (at string) {
	t.Helper()
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	at, err := os.MkdirTemp("/var/tmp", "cgdisk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(at) })
	for _, c := range [][]string{{"truncate", "-s", "160M", image}, {"mke2fs", "-q", "-t", "ext4", image}, {"mount", "-o", "loop,errors=remount-ro", image, at}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v (needs root): %v: %s", c, err, out)
		}
	}
	t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	if err := os.Chown(at, serviceAccount, serviceAccount); err != nil {
		t.Fatal(err)
	}
	return at
}

// serialScanner is a port that nobody tends: a simulator that runs takes back what a
// program claims for itself, and a real port does not.
func serialScanner(t *testing.T) *simulator.SerialPort {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "cgport")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p, err := simulator.NewSerialPort(dir, "front")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, end := context.WithCancel(context.Background())
		end()
		_ = p.Run(ended) // which takes it away
	})
	if err := os.Chown(p.Path(), serviceAccount, serviceAccount); err != nil {
		t.Fatal(err)
	}
	return p
}

func scannerAt(p *simulator.SerialPort) string {
	return "\n[[device]]\nid = \"front\"\nclass = \"scanner\"\nport = \"" + p.Path() + "\"\n"
}

// Faults on a machine without a service manager, as the real command names them: each
// by one cause, whoever asks and however the service was found.
func TestE2EDoctorFaults(t *testing.T) {
	t.Run("another program has the scanner", func(t *testing.T) {
		p := serialScanner(t)
		vendor := newOrdinary(t, "", scannerAt(p))
		vendor.start()
		o := newOrdinary(t, "", scannerAt(p))
		o.start()
		o.as(serviceAccount).named(t, "dev-busy", "front by clinicgate (pid")
		vendor.stop()
		o.as(serviceAccount).well(t)
	})
	t.Run("the service may not open the scanner", func(t *testing.T) {
		p := serialScanner(t)
		if err := os.Chmod(p.Path(), 0); err != nil {
			t.Fatal(err)
		}
		o := newOrdinary(t, "", scannerAt(p))
		o.start()
		o.as(serviceAccount).named(t, "dev-rights", "front (no permission")
		if err := os.Chmod(p.Path(), 0o600); err != nil {
			t.Fatal(err)
		}
		o.as(serviceAccount).well(t)
	})
	t.Run("a newer version wrote the store", func(t *testing.T) {
		o := newOrdinary(t, "", "")
		o.start()
		o.stop()
		o.newerStore()
		o.as(serviceAccount).named(t, "store-check", "written by a newer version")
	})
	t.Run("the disk was made read-only", func(t *testing.T) {
		at := ownDisk(t)
		o := newOrdinary(t, filepath.Join(at, "data"), "")
		o.start()
		o.as(serviceAccount).well(t)
		v, err := doctor.VolumeOf(at)
		if err == nil { // as after an error of the medium
			err = os.WriteFile("/sys/fs/ext4/"+v.Device+"/trigger_fs_error", []byte("a test"), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		o.as(serviceAccount).named(t, "disk-mount", "cannot be written")
		o.stop()
		o.as(serviceAccount).named(t, "disk-mount", "cannot be written")
	})
	t.Run("the disk is full", func(t *testing.T) {
		at := ownDisk(t)
		o := newOrdinary(t, filepath.Join(at, "data"), "")
		o.start()
		o.as(serviceAccount).well(t)
		films, err := os.OpenFile(filepath.Join(at, "films"), os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for block := make([]byte, 1<<20); err == nil; {
			_, err = films.Write(block)
		}
		_ = films.Close()
		o.as(serviceAccount).named(t, "disk-write", "the disk is full")
		o.stop()
		o.as(serviceAccount).named(t, "disk-write", "the disk is full")
	})
	t.Run("the kiosk was decommissioned", func(t *testing.T) {
		o := newOrdinary(t, "", "")
		o.start()
		o.stop()
		if out, err := o.as(serviceAccount)(t.Context(), "decommission", "--yes", "--wait", "0s", "--force", "--reason", "a test").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		o.as(serviceAccount).named(t, "svc-retired", "decommissioned")
	})
	t.Run("an account of its own asks", func(t *testing.T) {
		o := newOrdinary(t, "", "")
		o.start()
		well := func(what string) {
			t.Helper()
			var roots []doctor.Report
			exit := -1
			for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
				if roots, exit = o.as(otherAccount).examined(t); len(roots) == 0 && exit == exitOK {
					return // a busy machine's page answers late once, and that is said
				}
			}
			t.Errorf("%s looks like %+v, exit code %d", what, roots, exit)
		}
		well("a service that is well, with a config that is not for this account,")
		if err := os.Chmod(o.config, 0o644); err != nil {
			t.Fatal(err)
		}
		well("a service that is well")
		o.stop()
		o.as(otherAccount).named(t, "svc-running", "does not run")
	})
}

// newerStore marks the store as one of the next format.
func (o *ordinary) newerStore() {
	o.t.Helper()
	db, err := bolt.Open(filepath.Join(o.dir, "data", "store.db"), 0o600, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		row := bytes.Clone(tx.Bucket([]byte("head")).Get([]byte("H")))
		binary.BigEndian.PutUint16(row, binary.BigEndian.Uint16(row)+1)
		return tx.Bucket([]byte("head")).Put([]byte("H"), row)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		o.t.Fatal(err)
	}
}
