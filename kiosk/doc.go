// Package kiosk owns the clinic's words: ids, the clinic day, statuses and
// priorities, the queue entry, actors, channel names, the published message
// shapes, the event registry and the audit catalogue. Every other package
// adapts one thing to these nouns.
//
// It promises that
//   - names and shapes are those of PubNub's telemedicine vocabulary, so an app
//     that knows the vocabulary needs no adapter;
//   - every kind of event that this product writes stands in one table
//     (registry.go), with its lane, key class, retention, who may publish it, and
//     the audit event that goes with it;
//   - what Journal records is audited in the same transaction, once, by the
//     registry's row: an act without its audit event cannot be written through it;
//   - the same act recorded twice (a second press, a retry after a crash) gives
//     the same ids and so changes nothing.
//
// It refuses to do I/O, to know keys, devices or the network, and to hold a
// person's name in a queue entry or a channel name: a patient is a PatientRef, a
// keyed hash. Domain structs have no JSON tags; the shapes in message.go do, so
// that encoding the wrong one is seen at once.
//
//	rules (queue, consent, roster, checkin) --What--> Journal.Record --> storage.Tx.Append
//	                                                        |
//	                          registry row: kind, lane, audit type --> AuditEvent, same transaction
//
// After a crash there is nothing to repair here: the package keeps no state.
package kiosk
