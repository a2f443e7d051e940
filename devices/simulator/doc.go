// Package simulator pretends to be hardware: it speaks the same bytes through
// the same transport as the real device, so that the demo and the tests drive
// the real path from the port up.
//
// It promises that the gateway cannot tell a SerialPort from a USB-CDC scanner:
// the bytes arrive unchanged, the device node goes away under a blocked read
// when it is unplugged, and comes back under another number behind the same
// link. Any program may write to the other end, open and close it as often as
// it likes, and the gateway may be killed and started in between.
//
// A Keyboard and a POS are scanners in keyboard and in HID-POS mode, made by the
// kernel's uinput and uhid (modules that have to be there, and root's rights):
// to everybody on the machine they are USB units, also to the browser. Strokes,
// InputEvents and POSReports are what they send, for tests without them.
//
// It refuses to run where there are no pseudo-terminals, which is Windows: no
// other object there answers the calls that a serial port answers. The demo
// says so, and offers the typed code instead.
//
//	program ─▶ <name>.input ─▶ relay ─▶ <name> ─▶ gateway
//	panel ───────── Write ──────┘
//
// What is written while nobody has the port open waits, as in a real scanner's
// own memory, for 5 s, and is then thrown away: the person has gone. When the
// simulator itself dies, the gateway sees its scanner unplugged; the links stay
// until the next simulator of that name replaces them.
//
// A GPIOChip is the kernel's own, and is there only where the kernel simulates one.
//
// It is imported by tests and by the demo, never by the product.
package simulator
