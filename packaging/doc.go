// Package packaging has what clinicgate is shipped with. Its tests install the
// packages as an operator does, and are run by `make e2e-packages`, the last by
// `make e2e-vm-packages`:
//
//	newuser  a stranger with the .deb and operator/install.md: first check-in, the cable pulled, doctor
//	upgrade  the tar.gz in such a container: an upgrade, seven broken ones, power cuts, another format of the store
//	deb      a container with a real systemd: install, set up, check in, kill, upgrade (killed too), remove, purge
//	rpm      contents and scripts, as rpm reads them; such a container: install, upgrade, erase by Debian's rpm
//	arm      the programs for arm64 and armv7 under qemu-user: check-in, kill, restart, status, doctor
//	windows  the MSI under Wine: install, check-in, stop, upgrade, remove; its tables; what is in PowerShell parses
//	vm       a virtual machine with scanners: power cuts in check-ins and upgrades; a kiosk that replaces another
//
// They need root, Debian 12 and what .ci/run installs for them.
package packaging
