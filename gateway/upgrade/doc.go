// Package upgrade puts another version of the program in the place of the installed
// one, and takes it back by itself where that does not serve patients.
//
// It promises:
//
//   - Nothing is run that the release's key did not sign for this target, that is
//     older than what runs (unless that is meant), that was taken back before, or that
//     writes a store which the installed program could not read: so there always is a
//     way back. A format of the store thus comes in two releases: one that reads it,
//     then one that writes it.
//   - The new program has 45 s from the stop of the old one to prove itself: it
//     commits and reads back, its page answers, and it sees every device that was
//     ready before, for 5 s on end. Otherwise the old one is put back and started, and
//     serves again within 60 s where its own start takes no longer than 8 s.
//   - A build that was taken back is remembered by version and SHA-256, and refused.
//   - A power cut or a kill at any step ends in the old program or the new one, whole.
//
// It refuses to do this for a package of the system's (dpkg, rpm), whose manager
// would not know.
//
//	clinicgate upgrade FILE ─▶ verify ─▶ clinicgate.new, clinicgate.old, journal
//	                                            │
//	keeper (the old program,                    ▼
//	a service of its own):   planned ─▶ swapping ─▶ trial ─▶ confirmed
//	                            │           │         │
//	                            ▼           └────┬────┘
//	                        not done             ▼
//	                                         returning ─▶ rolled back, refused from then on
//
// Who takes a program back that cannot even start? Not it, and not the service: the
// keeper, a copy of the old program that runs as a service of its own
// (clinicgate-upgrade) for as long as an upgrade goes on. The service manager starts
// it again after a kill and at the next boot, and it goes on where the journal says.
// Every decision is in the journal, synced, before it is done; every act may be done
// twice. Programs are renamed into their place whole, so that on Linux there is one at
// every moment; on Windows, where a program that runs (such as a kiosk session's)
// cannot be replaced, it is moved out of the way first, and there is none between the
// two renames. The keeper begins with the machine, before the service's delayed start,
// and puts one there.
//
// Limits:
//
//   - BUG: what a release says about the format of its store is believed, since it is
//     signed. One that lies, and changes the format on its trial, leaves a store that
//     the old program refuses by name.
//   - BUG: the keeper was never run as a service of Windows; the 60 s there are not
//     proved.
//   - BUG: on Windows nobody tells how often a service ended, so that one that ends at
//     once is taken back only when its 45 s are over.
package upgrade
