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
//	forms (one file per form and language) --For(mode, language)--> page
//	page --Decision{form, version, sha256, granted}--> Record --> CONSENT_RECORDED + audit
//	                                                                 |
//	CONSENT_RECORDED of another kiosk --Apply--> records of the patient --Fold--> kiosk.Consents
//
// After a crash the patient's row holds every committed record; there is
// nothing else to rebuild.
package consent
