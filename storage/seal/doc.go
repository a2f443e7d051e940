// Package seal encrypts one record at a time and ties it to its place.
//
// It promises that a sealed record opens only with its own key and only in the
// place it was sealed for: the same store, the same bucket, the same key bytes
// in that bucket. A record that was edited, cut, moved, renamed, renumbered or
// carried to another store does not open. bbolt checks only its meta pages, so
// this is also the content check of the store.
//
// It refuses to say why a record does not open. Every kind of damage is
// ErrOpen; only a key that the caller does not hold has a name of its own,
// ErrKeyUnknown, since the key id is readable by anyone anyway. It also refuses
// counted nonces: a counter kept in the database repeats after a rollback or a
// restored image, and GCM does not survive a repeated nonce.
//
//	plain ─┐
//	place ─┼─ Seal(AEAD) ─▶ record ─▶ bbolt ─▶ record ─┬─ Open(Keys) ─▶ plain
//	        \                                    place ─┘     │
//	         store id, bucket, key bytes                      └─ ErrOpen, ErrKeyUnknown
//
// A record is
//
//	version(1) | suite(1) | key id(8) | nonce(12) | ciphertext | tag(16)
//
// Suite 1 is AES-256-GCM with a random nonce, in the form that the FIPS 140-3
// module of Go accepts (cipher.NewGCMWithRandomNonce). The associated data is
//
//	"clinicgate/record/1" | version | suite | key id | store id(16) |
//	len(bucket)(2) | bucket | len(key)(4) | key            (big-endian lengths)
//
// The place holds the bucket's key bytes rather than the fields they encode
// (stream, life, sequence): it is the strongest binding there is, since bbolt
// itself knows a record by nothing else, and it cannot drift from the layout.
// Where a layout abbreviates (a number for a stream's name), the record that
// explains the abbreviation must itself be sealed.
//
// A key's id is derived from the key, so that a key can never be filed under
// another's id.
//
// After a crash there is nothing to repair here: the package keeps no state but
// a count of uses per key, which its owner persists (see AEAD.Uses).
package seal
