// Package bundle makes the file that a technician sends to whoever helps.
//
// It promises that a bundle holds only what a [Bundle] has a typed place for, that
// the settings in it are those of an allow-list, and that before the file is
// closed every section was searched for what this kiosk knows about people and for
// its secrets: names, birth dates, appointments, codes, keys, tokens and
// passwords, each also in hex, base64, percent code, UTF-16 and JSON's escapes.
// Where something is found nothing is written, and the error names the section
// and the kind of thing, never the thing.
//
// However many people the kiosk knows, all of them are searched for, and their number
// is in about.json; the memory for it grows with the sections, not with the people.
//
// It refuses to leave out silently: a section that is left out, or cut because it
// is too long, is named in about.json. It refuses more than 10 MB.
//
//	Bundle{About, Checks, Config, Metrics, Log, ...} ─▶ sections ─▶ Canaries ─▶ zip
//	                                                                   │
//	                                                                   ▼
//	                                                    "log.txt may hold a name"
//
// After a crash there is a file whose name ends in ".part", or none.
//
// BUG: of a telephone number the kiosk knows two digits, and looks for none. Names
// of fewer than four letters are looked for together with the other name only (in
// base64 five), and birth dates of the last year not at all, since log lines begin
// with dates. While no service runs, or it hangs, only keys, tokens and passwords are
// looked for, not people: the store is not opened.
package bundle
