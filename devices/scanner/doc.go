// Package scanner reads bar and QR codes: from a scanner on a serial port,
// USB-CDC ("virtual COM port") included; from one that types like a keyboard;
// from one of the USB class for scanners (HID-POS); and, where no service can
// read the keys, by the check-in page.
//
// It promises: one scan is one devices.Reading, however the bytes arrive; the
// scanner may be unplugged at any byte and plugged into any other port; what
// the scan is (Classify) is decided by its content alone, by one pure function
// for all modes (Judge); garbage of any amount costs bounded memory, a bounded
// number of readings, and never delays the next real code; the number of a
// payment card is not kept, not hashed and not handed on. While the service has
// a scanner in keyboard mode, none of its keys reaches the browser.
//
// It refuses to treat a scan as a command, an address or markup: a code can do
// nothing but be classified. It refuses to guess: a scan with noise inside,
// with a key that is no character, without its suffix or over length is a
// Damaged reading without a value, and the person scans again.
//
//	serial     port ──────────────────────────▶┐
//	keyboard   event node, grabbed ─▶ Keys ───▶├ Framer            Judge        Link.Deliver
//	hid-pos    raw node ─▶ posReports ────────▶│ prefix, suffix, ─▶ what it ──▶ Reading ─▶ Sink
//	page       keys of a browser ─▶ Capture ──▶┘ STX, AIM           is, or
//	                                             identifier, noise  refuse it
//
// One goroutine owns the port: it reads with a deadline, frames, delivers and
// closes. So no read is ever blocked on a port that another goroutine closes,
// and the bytes of the next scan wait in the kernel while the sink works. A
// sink that takes longer than the pause between two scans that have no suffix
// makes them one; give the scanner a suffix. Of keys the kernel keeps only some
// dozens; a scan of which it lost some is Damaged.
//
// A scanner in keyboard mode must be set to the US keyboard. Control characters
// come through where it types them with Ctrl. Caps Lock of the machine is not
// looked at; a scanner that looks at its light and types the other case must
// have that switched off.
//
// After a crash nothing is left: a scan that was not accepted was not confirmed
// to anybody. A USB scanner may still hold a scan made while nobody listened,
// and gives it when the port opens. The kernel gives a grabbed scanner's keys
// back to the browser when the process ends, however it ends.
//
// Serial is proved on a pseudo-terminal, which has no parity, no baud rate and
// no modem lines; settings for those go to go.bug.st/serial unchanged. Keyboard
// and HID-POS are proved on scripted events and reports, and on the kernel's
// uinput and uhid by the tests with the tag vm.
//
// BUG: go.bug.st/serial waits with select(2), which cannot watch a file
// descriptor above 1023. A process that has that many open when a scanner is
// attached cannot use it; the attempt fails, is reported, and is repeated.
//
// BUG: in the second at most between the plugging in of a keyboard-mode scanner
// and its grab, keys reach the browser, where the page takes them as ByPage
// does. A unit with two keyboards has only its first grabbed.
//
// BUG: what a scanner types with Alt and digits (its mode for letters outside
// ASCII) is Damaged. Bluetooth scanners in keyboard mode are found by path only.
//
// BUG: a HID-POS scanner that is a keyboard at the same time, and sends to
// that, must be told by its manual's code to use HID-POS alone.
package scanner
