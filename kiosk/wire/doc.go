// Package wire turns stored events into the messages that go over PubNub (and
// the site's broker), and received text back into events.
//
// It promises that
//   - a message is one of the published telemedicine shapes plus the one member
//     gw, so a reader that has never heard of this gateway understands it;
//   - the bytes made for an event, or for a run of events, depend on nothing but
//     the records and the signing key: a retry after a crash signs the same text;
//   - what Verify accepts was signed by the named key for the named channel, and
//     the text that was verified is the text that is parsed: nothing is decoded
//     and encoded again in between.
//
// It refuses to know keys' owners, channels' meaning or the queue: who is
// believed is the downlink's decision. It does no I/O.
//
//	storage.Record --Message/Batch--> signed JSON --(CryptoModule, PubNub)--> text
//	storage.Event  <--Events--------- Envelope <--Parse-- text;  Verify(channel, key)
//
// The form of gw and of BATCH is described in the product's protocol page and
// fixed by the golden files in testdata. Signed text is
//
//	clinicgate/1 LF channel LF RFC 8785 form of the message without gw.sig
//
// Messages are built in RFC 8785 form directly, since bodies are stored in it;
// encoding a second time would cost more than the signature. Numbers stay below
// 2^53; mono and hlc travel as strings.
package wire
