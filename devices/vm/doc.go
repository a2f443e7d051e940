// Package vm runs tests that need hardware of the kernel's own making inside a
// virtual machine: GPIO chips (gpio-sim) and keyboards (uinput), which neither a
// workstation nor a build machine has. It holds no code of the product.
//
// It promises: every function TestVM... of every package of this module that is
// built with the tag "vm" runs inside, as root, and its failure is a failure
// here; the machine has a Debian kernel, a RAM disk with busybox and the test
// programs, and nothing else, so no test depends on what is installed; each step
// has a bound.
//
// It refuses to install anything: a missing tool is a failure that names its apt
// package. It refuses hardware acceleration: the same emulation everywhere. It
// keeps no kernel source: Debian's is fetched and gpio-sim, which Debian leaves
// out of its kernel, is built from it on the spot.
//
//	apt-get download ─▶ kernel, headers, source, busybox ─▶ gpio-sim.ko ┐  kept between runs in
//	                                                                    ├─ CLINICGATE_VM_CACHE
//	go test -c -tags vm ─▶ each package's TestVM... ─▶ RAM disk ─▶ qemu ◀┘
//	                                                     results ◀── second serial port
//
// `make e2e-vm` runs it. What it fetches (226 MB) and builds it keeps below
// CLINICGATE_VM_CACHE (else the user's cache folder). CLINICGATE_VM_KERNEL names
// another kernel than the one that linux-image-amd64 stands for; it must be a
// Debian 6.1, whose gpio-sim needs the changes that are made to it here.
// CLINICGATE_VM_RUN narrows the tests by a regular expression.
//
// A run that is killed leaves nothing but a folder in the system's temporary
// one; the next begins anew. A half-filled cache is never used.
//
// BUG: it needs an amd64 machine with apt. No other machine is emulated, so the
// 32-bit system calls of GPIO and input devices are proved by nobody.
package vm
