// Package printer prints tickets on receipt printers that speak ESC/POS: on the
// network (TCP 9100), by USB as a printer, or by a serial line.
//
// It promises: what is on paper is a Ticket, whose schema cannot hold anything
// about a person; no text can become a command, and none opens a cash drawer; a
// ticket is in the patient's language, in the printer's own letters where its code
// page has them all and as a picture where not; attached means that a ticket would
// come out: no paper, an open cover, a jam and a pulled plug are all a loss, with
// the reason in fixed words; the same command prints once, however often it is
// given and however often the connection goes away in between.
//
// It refuses to print for nobody: a ticket that had not begun when its caller
// stopped waiting is not printed later. It refuses to draw in another language
// what it cannot draw in the patient's, and says so instead.
//
//	Command ─▶ Ticket ─▶ encode ─▶ bytes ─▶ send in pieces ─▶ GS r: "done"
//	           closed     pure      (golden)      │    DLE EOT: paper, cover, jam
//	           schema                              └─ broke off: cut what hangs out, print it again
//
// A connection that breaks in the middle of a ticket leaves half of it in the
// printer. Then zeros fill the picture that the printer may wait for, the half is
// cut off, and the whole ticket is printed, at most three times in all while the
// caller waits. Where it broke between the last byte and the printer's word, nobody
// knows whether there is a ticket, and it is printed again: two of one number do
// no harm, and a patient without one looks for somebody to ask.
//
// A printer that does not answer DLE EOT (Status.Answers is false) is used all the
// same: a ticket counts as taken over when the connection took every byte. Its
// paper and jams are not seen. One that leaves the question open is asked once more before
// that is believed, and before a printer that answered is a loss.
//
// After a crash of the process there is nothing to recover here: commands are
// remembered in memory alone. Who gives them keeps on disk which it gave
// (the gateway does), and the first connection of a process begins by ending what
// an earlier one may have left half-sent: a strip of empty paper.
//
// Sources: Epson's ESC/POS command reference. Proved with devices/simulator over
// TCP and a pseudo-terminal; no byte here has come from real hardware yet.
//
// BUG: a printer of another make may know a code page by another number than
// Epson's; set the code page to "picture" where letters come out wrong.
//
// BUG: a printer that answers DLE EOT and not GS I (the version of its firmware) makes
// the first ticket of a connection wait for up to two seconds.
//
// BUG: a serial line is written without flow control: a printer whose memory is
// smaller than a picture loses rows at high speed. Use its USB or network plug.
package printer
