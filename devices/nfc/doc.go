// Package nfc reads contactless cards and tags: with any reader of the system's
// smart card service (PC/SC), or with an MFRC522 chip on SPI.
//
// It promises: a card that is held to the reader is one devices.Reading until it is
// taken away, however long it stays, and another tap after that is another Reading;
// the reader and the smart card service may go away at any time, and are in use
// again within 3 s of coming back; a tag's memory is read by pure functions over
// bytes, with a bound on every length.
//
// What a tap is, by the first rule that fits:
//
//	a text on the tag that is one of Config.Codes   NDEFText, the text
//	a number that the card makes anew each time     CardUID, Refused: it finds nobody
//	the card's number                               CardUID, capital hex digits
//	more than one card, no number, no answer        CardUID, Damaged
//
// It refuses to prove anything. Anybody can copy a card's number, so whoever uses
// it asks for one more thing that the person knows. It refuses to follow, or to
// hand on, a link on a tag; any text that is not a code of ours; applications on a
// card (no payment, passport or DESFire application is ever selected); and chunked
// NDEF records. A tag is never written to.
//
//	PC/SC service ─┐ reader           tap               Type 2 tag, NDEF    Link.Deliver
//	MFRC522 on SPI ┴▶ look, read 16 ─▶ a new one, or ─▶ one of our codes ─▶ Reading ─▶ Sink
//	                  bytes            still there      or the number
//
// One goroutine owns the reader: it looks ten times a second, reads, delivers and
// closes. pcscd is spoken to over its own socket, and winscard.dll is called as it
// is, so the program stays free of C. Between two looks no card is held open, and
// other programs may use the reader.
//
// After a crash nothing is left: a tap that was not accepted was not confirmed to
// anybody. A card that lies on the reader when the service starts is a tap.
//
// Sources: ISO/IEC 14443-3; NFC Forum Type 2 Tag 1.2, NDEF 1.0 and its Text and URI
// record types; NXP MFRC522 and NTAG213/215/216 data sheets; PC/SC parts 3 and 5;
// PC/SC lite's winscard_msg.h. The register scripts in the tests were recorded from
// the simulator, which was written from the data sheets; no byte in them came from
// a real chip, and testdata/README.md says which of them are published. The dialogues
// with PC/SC are written by hand. The socket was proved with pcscd 1.9.9 and a virtual
// reader, which tells no version of its driver.
//
// BUG: winscard.dll was called by no test: there is no Windows with a reader here.
//
// BUG: pcscd's table has room for 16 slots on one machine, as it is built for
// Debian; one that is built for more is read wrongly and not used.
//
// BUG: what libccid and Windows' driver tell as a reader's version was read in their
// sources and documents, and from no reader.
//
// BUG: the numbers of ISO/IEC 14443-3 type B cards change with each tap, and
// nothing in them says so: such a card is looked up in vain.
package nfc
