// Package roster knows who is expected.
//
// It promises that
//   - an import is durable when it returns, and importing the same file again
//     changes nothing;
//   - the good rows of a file count and each bad one is reported with its line and
//     reason, never with its content;
//   - every kiosk gets the list: a row that is new or changed travels as part of a
//     ROSTER event on roster.{department}, sealed and signed like all others, and
//     of two versions of a row the later one counts everywhere;
//   - an appointment's QR code is opaque, good for one day, and made by the holder
//     of the clinic's signing key alone; a kiosk verifies it without a network and
//     cannot make one;
//   - an appointment that is cancelled, or moved to another day, goes from every
//     kiosk's list, and an older version that arrives later does not bring it back;
//   - an unknown code, a forged one and a mistyped one cost the same work and give
//     the same answer; so do a wrong name, a wrong birth date and a stranger;
//   - who came without being on the list is remembered by their entry, as long and
//     as sealed as the list (ROSTER_PERSON).
//
// It refuses to take an appointment away because a later file does not list it
// (the patient may be on the way), to put a name anywhere but into sealed rows
// and roster channels, and to keep them beyond the clinic day that follows.
//
//	file --feed.Read--> []Appointment --Import--> view rows + ROSTER events --> other kiosks --Apply--> their rows
//	                     |
//	                     +--Maker.Codes (off the kiosk)--> QR text and typed code per appointment
//	[]Cancellation --Cancel--> rows marked, without a name + ROSTER events --> other kiosks
//	scan or typed code --Find--> Appointment
//	walk-in, provisional arrival --Remember--> view row + ROSTER_PERSON event --> other kiosks
//	birth date and name --FindByPerson--> identity.Match --> what one person has that day
//
// After a crash a half-done import has kept whole parts; run it again and the
// rest follows.
package roster
