// Package consent keeps what patients agreed to.
//
// It promises that
//   - a record is bound to the exact text that was shown: the form's id, version,
//     language and the SHA-256 of its title and text;
//   - records are only ever added. A refusal and a revocation are records too,
//     and the grant before them stays;
//   - whether a consent is in effect is folded from the records: none, not
//     granted, expired to the instant, or given for an older version of the form
//     all mean no;
//   - a record says by what right somebody signed, in a word of a closed list; who is
//     below the form's age does not sign alone;
//   - the answer comes from this kiosk's own durable records, so it is the same
//     without a network;
//   - a record and its audit event are one commit, and repeating the act adds
//     nothing.
//
// It refuses to record a decision on a text that is not the one on file, to
// guess a language (no form in the patient's language means that nothing is
// signed and the desk helps), and to hold a name: the signer is a role.
//
// # Signatures
//
// A form asks for a tap, a typed name or a drawing; a name stands in for a drawing,
// and a refusal is never signed. The record says which it was and, where something
// was typed or drawn, the SHA-256 and size of what is kept. How a form is signed is
// not in its own hash, which is of the text shown; a clinic that wants a consent
// signed anew in another way raises the version.
//
// The design page keeps a signature as a sealed blob beside the store's file, since a
// published event has 20 KiB. Ours never is published: it is an event of a local
// stream, of at most 7 KB (60 strokes, 1,500 points, two bytes each as a pen moves),
// in the same transaction as the record. So neither is ever there without the other, a
// crash leaves no orphan, and the byte budget, the salvage, the audit log, the key
// class of the consents and retention hold for it with nothing added. A salt under the
// seal keeps a name from being guessed from the published hash. It is kept for seven
// years on the kiosk where it was given, since no other place has it; `clinicgate
// consent signature` takes it out, on record.
//
//	forms (one file per form and language) --For(mode, language)--> page
//	page --Decision{form, version, sha256, granted, signature}--> Record --> CONSENT_RECORDED + audit
//	                                                                 \-> signature, sealed, here only
//	                                                                 |
//	CONSENT_RECORDED of another kiosk --Apply--> records of the patient --Fold--> kiosk.Consents
//
// After a crash the patient's row holds every committed record; there is
// nothing else to rebuild.
package consent
