// Package aamva reads the PDF417 code on the back of North American driving
// licences and identity cards, as the AAMVA DL/ID card design standard defines
// it (annex D of versions 1 of 2000 to 10 of 2020; of version 11 it takes the
// elements that it knows).
//
// It promises: what the standard says is read to the letter first (Strict);
// only what does not keep to it is read by what can still be made out
// (Tolerant), and both give the same card for the same licence. A licence that
// was cut off anywhere gives an error or, where only the end of what nobody
// uses is missing, the very same card; never another one. It is pure: bytes in,
// card out, no I/O, no clock, nothing remembered.
//
// It refuses to keep. Of the some thirty things that a licence says it takes
// birth date, names, suffix, expiry, kind of document and country; address,
// licence number, document discriminator, sex and all else are never copied out
// of the input, and what it does give is copied, so that the input can go. It
// refuses to prove anything: whoever holds a licence may have found it, so a
// Card supports identifying somebody and is no proof. For the same reason it
// does not judge: a card that has expired still says when its holder was born.
// It refuses to guess: a name that the issuer cut short is ErrCut, two birth
// dates are ErrDamaged.
//
//	bytes ─▶ strict: header, designators, subfiles, elements ──────┐
//	   └─ if not ─▶ tolerant: file type, issuer, version; whatever ─┴▶ the few
//	                stands at the start of a line; is it whole?        fields ─▶ Card
//
// What the tolerant reader forgives has been seen on real cards or scanners:
//   - keyboard emulation that drops, reorders, doubles or spells out the control
//     characters (CR as "M", RS as "6"), and noise between 0x80 and 0x9F, as of
//     the DS4308;
//   - offsets that are one too high (South Carolina), letters (Alberta) or zero
//     (Ontario), a first subfile without its type (West Virginia, Wyoming), a line
//     feed after the type (Colorado) or before the terminator (New York,
//     Virginia);
//   - a middle initial among the first names (Wyoming), a comma after the surname,
//     names of version 1 between commas, $, @ or blanks, day formats of either
//     country, NONE and UNAVL for what there is not;
//   - a lost last terminator, which scanners take for their own line end.
//
// There is nothing to recover after a crash: nothing is kept.
//
// The formats and faults are those of the standard, and of the readers
// benhovinga/aamva_barcode_library and c0shea/IdParser, whose 62 test licences of
// 50 issuers it reads. It has not seen a real licence.
//
// BUG: a text without any separator between its elements cannot be read, and
// neither can a damaged one that is UTF-8; the standard's own character set is
// ISO 8859-1.
//
// BUG: an issuer whose designators promise more characters than there are is not
// believed where keyboard emulation took the terminators: the licence looks cut
// off, and the person types her name.
package aamva
