// Package devices holds the small interfaces of everything that is attached to
// a kiosk: a Device gives readings, an Output takes commands, a Set runs all of
// them.
//
// It promises: a device is named by what stays the same when it is plugged in
// again (Identity), not by a port number; unplugging is normal, the device is
// back within 3 s of being plugged into any port, without a restart; a loss is
// said once, not every second (Health); every reading is handed to the Sink and
// counted, and it counts as accepted only when the Sink returned nil; what was
// not accepted, damaged, refused or throttled is counted too (Counters).
//
// It refuses to know patients. Ports, frames and kinds of content are its
// words; it never looks anything up, and what a person presented is only ever a
// phi.Text. It refuses to keep: a value lives until the Sink returned. Nothing
// is queued here, because a second queue beside the durable one would be a
// place where a scan is lost after "done" was said.
//
//	hardware ─▶ transport ─▶ protocol ─▶ device ─▶ Link.Deliver ─▶ Sink
//	            opens the    bytes to    loop         counts         the kiosk's
//	            Identity     frames,                                 durable path
//	                         pure
//	                            Link.Run: attach, lost, again ─▶ Health ─▶ audit
//
// A class of devices (devices/scanner and its later siblings) brings these
// three layers; the Link is the part they share. Each class is a constructor
// New(Config, Deps) that opens nothing.
//
// After a crash there is nothing to recover: a scan whose Sink had not returned
// was not acknowledged to anybody, and the person scans again. Counters start
// at zero; the events that the Sink and the Health function wrote do not.
//
// BUG: units of one model without serial numbers are told apart by their USB ports.
// Two that change ports change places, and nothing in them says so.
//
// BUG: Windows tells neither the USB port nor the version of a unit. There a unit
// without a serial number is named by its COM number, and its firmware is not shown.
package devices
