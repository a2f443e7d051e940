// Package mirror writes sealed copies into PubNub's metadata: the open queue of
// each department, and each patient's consents.
//
// It promises that
//   - what it writes is a cache of durable events and never read back as truth;
//   - PubNub, which does not encrypt metadata, holds only base64 of CryptoModule
//     bytes, whose text is a message signed by this kiosk;
//   - two kiosks do not overwrite each other: every write names the ETag that was
//     read, and all consents of a patient are written together;
//   - a plaintext value that it finds is replaced, and told to Foreign.
//
// It refuses to be in anybody's way: it runs behind the events, waits when PubNub
// does not answer, and its failure is a warning.
//
//	queue changed  --settle--> entries --sign, seal--> channel metadata  If-Match
//	CONSENT_RECORDED (from its own cursor) --sign, seal--> user metadata If-Match
//
// After a crash the consent cursor stands before what was being written; writing
// it again gives the same value.
package mirror
