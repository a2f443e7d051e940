// Package uplink takes what the store holds for the outside to PubNub.
//
// It promises that
//   - events of a stream (a kiosk's channel) are accepted in their order, each at
//     least once; readers drop repeats by the event's id, which never changes;
//   - a request that may have been accepted is repeated with the very same bytes;
//   - nothing is lost: an event leaves the outbox when PubNub accepted it, or when
//     it was refused for good, and then a signed GAP record and an audit event
//     stand in its place;
//   - an emergency does not wait behind a backlog: streams are served by lane, and
//     places are kept free for the urgent ones.
//
// It refuses to publish in the clear: without a cipher key everything waits. It
// refuses to have two requests in flight on one stream, which would be faster
// and would let a retry overtake its successor.
//
//	storage.Outbox --read from cursor--> frozen (signed, encrypted) --Publish--> PubNub
//	     ^                                                             |
//	     |                                  accepted: Advance <--------+
//	     |                     refused for good: GAP, Advance <--------+
//	     |      refused for now, unknown: same bytes again after a wait +
//
// After a crash the cursor stands before what was in flight. The text that is
// made again is the same (package wire), only its encryption differs, and the
// readers' rule drops the repeat.
package uplink
