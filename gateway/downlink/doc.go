// Package downlink brings what others published into the store.
//
// It promises that
//   - an event of another kiosk, the authority or a bound provider is stored and
//     applied exactly once, in the same transaction that moves the channel's
//     cursor;
//   - live delivery is only a doorbell. The truth is the message history from the
//     persisted cursor, and each read overlaps the last two minutes, so that what
//     became visible late is still seen;
//   - nothing is believed because it could be decrypted. Who may say what is
//     decided in judge.go, and every refusal is counted by reason;
//   - a message that nobody can read or believe never stops the ones behind it.
//
// It refuses to answer live messages (signalling, presence) from history, and to
// take an event back once seen: the same id with other content is a conflict.
//
//	Listen ----doorbell---> due --> History(cursor - 2 min) --> decrypt, parse, judge
//	                                                                 |
//	                        store.Update{ Append foreign, Apply, cursor } <--+
//
// After a crash the cursor stands where the last transaction left it; what was
// read beyond it is read again and recognised by its id.
package downlink
