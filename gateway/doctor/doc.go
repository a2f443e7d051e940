// Package doctor holds the checks that tell what is wrong with a kiosk.
//
// It promises that one run of all checks ends within a minute, also when a check
// hangs or panics; that a cause is shown once: a check that depends on a failed
// one is not run, and names it, and one that warns where what it depends on warned
// is a consequence of that; and that a failure says since when and what to do next.
//
// It refuses to change anything, but for a probe of 4 KiB in the data folder that
// it removes, and to show anything about a person or a secret. What can be repaired
// without harm is repaired on request, by who has the check's id (control's
// doctor/fix), and never by a run. It refuses a list of checks that is collected at
// init: the composition makes the [Registry] with the checks that this kiosk has the
// thing for, so the same registry feeds status, the log of the start, health and the
// support bundle.
//
//	net-dns ──ok──▶ net-port ──▶ net-tls ──▶ pubnub-answer ──▶ sync-link ──▶ clock-trust
//	   └──fail──▶ all skipped, "because net-dns"
//
//	New(checks...) ──Look(ctx, selection)──▶ []Report{id, state, detail, hint, because, since}
//	                                             └─ SupportCode ──phone──▶ ParseCode
//
// Each check is a function over the smallest interface that answers its question;
// the file is named for the thing it looks at. What is always true of a check is in
// the [Catalogue], whose order is the numbering of support codes.
//
// A run has the state Info for what nobody has to repair: that the audit log has no
// second way out is said and is no alarm, because nothing on the kiosk could end it.
//
// After a crash the [MemoryFile] says since when each check fails, what the last 20
// runs found (ids only), and whether the machine went down without a word. One that
// is malformed is begun anew.
//
// BUG: which program holds a port or a device is told on Linux only, and as far as
// the account may see.
// BUG: how worn a disk is, is known of eMMC chips and of ext4's error count only;
// SMART and NVMe want rights that the service does not have.
// BUG: from inside, a second copy is seen only where it runs under the same account.
// BUG: memory and handles on Windows are not looked at.
package doctor
