// Package feed reads appointment lists as clinics export them.
//
// It promises that
//   - a row is either read as it was meant or left out with its line and reason:
//     what a spreadsheet or a cable damaged is put back only where there is one
//     way to do so, and never guessed;
//   - one bad row costs no other row, and a bad quote never swallows the rows
//     behind it unseen;
//   - every format ends at the same rules (roster.Rules.Check), so a list means the
//     same whichever way it came;
//   - problems and errors name a line, a column, segment or element, and a reason
//     in fixed words, never a value: the value may be about a person;
//   - files, rows, fields, messages, resources and nesting are bounded.
//
// It refuses to guess a character set, the order of day and month, the rest of an
// id that became 1.23E+15, which of two patient numbers counts, and a department
// or provider that no table names. It reads no folder and removes no file: bytes
// in, list out. What a watched folder needs to decide is here all the same
// (Steady, Judge), as rules without input or output.
//
//	bytes --format?--> CSV   records --mapping, repair--+
//	                   HL7   SIU messages, last counts--+--texts--> roster.Rules.Check --> List
//	                   FHIR  resources, references------+                                  |
//	                                             Judge: held for a person, or imported <---+
//
// Formats: CSV in the sense of RFC 4180 with what spreadsheets make of it; HL7
// v2.3 to v2.8 SIU in MLLP frames, as a plain file, or as a batch (FHS, BHS);
// FHIR R4 Appointment, Patient, Location, Practitioner, PractitionerRole and
// HealthcareService in a Bundle or line by line (NDJSON).
//
// The package keeps nothing, so a crash changes nothing.
package feed
