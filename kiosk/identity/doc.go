// Package identity tells whether a person at the kiosk is one of those expected.
//
// It promises that
//   - a person is found by date of birth and name; a second factor (the time of
//     the appointment, then the last two digits of the phone) is asked only when
//     more than one person answers to both, and who is still not told apart goes
//     to the desk;
//   - a name is one however it is written: case, accents, hyphens, apostrophes,
//     spaces, order, particles, a second surname or further given names left out
//     or added at the end, umlauts and ß spelled out, the Turkish and the Vietnamese letters,
//     full and half width, and the native script where the list has it;
//   - a wrong date, a wrong name, a wrong factor and a person who is not expected
//     give one answer, after the same work: every candidate is folded and compared
//     to the end, whatever came of those before.
//
// It refuses to guess. A name is never turned from one script into another, a
// nickname is not resolved, a mistyped letter is not forgiven, and no measure of
// likeness decides: twins are called Jan and Jana, and a wrong match shows one
// person's visit to another, while the desk is three steps away. It lists no
// names and puts nothing of a person into an error.
//
// It is a leaf below roster, which knows where candidates are kept, and checkin,
// which counts attempts: the rules of names are the one thing here that changes
// with the world's names and with nothing else.
//
//	Claim {birth, name, time, phone}      Candidate {birth, family, given, native, time, phone}
//	       | fold, words                           | fold, words: units of the surname and of the given names
//	       +-----------------> agree? <------------+      for every candidate
//	                             |
//	         people who agree: none -> None   one -> One   more -> AskTime, AskPhone, Desk
//
// It keeps nothing, so there is nothing to be true after a crash.
package identity
