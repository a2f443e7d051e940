// Package service makes clinicgate a service of the operating system: systemd on
// Linux, the service control manager on Windows.
//
// It promises:
//
//   - The manager knows the truth: it is told of readiness once everything serves,
//     and the watchdog is fed only after a real probe went well.
//   - Install and uninstall may be repeated; each says what it did. Uninstall keeps
//     data and settings unless it is told to purge.
//   - A kiosk that cannot start does not flap: Exits counts starts that did not end
//     cleanly, and after 5 in 10 minutes of one boot only a page that sends people
//     to the desk is served for a while.
//   - On Windows the service manager is answered before any other work.
//   - No process of the program leaves a dump of its memory.
//
// It refuses to know what the gateway does. It refuses to run the process: what is
// run is handed to Main.
//
//	cmd run --service ──▶ Main ──▶ (Windows: svc.Run) ──▶ gateway.Run
//	                                   │                     │ Ready, Pulse
//	                                   └── Notifier ◀────────┘
//	                                          │ READY=1, WATCHDOG=1, STATUS=...
//	                                          ▼
//	                                      systemd
//
// kardianos/service starts and stops on both systems and installs on Windows. What
// it lacks is here: virtual account, recovery actions that cover an error exit,
// access lists on Windows; on Linux its Install writes the unit in place and
// refuses one that is there, so files are written here, whole or not at all. It
// does not run the process either: under Wine it takes a service for a program on a
// terminal and never answers.
//
// After a crash of install or uninstall each file is whole or not there; run it
// again.
package service
