// Package archive is the form of a backup: one file with a store at one commit, its
// blobs, its keyring and the kiosk's settings.
//
// It promises:
//
//   - What is read is what was written, all of it, in order, or an error: each part
//     of 64 KiB is sealed to its place and to the header, the last one is marked,
//     and a manifest with sizes and SHA-256 sums ends the file.
//   - Nothing in it is in clear but the header, which names the kiosk, the build and
//     the time. Records and blobs are sealed a second time.
//   - Whoever can open the kiosk's keyring can open its backups, and nobody else:
//     with the key source that the keyring had, or with the clinic's recovery key.
//   - Reading takes bounded memory, whatever the file claims.
//
// It refuses files of a newer form, by name, and names of members that are not those
// of a store.
//
// The file:
//
//	"CGBK" | version(1) | len(4) | header, JSON in clear { kiosk, build, time, salt, keyring }
//	part | part | ... | last part          each AES-256-GCM, 64 KiB, nonce = number | last
//	 └─ inside, one after the other: len(1) name size(8) bytes, ... , 0 len(4) manifest
//
// The key is HKDF-SHA-256 of a secret of the keyring, with the header's salt, and
// bound to the SHA-256 of all that stands before the first part.
//
// After a crash while one is written, what is there has another name (Create) and
// does not read. A restore that was decided is finished by the next start (Settle).
//
// BUG: a backup holds the keyring as it was. Data keys that were destroyed after it
// was made are still in it: an erasure is complete when the backups of before are gone.
//
// BUG: the stores of dead kiosks that this one sends for are not in its backup; their
// own backups bring them back.
package archive
