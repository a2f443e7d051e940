package aamva

// header is what stands before the subfiles. Its fixed part has 19 characters in
// version 1 and 21 since, which added the issuer's own version number:
//
//	@ LF RS CR ANSI_ 636000 10 [01] 02   then for each entry   DL 0041 0278
//	           type  issuer version  entries                   type offset length
type header struct {
	issuer  int
	version int
	entries []designator
}

// designator says where a subfile is, and how long, its type and terminator
// included. -1 for a number that cannot be read.
type designator struct {
	kind           string
	offset, length int
}

const (
	designatorLength = 10
	maxEntries       = 10
	newest           = 11 // version of the standard
)

// readNumbers reads what follows the file type, and gives the entries that
// there should be and what follows.
func (h *header) readNumbers(s string) (entries int, rest string, ok bool) {
	if len(s) < 10 {
		return 0, "", false
	}
	if h.issuer, h.version = number(s[:6]), number(s[6:8]); h.issuer < 0 || h.version < 0 {
		return 0, "", false
	}
	rest = s[8:]
	if h.version >= 2 {
		if len(rest) < 4 || number(rest[:2]) < 0 {
			return 0, "", false
		}
		rest = rest[2:]
	}
	entries = number(rest[:2])
	return entries, rest[2:], entries >= 1 && entries <= maxEntries
}

// readDesignator reads one entry; s is long enough.
func readDesignator(s string) designator {
	return designator{s[:2], number(s[2:6]), number(s[6:10])}
}

// document gives the kind of card that a subfile is of. EN is an enhanced
// licence.
func document(kind string) (Document, bool) {
	switch kind {
	case "DL", "EN":
		return DrivingLicence, true
	case "ID":
		return IdentityCard, true
	}
	return "", false
}

// country gives the country of an issuer, by the AAMVA's list of issuer
// identification numbers (IIN) of December 2023.
func (h header) country() Country {
	switch h.issuer {
	case 604426, 604428, 604429, 604432, 604433, 604434, 636012, 636013, 636016, 636017, 636028, 636044, 636048:
		return Canada
	case 636056, 636057:
		return Mexico
	case 604427, 604430, 604431:
		return USA
	}
	if h.issuer >= 636000 && h.issuer <= 636062 {
		return USA
	}
	return ""
}
