//go:build vm

package vm

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"clinicgate/packaging/machinetest"
)

// writeDisk writes the RAM disk that the machine boots from: modules, test
// programs, busybox and a script.
func writeDisk(t *testing.T, path string, k machinetest.Kernel, programs []program) {
	d := k.NewRAMDisk(t, path)
	insert := d.Modules(k, "gpio-sim", "uinput", "evdev", "uhid", "hid-generic", "virtio_pci", "virtio-rng")
	only := os.Getenv("CLINICGATE_VM_RUN")
	if only == "" {
		only = "^TestVM"
	}
	var run strings.Builder
	for _, p := range programs {
		d.Copy("tests/"+p.name, p.path)
		fmt.Fprintf(&run, "say %s\n/tests/%s -test.v -test.timeout 4m -test.run '%s'\nsay \"ended %s $?\"\n", p.pkg, p.name, strings.ReplaceAll(only, "'", ""), p.name)
	}
	d.Close(fmt.Sprintf(script, mark, insert, run.String()))
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
