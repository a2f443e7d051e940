//go:build bench

package bench

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openDirect makes a file of the size, written through once, and opens it past
// the page cache where the file system can.
func openDirect(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	for zeros, at := make([]byte, 1<<20), int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	direct, err := os.OpenFile(path, os.O_RDWR|syscall.O_DIRECT, 0)
	if errors.Is(err, syscall.EINVAL) {
		return f, nil
	}
	return direct, errors.Join(err, f.Close())
}

func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// alignedBlocks is memory that direct writes may come from.
func alignedBlocks(n int) []byte {
	b := make([]byte, n+4096)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & 4095)
	return b[off : off+n : off+n]
}

// deviceFolder gives a folder on a block device of its own, whose counters are
// then those of what is measured alone: a loop device on a file, past the page
// cache, with a journalling file system.
func deviceFolder(t *testing.T) (dir, device string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("bytes to the device are counted on a block device of its own: run make bench as root")
	}
	base := folder(t)
	image, dir := filepath.Join(base, "image"), filepath.Join(base, "mount")
	const size = 3 << 30
	f, err := openDirect(image, size)
	if err == nil {
		err = errors.Join(f.Close(), os.Mkdir(dir, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--direct-io=on", "--find", "--show", image).CombinedOutput()
	if err != nil {
		t.Fatalf("no loop device (losetup of util-linux): %v %s", err, strings.TrimSpace(string(out)))
	}
	node := strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "--detach", node).Run() })
	for _, line := range [][]string{{"mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", node}, {"mount", node, dir}} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", line[0], err, strings.TrimSpace(string(out)))
		}
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	return dir, filepath.Base(node)
}

type counters struct{ bytes, flushes int64 }

// deviceCounters reads what was written to a block device since it came up, after
// all that waits in memory has gone there.
func deviceCounters(device, dir string) (c counters, err error) {
	if device == "" {
		return c, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return c, err
	}
	err = unix.Syncfs(int(f.Fd()))
	if err := errors.Join(err, f.Close()); err != nil {
		return c, err
	}
	text, err := os.ReadFile("/sys/block/" + device + "/stat")
	if err != nil {
		return c, err
	}
	const sectors, flushes = 6, 15 // the kernel's Documentation/block/stat.rst
	fields := strings.Fields(string(text))
	if len(fields) <= flushes {
		return c, errors.New("this kernel does not count flushes")
	}
	n, err := strconv.ParseInt(fields[sectors], 10, 64)
	if err != nil {
		return c, err
	}
	c.bytes = n * 512
	c.flushes, err = strconv.ParseInt(fields[flushes], 10, 64)
	return c, err
}
