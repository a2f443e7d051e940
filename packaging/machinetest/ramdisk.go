//go:build linux

package machinetest

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

// RAMDisk writes the disk in memory that a virtual machine begins with: a cpio
// archive in the "newc" form that the kernel unpacks
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type RAMDisk struct {
	t   *testing.T
	f   *os.File
	w   *bufio.Writer
	ino int
	err error // the first
}

// NewRAMDisk begins one with the folders that a kernel needs, and busybox.
func (k Kernel) NewRAMDisk(t *testing.T, path string) *RAMDisk {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	d := &RAMDisk{t: t, f: f, w: bufio.NewWriter(f)}
	for _, dir := range []string{"bin", "dev", "modules", "proc", "root", "sys", "tests", "tmp"} {
		d.entry(dir, fs.ModeDir|0o755, nil)
	}
	d.Copy("bin/busybox", k.busybox)
	return d
}

// Copy puts in a program of this machine.
func (d *RAMDisk) Copy(name, from string) {
	d.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		d.t.Fatal(err)
	}
	d.entry(name, 0o755, data)
}

// Modules puts kernel modules in, with those that they need, and gives the lines of
// a busybox script that loads them.
func (d *RAMDisk) Modules(k Kernel, names ...string) (script string) {
	d.t.Helper()
	var b strings.Builder
	for _, m := range k.InsertOrder(d.t, names...) {
		name := filepath.Base(m)
		d.Copy("modules/"+name, m)
		fmt.Fprintf(&b, "insmod /modules/%s || say \"module %s does not load\"\n", name, name)
	}
	return b.String()
}

// Close adds the script that the kernel runs, and ends the disk.
func (d *RAMDisk) Close(script string) {
	d.t.Helper()
	d.entry("init", 0o755, []byte(script))
	d.entry("TRAILER!!!", 0, nil)
	if d.err == nil {
		d.err = d.w.Flush()
	}
	if err := d.f.Close(); d.err != nil || err != nil {
		d.t.Fatal(d.err, err)
	}
}

func (d *RAMDisk) entry(name string, mode fs.FileMode, data []byte) {
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
func (d *RAMDisk) write(b []byte) {
	if d.err != nil {
		return
	}
	_, d.err = d.w.Write(append(slices.Clip(b), make([]byte, -len(b)&3)...))
}

// InsertOrder gives the files of modules, each after those that it
// needs, as it says itself: the package has no list, depmod makes that when it is
// installed.
func (k Kernel) InsertOrder(t *testing.T, names ...string) []string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(k.Modules, func(path string, e fs.DirEntry, err error) error {
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
	for _, name := range names {
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
