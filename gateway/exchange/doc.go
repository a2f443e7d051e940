// Package exchange lets the kiosks of a site agree on queue, board and desk while
// the internet is down: they exchange over the site's MQTT broker what they also
// publish to PubNub.
//
// It promises that
//   - what is exchanged are the very messages of PubNub: signed for their channel,
//     encrypted by the CryptoModule; a payload here could be published there;
//   - arrival here counts for nothing there: the uplink still delivers every event
//     of this kiosk, the loss equation and the downlink's cursors do not move, and
//     what comes a second time from PubNub is recognised by its id;
//   - what was lost on the way, or said while a kiosk was off or away, is asked for
//     and answered, by its maker or, where that is not there, by whoever holds it;
//   - the same judge and the same admission as the downlink's decide
//     (downlink.Inlet): only what a listed kiosk, or where the registry lets it the
//     authority, signed with a key that still holds is stored and applied, once.
//
// It refuses, and counts by reason, what is not signed, what belongs to a channel
// that kiosks do not exchange (commands, audit, notifications: kiosk.Channel.Site
// says which and why), what lies too far beyond a hole, and more than a bounded
// number of messages from one kiosk. Keys are no messages and are never taken from
// anywhere but the keyring. It retains nothing on the broker, and trusts the
// broker with nothing: who can write there can keep kiosks apart, not deceive them.
//
//	clinicgate/{site}/x/{kiosk}/{channel}   an event; {kiosk} says it, who made it stands inside
//	clinicgate/{site}/x/{kiosk}/have        what {kiosk} has, in have.go
//
//	own streams --new--> speak --------------------------------> bus
//	     ^    <--what others lack-- replies <-- asked <--have--- bus
//	     |                                        |
//	stored foreign events + proofs           we lack: have ----> bus
//	     ^
//	Inlet.Take <-- Inlet.Judge <-- decrypt, parse <-- inbox <--- bus
//
// Each kiosk has a credential of its own with the broker and may write below its
// own id only; the broker's access list enforces it (packaging/mosquitto).
//
// # What a kiosk can answer
//
// Its own events it signs again, with the key of the day. Of others' it keeps
// beside the record what the record lacks of the message, key id and signature, for
// the newest downlink.Window (2048) of each stream; body and proof make the text
// again, byte for byte (wire.Again). What came from PubNub in a batch has no
// signature of its own and cannot be shown to others. A reply is at most 256
// events; who lacks more asks again.
//
// # Saying what one has
//
// After each connection, when an event shows a hole, when another has more, and
// every minute or so a kiosk says of each (kiosk, inc, channel) the last sequence
// number up to which it has everything, and a few ranges above. It does so at most
// every 2 s, spread at random. The message is signed for its topic, so that nobody
// can ask in another's name, and one that is not newer than the last is refused. Of
// an earlier life of a store only those speak who know it.
//
// # Time
//
// There is no publish timetoken here to hold against a key's end, so that the time
// of arrival is held against it; where nobody has told the time, a key that ends is
// not believed. A kiosk without trusted time takes part: the fold orders its events
// by its clock, and all see them move alike when its correction comes.
//
// # After a crash
//
// Nothing is kept but the proofs, which are written with their events. What was
// not said before is asked for by those who lack it.
//
// BUG: what a provider's own app says unsigned reaches only those kiosks that reach
// PubNub; until the others do, their queues may differ by it.
package exchange
