// Package desk is the clinic's desk: a page for the clinic's own network, by
// which staff see who waits and call them, with the internet or without.
//
// It promises that
//   - a name is shown only to a person who has logged in, with a PIN, at a browser
//     that was paired, over TLS; whose session ends, by idleness, logoff,
//     revocation or another login, sees an empty page within a second;
//   - every act is done under that person's name, by the clinic's own rules, and
//     repeating a request does nothing twice;
//   - a pairing code works once, for ten minutes; the browser's key and the PINs
//     are kept as hashes only, in the sealed store, with the audit event of each
//     change in the same commit;
//   - guessing is bounded: a code is void after its tries, and a person, a browser
//     and the pair of them are each made to wait, longer each time. A wrong PIN, a
//     person who does not exist and one without a PIN get the same answer for the
//     same work;
//   - nothing about a person is in an address, a cookie, browser storage, a log
//     line or an error.
//
// It refuses to know the queue's rules (Clinic does), to log anybody in by a
// badge or a cookie alone, to keep a login across a restart, and to answer by a
// name that is not in its list of hosts. Accounts of the operating system were
// rejected for logging in: a desk's computer is shared, and its account says
// nothing about the person in front of it.
//
//	clinicgate desk pair --> code --POST /pair--> __Host- cookie (hash kept)
//	clinicgate desk pin  --> Argon2id               |
//	                            |                   v
//	                     POST /login --> session --POST /act--> Clinic.Do
//	                                        |
//	Clinic.Watch --> Clinic.View --> picture --SSE--> page
//
// After a crash the paired browsers, the PINs and the certificates are there;
// nobody is logged in, and waits that followed wrong PINs begin again.
package desk
