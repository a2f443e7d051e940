// Package emulator is a PubNub double for tests and the demo: one http.Handler
// that answers the REST protocol closely enough for the official SDKs, keeps
// everything in memory, and fails in chosen ways on request.
//
// It is no service. It is written from protocol notes alone, uses the standard
// library alone, is meant for loopback, and must never be linked into the
// product's binary.
//
// # What it promises
//
//   - Timetokens are unique and increasing for the whole keyset, whatever the
//     clock does.
//   - A publish that was answered with [1,"Sent",tt] was shown to every Tap, in
//     timetoken order, and is in History unless it asked not to be stored. A lost
//     reply (see Faults) changes nothing about that: this is how a test learns
//     what was really accepted.
//   - Limits are enforced on the strict side where the notes disagree: the 32 KiB
//     rule counts the URL-encoded form for GET and POST alike, names follow the
//     documented alphabet, and a publish to a name of three or more dots is
//     refused as on a keyset with wildcards.
//   - A subscriber that falls behind the buffer loses the oldest messages without
//     a word, as on the real service.
//   - Memory is bounded (see Options). At a bound the oldest history goes; a test
//     that must see everything uses Tap or raises the bound.
//   - No goroutine of its own: timers exist only while somebody is present or a
//     delivery is held, and Close stops them. Durations run on the time package,
//     so they are virtual inside a testing/synctest bubble; Options.Now only
//     shapes timetokens, timestamps and token expiry.
//
// # What it refuses to do
//
// Files, push provisioning, Functions, presence interval mode and Access Manager
// v2 are not modelled and answer 404. There is no disk: a restart forgets.
//
// # Flow
//
//	request ─▶ route ─▶ faults (before) ─▶ token or signature ─▶ handler ─▶ faults (after) ─▶ reply
//	                                                               │
//	          publish ─▶ accept: timetoken ─▶ history ─▶ taps ─▶ deliver
//	                                                               │
//	               topics: a.b.c, a.*, a.b.* ─▶ last 100 each ─▶ wake held polls
//
// A subscriber's position is the timetoken of a delivery, which is the publish
// timetoken except where a fault delivers late or twice; a poll collects, over
// all its topics, what lies beyond its position.
//
// # Choices where the notes leave one
//
// A message that matches several subscriptions of one poll is delivered once,
// under the most direct match. A held poll ends with 403 when its token expires
// or is revoked. ETags are fingerprints of the content. A deletion range
// excludes its start and includes its end (Options turn that round).
package emulator
