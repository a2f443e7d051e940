//go:build linux

// Package machinetest boots machines with a real systemd for tests, each with a root
// file system of its own from Debian:
//
//	Machine  a container of systemd-nspawn: fast, with this machine's kernel and no devices; tag e2e
//	Virtual  a virtual machine, emulated by qemu: Debian's kernel, a disk that loses power, scanners; tag vm
//
// Both need root and mmdebstrap; a Machine needs systemd-container, a Virtual
// qemu-system-x86 and e2fsprogs, and what [PrepareKernel] needs.
//
//	m := machinetest.Boot(t)
//	m.Copy(binary, "/usr/bin/clinicgate")
//	m.Run("systemctl", "start", "clinicgate")
//	m.PowerOff()  /  m.Cut()  ─▶  m.Start()      the same disk, another boot
//
// A container's Cut ends every process and loses nothing that was written. A virtual
// machine's loses its memory, and of its disk what was not flushed: a [Disk] keeps that
// back until it is told to.
//
// The root file system is made once, in the user's cache folder; the variable
// CLINICGATE_ROOTFS names another tar file instead. A machine with more packages, such as a
// browser, has a file of its own there. Kernel and modules are kept below
// CLINICGATE_VM_CACHE, or the user's cache folder.
//
// BUG: a Disk keeps its word about flushes; one that lies is not played.
package machinetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	suite     = "bookworm"
	packages  = "systemd,systemd-sysv,dbus,udev,kmod,procps,iproute2,ca-certificates,curl"
	bootBound = 2 * time.Minute
	runBound  = 2 * time.Minute
)

// Machine is one container. Its methods end the test where they fail, unless they
// return an error.
type Machine struct {
	Dir string // its root file system on this machine

	t      *testing.T
	nspawn *exec.Cmd
	ended  chan struct{}
	leader int // its first process, as this machine numbers it
	log    bytes.Buffer
}

// Boot makes a machine and starts it. It is gone when the test ends. It has the named
// packages of Debian beside the usual ones.
func Boot(t *testing.T, more ...string) *Machine {
	t.Helper()
	m := New(t, more...)
	m.Start()
	return m
}

// New makes a machine and does not start it yet.
func New(t *testing.T, more ...string) *Machine {
	t.Helper()
	m := &Machine{t: t, Dir: filepath.Join(t.TempDir(), "root")}
	if err := os.Mkdir(m.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", m.Dir, "-xf", rootfs(t, more), "--numeric-owner").CombinedOutput(); err != nil {
		t.Fatalf("cannot unpack the root file system: %v: %s", err, out)
	}
	t.Cleanup(m.Cut)
	return m
}

// For lets a subtest's own failures end it and not its parent.
func (m *Machine) For(t *testing.T) {
	before := m.t
	m.t = t
	t.Cleanup(func() { m.t = before })
}

// rootfs gives the tar file of the root file system, made if it is not there.
func rootfs(t *testing.T, more []string) string {
	t.Helper()
	if path := os.Getenv("CLINICGATE_ROOTFS"); path != "" && len(more) == 0 {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "clinicgate-machine", strings.Join(append([]string{suite}, more...), "-")+".tar")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	// Tests of several packages run at once: one makes it, the others wait.
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	temp := path + ".new.tar"
	cmd := exec.Command("mmdebstrap", "--variant=minbase", "--include="+strings.Join(append([]string{packages}, more...), ","), suite, temp)
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot make the root file system (needs root and mmdebstrap): %v: %s", err, out)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Start boots the machine and waits until all that begins with it was started.
func (m *Machine) Start() {
	m.t.Helper()
	m.Begin()
	begun := time.Now()
	for {
		if out, err := m.Try("systemctl", "is-system-running", "--wait"); err == nil || strings.Contains(out, "degraded") {
			return
		}
		if time.Since(begun) > bootBound || m.down() {
			m.t.Fatalf("the machine did not boot:\n%s", m.log.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Begin boots the machine and waits for no more than its first process.
func (m *Machine) Begin() {
	m.t.Helper()
	m.nspawn = exec.Command("systemd-nspawn", "--directory="+m.Dir, "--boot", "--register=no", "--keep-unit", "--private-network", "--quiet", "--console=pipe")
	m.nspawn.Stdout, m.nspawn.Stderr = &m.log, &m.log
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if m.ended, err = tied(m.nspawn); err != nil {
		m.t.Fatalf("cannot start systemd-nspawn (package systemd-container): %v", err)
	}
	begun := time.Now()
	for {
		if m.leader = child(m.nspawn.Process.Pid); m.leader != 0 {
			return
		}
		if time.Since(begun) > bootBound || m.down() {
			m.t.Fatalf("the machine does not boot:\n%s", m.log.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Inside gives a path by which this machine reaches a file inside, whatever is mounted
// there. It holds until the machine goes down.
func (m *Machine) Inside(path string) string {
	return filepath.Join("/proc", strconv.Itoa(m.leader), "root", path)
}

func (m *Machine) down() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

// child gives the child of a process that is the first process of its own numbering,
// or 0.
func child(pid int) int {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is right
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(word)
			status, gone := os.ReadFile("/proc/" + word + "/status")
			if err == nil && gone == nil && regexp.MustCompile(`\nNSpid:.*\t1\n`).Match(status) {
				return n
			}
		}
	}
	return 0
}

// Command is a command inside, as root, not started yet.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	all := append([]string{"-t", strconv.Itoa(m.leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", name}, args...)
	return exec.CommandContext(ctx, "nsenter", all...)
}

// Try runs a command inside and gives what it said.
func (m *Machine) Try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), runBound)
	defer cancel()
	out, err := m.Command(ctx, name, args...).CombinedOutput()
	return string(out), err
}

// Run runs a command inside that must work, and gives what it said.
func (m *Machine) Run(name string, args ...string) string {
	m.t.Helper()
	out, err := m.Try(name, args...)
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// Listen listens in the machine's own network, for a server of the test's that the
// machine may ask. It goes with the machine's power.
func (m *Machine) Listen(address string) (l net.Listener) {
	m.t.Helper()
	if err := m.InNetwork(func() (err error) { l, err = net.Listen("tcp", address); return err }); err != nil {
		m.t.Fatalf("cannot listen in the machine: %v", err)
	}
	m.t.Cleanup(func() { _ = l.Close() }) // the test is over
	return l
}

// InNetwork runs f in the machine's network: what f listens on or dials, without another
// goroutine, is there for good.
func (m *Machine) InNetwork(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		done <- func() error {
			network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.leader))
			if err != nil {
				return err
			}
			defer network.Close()
			if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-done
}

// Copy puts a file of this machine inside, readable by all and, if it is a program
// here, one there.
func (m *Machine) Copy(from, to string) {
	m.t.Helper()
	in, err := os.Open(from)
	if err != nil {
		m.t.Fatal(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		m.t.Fatal(err)
	}
	at := filepath.Join(m.Dir, to)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		m.t.Fatal(err)
	}
	out, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644|info.Mode().Perm()&0o111)
	if err != nil {
		m.t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		m.t.Fatal(err)
	}
}

// Write puts a text inside.
func (m *Machine) Write(to, text string, mode os.FileMode) {
	m.t.Helper()
	at := filepath.Join(m.Dir, to)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

// Enable lets units of systemd start with the machine, also before its first start.
func (m *Machine) Enable(units ...string) {
	m.t.Helper()
	if out, err := exec.Command("systemctl", append([]string{"--root=" + m.Dir, "enable"}, units...)...).CombinedOutput(); err != nil {
		m.t.Fatalf("cannot enable %v: %v: %s", units, err, out)
	}
}

// Wait runs a command again and again until it works, within a bound.
func (m *Machine) Wait(within time.Duration, name string, args ...string) string {
	m.t.Helper()
	begun := time.Now()
	for {
		out, err := m.Try(name, args...)
		if err == nil {
			return out
		}
		if time.Since(begun) > within {
			m.t.Fatalf("%s %s, for %v: %v\n%s", name, strings.Join(args, " "), within, err, out)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// PowerOff shuts the machine down in order. Start boots it again.
func (m *Machine) PowerOff() {
	m.t.Helper()
	_, _ = m.Try("systemctl", "poweroff") // the answer may be cut off by what it asks for
	select {
	case <-m.ended:
	case <-time.After(bootBound):
		m.t.Fatal("the machine did not power off")
	}
}

// Cut ends every process of the machine at once, as a pulled plug does; what the
// kernel had not written yet is written all the same. Start boots it again.
func (m *Machine) Cut() {
	if m.nspawn == nil || m.down() {
		return
	}
	if m.leader != 0 {
		_ = syscall.Kill(m.leader, syscall.SIGKILL) // its end is waited for below
	}
	select {
	case <-m.ended:
	case <-time.After(10 * time.Second):
		_ = m.nspawn.Process.Kill()
		<-m.ended
	}
}
