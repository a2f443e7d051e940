// Package pubnub is the gateway's way to PubNub, and the only package that
// imports its SDK (v7.4.0, the newest that resolves).
//
// It promises:
//
//   - Publish sends a ciphertext at most once and says what became of it:
//     accepted, refused for good, refused for now, or unknown. That judgement
//     comes from what the transport saw (the status, whether the request went
//     out), never from the text of an SDK error.
//   - Subscription hands over exactly the bytes that arrived and survives
//     whatever the network or another publisher sends. No answer ends it or
//     makes it spin.
//   - History gives what was stored after a timetoken, oldest first.
//   - Every call ends within its timeout, with its context, or with Close.
//   - No error or log line holds an address, token, key or payload.
//
// It refuses to authenticate: CryptoModule's AES-CBC only hides. Who may have
// sent what is decided by the signature inside the message, on the decrypted
// text. It keeps nothing: after a crash the caller publishes the same bytes
// again and reads History from its own cursor.
//
//	uplink ── Cipher.Encrypt ──▶ Publish ──▶ SDK ──┐
//	                             SetState          │
//	                                               ├▶ transport ──▶ proxy, TLS ──▶ PubNub
//	downlink ◀─ Cipher.Decrypt ◀─ Subscription ────┤   token, bounds, what happened
//	                              History, HereNow ┤        │
//	                              metadata, Time ──┘        │
//	                                                        ▼
//	          who waits with a backoff ◀──────────────── Link
//
// # The SDK, fenced
//
// The SDK makes the requests of Publish and SetState, reads tokens, and its
// crypto package does the AES. It gets no logger (it prints keys, tokens and
// plaintext), no CryptoModule (a malformed string would crash the process, and
// text beyond U+FFFF would be corrupted), no token (its errors hold the
// address) and no workers (a publish under an ended context would never
// return). It runs on our goroutine under recover, over our http.Client.
//
// Its subscribe loop is not used, though a supervisor around it was the plan,
// because no supervisor can hold it: it decodes messages in goroutines of its
// own, where a panic cannot be recovered. A file message {"message":"hi"}, or a
// message action without "event", from anybody who may publish on the channel
// ended the process in a test here, without any CryptoModule. Besides, it
// stops for good at one 503, takes the digits 403 in a timetoken for a refusal
// and forgets its channels, spins on a portal's page, delivers out of order,
// and moves its cursor before a message was handled. The poll is one request;
// Subscription makes it on the same transport.
//
// Its Fetch panics on a stored {"message":"hi"} and cannot give the bytes as
// they came; its App Context calls have no If-Match; its Time goes through
// float64; its HereNow takes any JSON for an empty room. Those are REST
// requests as well.
//
// What remains: the SDK leaves one parked goroutine behind for each Client
// that was used and closed. A gateway makes one Client.
//
// # Networks of clinics
//
// Proxy (with credentials and exceptions) and private CAs are settings. A poll
// ends itself after 50 s, before middleboxes cut it; one that was cut late
// counts as empty. A success that is not JSON, a redirect or a filter's page is
// not PubNub's: it refuses no message and makes Link say down. Link turns up
// with the first proper answer, which after a failure takes at most RetryMax
// and a round trip, because the poll then greets first.
package pubnub
