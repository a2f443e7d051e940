//go:build linux

package machinetest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Kernel is what virtual machines are made of: Debian's kernel, in the cache.
type Kernel struct {
	Release string // such as 6.1.0-56-amd64
	Modules string // folder

	folder  string
	image   string
	busybox string
}

// layout is raised when what is in the cache changes.
const layout = "2"

var releaseForm = regexp.MustCompile(`^6\.1\.[0-9]+-[0-9]+-amd64$`)

// PrepareKernel fetches and builds what is not in the cache yet.
func PrepareKernel(ctx context.Context, t *testing.T) Kernel {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Fatalf("this machine is %s; the kernel's modules are built on amd64 only", runtime.GOARCH)
	}
	Tool(t, "apt-get", "apt")
	release := kernelRelease(ctx, t)
	cache := os.Getenv("CLINICGATE_VM_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(user, "clinicgate-vm")
	}
	folder := filepath.Join(cache, release+"-"+layout)
	k := Kernel{
		Release: release,
		folder:  folder,
		Modules: filepath.Join(folder, "lib", "modules", release),
		image:   filepath.Join(folder, "boot", "vmlinuz-"+release),
		busybox: filepath.Join(folder, "bin", "busybox"),
	}
	if _, err := os.Stat(folder); err == nil {
		return k
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(work) })
	assemble(ctx, t, work, release)
	if err := os.Rename(filepath.Join(work, "root"), folder); err != nil {
		t.Fatal(err) // a whole folder or none
	}
	return k
}

// kernelRelease asks apt for the kernel of the moment, by its exact name.
func kernelRelease(ctx context.Context, t *testing.T) string {
	release := os.Getenv("CLINICGATE_VM_KERNEL")
	if release == "" {
		for line := range strings.Lines(Do(ctx, t, "", "apt-cache", "depends", "linux-image-amd64")) {
			if _, name, ok := strings.Cut(strings.TrimSpace(line), "Depends: linux-image-"); ok {
				release = name
			}
		}
	}
	if !releaseForm.MatchString(release) {
		t.Fatalf("kernel %q is no Debian 6.1: run apt-get update on Debian 12, or set CLINICGATE_VM_KERNEL to such as 6.1.0-56-amd64", release)
	}
	return release
}

// assemble fetches Debian's packages, unpacks them into work, and leaves what the
// machine needs in work/root.
func assemble(ctx context.Context, t *testing.T, work, release string) {
	Tool(t, "dpkg-deb", "dpkg")
	Tool(t, "make", "make")
	Tool(t, "xz", "xz-utils")
	gcc := Tool(t, "gcc", "gcc")
	if _, err := os.Stat("/usr/lib/x86_64-linux-gnu/libelf.so.1"); err != nil {
		t.Fatal("the kernel's build tools need libelf: apt-get install --no-install-recommends libelf1")
	}
	base := strings.TrimSuffix(release, "-amd64")
	Do(ctx, t, work, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "linux-image-"+release, "linux-headers-"+release,
		"linux-headers-"+base+"-common", "linux-kbuild-6.1", "linux-source-6.1", "busybox-static")
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 6 {
		t.Fatalf("%d packages were fetched, want 6: %v", len(debs), err)
	}
	root, build := filepath.Join(work, "root"), filepath.Join(work, "build")
	for _, deb := range debs {
		to := build
		if name := filepath.Base(deb); strings.HasPrefix(name, "linux-image-") || strings.HasPrefix(name, "busybox") {
			to = root
		}
		Do(ctx, t, work, "dpkg-deb", "-x", deb, to)
	}
	buildGPIOSim(ctx, t, build, release, gcc)
	for _, name := range []string{"gpio-sim.ko", "irq_sim.ko"} {
		if err := os.Rename(filepath.Join(build, "sim", name), filepath.Join(root, "lib", "modules", release, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// buildGPIOSim builds two modules that Debian leaves out: gpio-sim, and the
// simulated interrupts that it stands on.
func buildGPIOSim(ctx context.Context, t *testing.T, build, release, gcc string) {
	src := filepath.Join(build, "usr", "src")
	sim := filepath.Join(build, "sim")
	if err := os.MkdirAll(sim, 0o755); err != nil {
		t.Fatal(err)
	}
	Do(ctx, t, sim, "tar", "-xJf", filepath.Join(src, "linux-source-6.1.tar.xz"), "--strip-components=3", "--wildcards",
		"linux-source-6.1/drivers/gpio/gpio-sim.c", "linux-source-6.1/drivers/gpio/gpiolib*.h", "linux-source-6.1/kernel/irq/irq_sim.c")
	// A module may not call irq_to_desc, and must say its licence.
	edit(t, filepath.Join(sim, "irq_sim.c"), "irq_to_desc(irqnum)", "irq_data_to_desc(irq_get_irq_data(irqnum))",
		"\n#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n")
	// A chip that is pulled out frees its interrupts under whoever holds a line,
	// and the kernel's memory is damaged when the line is closed. These outlive
	// their chip, as those of hardware do; they go with the machine.
	source := filepath.Join(sim, "gpio-sim.c")
	edit(t, source, "devm_irq_domain_create_sim(dev, swnode, num_lines)", "irq_domain_create_sim(NULL, num_lines)", "")
	edit(t, source, "irq_dispose_mapping(irq_find_mapping(chip->irq_sim, i));", "cond_resched();", "")
	if err := os.WriteFile(filepath.Join(sim, "Makefile"), []byte("obj-m := gpio-sim.o irq_sim.o\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	headers := filepath.Join(src, "linux-headers-"+release)
	edit(t, filepath.Join(headers, "Makefile"), "/usr/src/", src+"/", "") // they are not installed
	Do(ctx, t, sim, "make", "-C", headers, "M="+sim, "CC="+gcc, "modules")
}

// edit replaces text in a file, which must have it, and adds some at its end.
func edit(t *testing.T, path, old, changed, more string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s has no %q: another kernel than this was made for", filepath.Base(path), old)
	}
	data = append(bytes.ReplaceAll(data, []byte(old), []byte(changed)), more...)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Command is qemu with this kernel, more words for it, and a RAM disk, not started yet. Everything is
// emulated, so that a machine is the same everywhere. The kernel does not look whether
// timers interrupt it in time, which on a busy machine they do not.
func (k Kernel) Command(ctx context.Context, t *testing.T, ramdisk, words string, more ...string) *exec.Cmd {
	t.Helper()
	args := append([]string{"-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max", "-m", "768", "-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", k.image, "-initrd", ramdisk,
		"-append", "console=ttyS0 panic=-1 no_timer_check mitigations=off nokaslr random.trust_cpu=on " + words,
		"-device", "virtio-rng-pci"}, more...)
	cmd := exec.CommandContext(ctx, Tool(t, "qemu-system-x86_64", "qemu-system-x86"), args...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Tool finds a program, or says what to install.
func Tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install --no-install-recommends %s", name, pkg)
	}
	return path
}

// Do runs a program in a folder and gives its output.
func Do(ctx context.Context, t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, Tail(string(out), 30), Tail(said.String(), 30))
	}
	return string(out)
}

// Tail gives the last lines of a text.
func Tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
