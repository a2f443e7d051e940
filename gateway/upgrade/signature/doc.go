// Package signature says who released a file: what packages are signed with when
// they are made, and what `clinicgate upgrade` demands before it runs one.
//
// # Form
//
// A signature is a file beside the signed one, with ".minisig" after its name, in
// the format of minisign (prehashed), so that a person can check a release with a
// tool that is not ours:
//
//	minisign -V -p release.pub -m clinicgate_1.4.0_linux_amd64.tar.gz
//
//	untrusted comment: signature of clinicgate
//	base64("ED" | key id 8 | Ed25519(BLAKE2b-512(file)) 64)
//	trusted comment: clinicgate file:NAME version:1.4.0 target:linux/amd64 store:1
//	base64(Ed25519(signature 64 | trusted comment))
//
// The trusted comment is signed too. It binds the bytes to a name, a version, a
// target and a store format, so that an old release, or one for another machine,
// cannot be passed off as the one that is wanted. Words that a reader does not know
// are left alone.
//
// Keys are minisign's as well: the public one is a line of base64, the private one
// is a file without a password (minisign -G -W, or the packages' builder with
// -new-key), which the machine that makes releases must guard by itself.
//
// # Refusals
//
// Verify believes nothing in a signature before both of its halves verify under a
// key that it was given, refuses minisign's old form without a hash, any text that
// is longer than 4 KiB, and a comment that does not say what the file is.
package signature
