// Package keyring keeps every key of a kiosk in two small files beside the data.
//
// It promises:
//
//   - No key is in clear on the disk. The key source unseals a root key; the
//     root wraps the KEK; the KEK encrypts the keyring; the keyring holds the
//     data keys, by class and epoch, and the clinic's shared secrets.
//   - A key is durable in both copies before anything is sealed with it.
//   - A lost, torn or older copy is repaired from the other one.
//   - A source that gives another key is ErrWrongKey and changes nothing. There
//     is no way to lay a new keyring over one that is there, readable or not.
//   - Key material never prints: not in logs, errors, lists or formatted structs.
//
// It refuses to hold any decision of the store: which classes there are, when a
// key is old, what is erased. It refuses secrets in the environment and on the
// command line. A single file was rejected: replacing a file is atomic only as
// far as the file system keeps its word, and the keys are worth more than that.
// So was a keyring inside the database: a damaged database must not take its own
// keys along.
//
//	Source ──Unseal──▶ root ──HKDF──▶ wrapping key ──▶ KEK ──▶ body of keyring.a, keyring.b
//	                    │                                        ├ data keys {class, epoch, state}
//	                    └──HPKE──▶ clinic's offline key          └ secrets {kind, id, from, until}
//
//	Rotate:   pending in a, in b  ─▶  active in a, in b  ─▶  Active gives it
//	Destroy:  key gone and KEK new in a, in b  ─▶  its records are erased
//
// A data key is pending, then active (one per class: it seals), then
// decrypt-only, then destroyed. Epochs count up for ever and are never reused.
//
// What erasure may claim: once Destroy has returned, the keyring cannot open the
// records any more. Old copies of the keyring that a flash chip remaps or a
// backup keeps are wrapped by the same root key; whoever has both still opens
// them. ChangeSource ends that as well.
//
// After a crash, one copy may be a generation ahead of the other, or a ".new"
// file may be left over. Open takes the newest copy that opens and writes both
// anew. Whatever a method had returned nil for is there; whatever was
// under way is there or not, never half.
package keyring
