//go:build linux

package machinetest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	virtualBoot = 20 * time.Minute // emulated, on a busy machine
	virtualRun  = 10 * time.Minute
	diskSize    = "1200M"
)

// Virtual is one virtual machine: Debian with its kernel on an ext4 disk of its own,
// a USB keyboard and a USB serial port. It reaches no network but what Forward gives
// it. Its methods end the test where they fail, unless they return an error.
type Virtual struct {
	// Forward is where the machine's connections to 10.0.2.100:80 go: a program with
	// its arguments, started for each, which speaks through its standard input and
	// output. Set it before Start.
	Forward []string

	t       *testing.T
	dir     string
	kernel  Kernel
	disk    *Disk
	port    string // of the agent, on this machine
	qemu    *exec.Cmd
	ended   chan struct{}
	network net.Listener // the disk's
}

// NewVirtual makes a machine from Debian and does not start it yet. Fill puts more
// into its root file system.
func NewVirtual(t *testing.T, fill func(root *Machine)) *Virtual {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	v := &Virtual{t: t, dir: t.TempDir(), kernel: PrepareKernel(ctx, t)}
	image := v.path("root.img")
	Do(ctx, t, "", "cp", "--sparse=always", v.kernel.debian(ctx, t), image)
	if fill != nil {
		root := &Machine{t: t, Dir: v.path("root")}
		Do(ctx, t, "", "mkdir", root.Dir)
		Do(ctx, t, "", "mount", "-o", "loop", image, root.Dir)
		unmount := sync.OnceValue(func() error { return exec.Command("umount", root.Dir).Run() })
		t.Cleanup(func() { _ = unmount() }) // where fill ended the test
		fill(root)
		if err := unmount(); err != nil {
			t.Fatalf("cannot unmount the machine's disk: %v", err)
		}
	}
	d := v.kernel.NewRAMDisk(t, v.path("initramfs.cpio"))
	d.Close(fmt.Sprintf(switchRoot, d.Modules(v.kernel, "crc32c_generic", "virtio_pci", "virtio_blk", "ext4")))
	var err error
	if v.disk, err = openDisk(image); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.kill(); _ = v.disk.file.Close() })
	return v
}

// imageLayout is raised when what is on the disk image changes.
const imageLayout = "1"

// debian gives the image of a disk with Debian, this kernel's modules and the agent,
// made if it is not in the cache.
func (k Kernel) debian(ctx context.Context, t *testing.T) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(k.folder), k.Release+"-debian-"+imageLayout+".img")
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
	root := New(t)
	root.Write("/etc/fstab", "/dev/vda / ext4 errors=remount-ro 0 1\n", 0o644)
	root.Write("/etc/systemd/network/10-wired.network", "[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n", 0o644)
	root.Write("/usr/local/sbin/agent", agent, 0o755)
	root.Write("/etc/systemd/system/agent.socket", "[Socket]\nListenStream=2222\nAccept=yes\n[Install]\nWantedBy=sockets.target\n", 0o644)
	root.Write("/etc/systemd/system/agent@.service", "[Service]\nExecStart=/usr/local/sbin/agent\nStandardInput=socket\nEnvironment=HOME=/root LANG=C.UTF-8\n", 0o644)
	// As after a first boot, except for the key of systemd's credentials, which each
	// machine makes for itself.
	root.Write("/etc/machine-id", strings.ReplaceAll(uuid.NewString(), "-", "")+"\n", 0o444)
	// Nothing begins that no test needs: each second of work takes many here.
	for _, unit := range []string{"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service",
		"modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service", "serial-getty@ttyS0.service", "systemd-hwdb-update.service",
		"ldconfig.service", "systemd-journal-catalog-update.service"} {
		Do(ctx, t, "", "ln", "-sf", "/dev/null", filepath.Join(root.Dir, "etc/systemd/system", unit))
	}
	k.install(ctx, t, root.Dir)
	root.Enable("agent.socket", "systemd-networkd.service")
	temp := path + ".new"
	if err := os.RemoveAll(temp); err != nil {
		t.Fatal(err)
	}
	Do(ctx, t, "", Tool(t, "mke2fs", "e2fsprogs"), "-q", "-t", "ext4", "-d", root.Dir, temp, diskSize)
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err) // a whole image or none
	}
	return path
}

// switchRoot finds the disk and goes over to it.
const switchRoot = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
say() { echo "$*"; }
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
%s
mount -t ext4 /dev/vda /root || poweroff -f
umount /proc /sys
mount -o move /dev /root/dev
exec switch_root /root /sbin/init
`

// agent does what one connection asks: a script and its input, each a line of
// base64; it answers with the exit code, the lengths of output and errors, and both.
const agent = `#!/bin/bash
read -r script; read -r input
d=$(mktemp -d /run/agent.XXXXXX)
base64 -d <<<"$script" >"$d/script"
base64 -d <<<"$input" | bash "$d/script" >"$d/out" 2>"$d/err"
echo "${PIPESTATUS[1]} $(stat -c %s "$d/out") $(stat -c %s "$d/err")"
cat "$d/out" "$d/err"
rm -r "$d"
`

// install puts those modules into a root file system that an ordinary installation
// finds there and that some test needs.
func (k Kernel) install(ctx context.Context, t *testing.T, root string) {
	t.Helper()
	to := filepath.Join(root, "lib", "modules", k.Release)
	for _, from := range k.InsertOrder(t, "autofs4", "cdc_acm", "dm_mod", "efivarfs", "evdev", "ftdi_sio", "hid-generic", "usbhid", "usblp", "virtio_net", "virtio-rng", "xhci-pci") {
		name, err := filepath.Rel(k.Modules, from)
		if err != nil {
			t.Fatal(err)
		}
		Do(ctx, t, "", "install", "-D", "-m", "644", from, filepath.Join(to, name))
	}
	for _, name := range []string{"modules.builtin", "modules.builtin.modinfo", "modules.order"} {
		Do(ctx, t, "", "install", "-m", "644", filepath.Join(k.Modules, name), filepath.Join(to, name))
	}
	Do(ctx, t, "", "chroot", root, "depmod", k.Release)
}

// Start boots the machine and waits until it takes commands.
func (v *Virtual) Start() {
	v.t.Helper()
	var err error
	if v.network, err = net.Listen("unix", v.path("disk")); err != nil {
		v.t.Fatal(err)
	}
	v.disk.serve(v.network)
	v.port = freePort(v.t)
	network := "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:" + v.port + "-10.0.2.15:2222"
	if len(v.Forward) > 0 {
		network += ",guestfwd=tcp:10.0.2.100:80-cmd:" + strings.Join(v.Forward, " ")
	}
	v.qemu = v.kernel.Command(context.Background(), v.t, v.path("initramfs.cpio"),
		"clocksource=hpet", // on a busy machine the kernel measures the processor's clock wrongly, and time would fly
		"-smp", "1",        // a processor that waits for another, which has no turn here, waits long
		"-serial", "file:"+v.path("console"),
		"-chardev", "file,id=tty1,append=on,path="+v.path("tty1"), "-serial", "chardev:tty1",
		"-blockdev", "driver=nbd,node-name=disk,server.type=unix,server.path="+v.path("disk"), "-device", "virtio-blk-pci,drive=disk",
		"-netdev", network, "-device", "virtio-net-pci,netdev=net",
		"-device", "qemu-xhci", "-device", "usb-kbd,id=keyboard",
		"-chardev", "socket,id=port,server=on,wait=off,path="+v.path("port"), "-device", "usb-serial,chardev=port,always-plugged=on",
		"-qmp", "unix:"+v.path("qmp")+",server=on,wait=off")
	if v.ended, err = tied(v.qemu); err != nil {
		v.t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(500 * time.Millisecond) {
		if _, err := v.Try("true"); err == nil {
			return
		}
		if time.Since(begun) > virtualBoot || v.down() {
			said, _ := os.ReadFile(v.path("console"))
			v.t.Fatalf("the machine did not boot; its console:\n%s", Tail(string(said), 60))
		}
	}
}

func (v *Virtual) path(name string) string { return filepath.Join(v.dir, name) }

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (v *Virtual) down() bool {
	select {
	case <-v.ended:
		return true
	default:
		return false
	}
}

// Output runs a command inside with an input, as root, and gives what it printed. An
// error has what it said of errors.
func (v *Virtual) Output(stdin, name string, args ...string) (string, error) {
	words := []string{quote(name)}
	for _, a := range args {
		words = append(words, quote(a))
	}
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+v.port, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // nothing answers when the machine is gone
		select {
		case <-v.ended:
			_ = c.Close()
		case <-stop:
		}
	}()
	within := virtualRun
	if name == "true" {
		within = time.Minute // is it there yet? A machine without its turn is slow to say so
	}
	_ = c.SetDeadline(time.Now().Add(within)) // a TCP connection has them
	line := base64.StdEncoding.EncodeToString
	if _, err := fmt.Fprintf(c, "%s\n%s\n", line([]byte(strings.Join(words, " "))), line([]byte(stdin))); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	var code, outs, errs int
	if _, err := fmt.Fscanf(r, "%d %d %d\n", &code, &outs, &errs); err != nil {
		return "", err
	}
	said := make([]byte, outs+errs)
	if _, err := io.ReadFull(r, said); err != nil {
		return "", err
	}
	if code != 0 {
		return string(said[:outs]), &ExitError{Code: code, Said: string(said[outs:])}
	}
	return string(said[:outs]), nil
}

// ExitError is the end of a command that did not work.
type ExitError struct {
	Code int
	Said string
}

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d: %s", e.Code, e.Said) }

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// Try runs a command inside.
func (v *Virtual) Try(name string, args ...string) (string, error) {
	return v.Output("", name, args...)
}

// Run runs a command inside that must work, and gives what it printed.
func (v *Virtual) Run(name string, args ...string) string {
	v.t.Helper()
	out, err := v.Try(name, args...)
	if err != nil {
		v.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// Write puts a text inside.
func (v *Virtual) Write(to, text string, mode os.FileMode) {
	v.t.Helper()
	if _, err := v.Output(text, "install", "-D", "-m", fmt.Sprintf("%o", mode), "/dev/stdin", to); err != nil {
		v.t.Fatal(err)
	}
}

// Tty1 gives what the machine has said on its second serial port, /dev/ttyS1, over
// all boots: what is there has left the machine for good.
func (v *Virtual) Tty1() string {
	v.t.Helper()
	said, err := os.ReadFile(v.path("tty1"))
	if err != nil {
		v.t.Fatal(err)
	}
	return string(said)
}

// Type presses the keys of letters, digits and colons at the USB keyboard, and Enter,
// as a scanner does.
func (v *Virtual) Type(text string) {
	v.t.Helper()
	c, err := net.Dial("unix", v.path("qmp"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(virtualRun)) // a socket has them
	q := &monitor{c: c, d: json.NewDecoder(c)}
	if err := q.d.Decode(new(any)); err != nil { // its greeting
		v.t.Fatal(err)
	}
	err = q.do("qmp_capabilities", nil)
	for _, r := range text + "\n" {
		var keys []string // as QMP's QKeyCode calls them
		switch {
		case r == '\n':
			keys = []string{"ret"}
		case r == ':':
			keys = []string{"shift", "semicolon"}
		case r >= 'A' && r <= 'Z':
			keys = []string{"shift", strings.ToLower(string(r))}
		default:
			keys = []string{string(r)}
		}
		var down, up []any
		for _, k := range keys {
			down, up = append(down, keyEvent(k, true)), append([]any{keyEvent(k, false)}, up...)
		}
		err = errors.Join(err, q.do("input-send-event", map[string]any{"events": down}), q.do("input-send-event", map[string]any{"events": up}))
		time.Sleep(30 * time.Millisecond) // the keyboard remembers 16 keys until the emulated machine asks for them
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

func keyEvent(key string, down bool) any {
	return map[string]any{"type": "key", "data": map[string]any{"down": down, "key": map[string]any{"type": "qcode", "data": key}}}
}

// monitor speaks qemu's QMP.
type monitor struct {
	c net.Conn
	d *json.Decoder
}

func (q *monitor) do(command string, arguments any) error {
	ask := map[string]any{"execute": command}
	if arguments != nil {
		ask["arguments"] = arguments
	}
	if err := json.NewEncoder(q.c).Encode(ask); err != nil {
		return err
	}
	for {
		var answer struct {
			Return *json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := q.d.Decode(&answer); err != nil {
			return err
		}
		if answer.Error != nil {
			return fmt.Errorf("%s: %s", command, answer.Error.Desc)
		}
		if answer.Return != nil {
			return nil // events of qemu's own come between
		}
	}
}

// Serial sends bytes to the USB serial port, as a scanner does.
func (v *Virtual) Serial(text string) {
	v.t.Helper()
	c, err := net.Dial("unix", v.path("port"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		v.t.Fatal(err)
	}
	time.Sleep(time.Second) // qemu forgets what it has not taken when the socket closes
}

// PowerOff shuts the machine down in order. Start boots it again.
func (v *Virtual) PowerOff() {
	v.t.Helper()
	_, _ = v.Try("systemctl", "poweroff") // the answer may be cut off by what it asks for
	select {
	case <-v.ended:
	case <-time.After(virtualBoot):
		v.t.Fatal("the machine did not power off")
	}
	v.settle(1, rand.New(rand.NewPCG(0, 0)))
}

// Cut pulls the plug: the machine is gone with its memory, and of what its disk had
// not flushed yet only a share of the sectors is there. It says what was kept and
// lost. Start boots it again.
func (v *Virtual) Cut(share float64, chance *rand.Rand) (kept, lost int) {
	v.t.Helper()
	v.kill()
	return v.settle(share, chance)
}

func (v *Virtual) settle(share float64, chance *rand.Rand) (kept, lost int) {
	v.t.Helper()
	_ = v.network.Close() // nobody else connects
	kept, lost, err := v.disk.Cut(share, chance)
	if err != nil {
		v.t.Fatal(err)
	}
	return kept, lost
}

func (v *Virtual) kill() {
	if v.qemu == nil || v.down() {
		return
	}
	_ = v.qemu.Process.Kill() // its end is waited for
	<-v.ended
}
