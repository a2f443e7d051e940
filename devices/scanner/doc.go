// Package scanner reads bar and QR codes from a scanner on a serial port,
// USB-CDC ("virtual COM port") included.
//
// It promises: one scan is one devices.Reading, however the bytes arrive; the
// scanner may be unplugged at any byte and plugged into any other port; what
// the scan is (Classify) is decided by its content alone, by a pure function;
// garbage of any amount costs bounded memory, a bounded number of readings, and
// never delays the next real code; the number of a payment card is not kept,
// not hashed and not handed on.
//
// It refuses to treat a scan as a command, an address or markup: a code can do
// nothing but be classified. It refuses to read scanners in keyboard mode (the
// page captures those), and to guess: a scan with noise inside, without its
// suffix or over length is a Damaged reading without a value, and the person
// scans again.
//
//	port           Framer                   Classify            Link.Deliver
//	bytes, pauses ─▶ prefix, suffix, STX, ─▶ what it is, or  ─▶ Reading ─▶ Sink
//	                 AIM identifier, noise   refuse it
//
// One goroutine owns the port: it reads with a deadline, frames, delivers and
// closes. So no read is ever blocked on a port that another goroutine closes,
// and the bytes of the next scan wait in the kernel while the sink works. A
// sink that takes longer than the pause between two scans that have no suffix
// makes them one; give the scanner a suffix.
//
// After a crash nothing is left: a scan that was not accepted was not confirmed
// to anybody. A USB scanner may still hold a scan made while nobody listened,
// and gives it when the port opens.
//
// Proved on a pseudo-terminal, which has no parity, no baud rate and no modem
// lines. Settings for those go to go.bug.st/serial unchanged.
//
// BUG: go.bug.st/serial waits with select(2), which cannot watch a file
// descriptor above 1023. A process that has that many open when a scanner is
// attached cannot use it; the attempt fails, is reported, and is repeated.
package scanner
