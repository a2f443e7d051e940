//go:build vm

package vm

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wanted are the modules that tests may use; what they need comes along.
var wanted = []string{"gpio-sim", "uinput", "evdev", "uhid", "hid-generic", "virtio_pci", "virtio-rng"}

// writeDisk writes the RAM disk that the machine boots from: modules, test
// programs, busybox and a script.
func writeDisk(t *testing.T, path string, k kernel, programs []program) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{w: bufio.NewWriter(f)}
	for _, dir := range []string{"bin", "dev", "modules", "proc", "sys", "tests", "tmp"} {
		d.entry(dir, fs.ModeDir|0o755, nil)
	}
	d.copy(t, "bin/busybox", k.busybox)
	var insert, run strings.Builder
	for _, m := range insertOrder(t, k.modules) {
		name := filepath.Base(m)
		d.copy(t, "modules/"+name, m)
		fmt.Fprintf(&insert, "insmod /modules/%s || say \"module %s does not load\"\n", name, name)
	}
	only := os.Getenv("CLINICGATE_VM_RUN")
	if only == "" {
		only = "^TestVM"
	}
	for _, p := range programs {
		d.copy(t, "tests/"+p.name, p.path)
		fmt.Fprintf(&run, "say %s\n/tests/%s -test.v -test.timeout 4m -test.run '%s'\nsay \"ended %s $?\"\n", p.pkg, p.name, strings.ReplaceAll(only, "'", ""), p.name)
	}
	d.entry("init", 0o755, []byte(fmt.Sprintf(script, mark, insert.String(), run.String())))
	d.entry("TRAILER!!!", 0, nil)
	if d.err == nil {
		d.err = d.w.Flush()
	}
	if err := f.Close(); d.err != nil || err != nil {
		t.Fatal(d.err, err)
	}
}

// script is all that runs in the machine beside the tests. Their output goes to
// the second serial port, the kernel's to the first.
const script = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TMPDIR=/tmp
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
mount -t tmpfs none /tmp
stty -F /dev/ttyS1 -onlcr
exec </dev/null >/dev/ttyS1 2>&1
say() { echo "%s$*"; }
ip link set lo up
%s
mount -t configfs none /sys/kernel/config
cd /tmp
%s
say finished
poweroff -f
`

// disk writes a cpio archive in the "newc" form that the kernel unpacks
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type disk struct {
	w   *bufio.Writer
	ino int
	err error // the first
}

func (d *disk) entry(name string, mode fs.FileMode, data []byte) {
	d.ino++
	kind := 0o100000
	if mode.IsDir() {
		kind = 0o040000
	}
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", d.ino, kind|int(mode.Perm()), 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	d.write([]byte(header + name + "\x00"))
	d.write(data)
}

// write writes and pads to four bytes.
func (d *disk) write(b []byte) {
	if d.err != nil {
		return
	}
	_, d.err = d.w.Write(append(slices.Clip(b), make([]byte, -len(b)&3)...))
}

func (d *disk) copy(t *testing.T, name, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	d.entry(name, 0o755, data)
}

// insertOrder gives the files of the wanted modules, each after those that it
// needs, as it says itself: the package has no list, depmod makes that when it is
// installed.
func insertOrder(t *testing.T, folder string) []string {
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	var add func(name string, depth int)
	add = func(name string, depth int) {
		file, ok := files[strings.ReplaceAll(name, "-", "_")]
		if !ok || depth > 20 {
			t.Fatalf("the kernel has no module %s", name)
		}
		if slices.Contains(order, file) {
			return
		}
		for _, n := range needs(t, file) {
			add(n, depth+1)
		}
		order = append(order, file)
	}
	for _, name := range wanted {
		add(name, 0)
	}
	return order
}

// needs reads the names of the modules that a module needs.
func needs(t *testing.T, file string) []string {
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Section(".modinfo").Data()
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(list, ",")
		}
	}
	return nil
}
