// Package speech is the file that holds a language's recorded speech: a pack.
//
// It promises that a pack that Read accepted is whole (its checksum is right),
// bounded in every number, and consistent: each clip lies where the index says.
// A pack is made at build time by a speech synthesiser and only read here, so
// the kiosk needs no synthesiser and says nothing that was not recorded.
//
// A clip is found by the very text that it speaks. Numbers for clips were
// rejected: a pack of another version of the page would then say something else
// than the screen shows; by text it can only be silent.
//
// The file {language}.speech, all numbers big-endian:
//
//	"clinicgate speech 1\n"
//	4 bytes   length of the index
//	index     JSON {"language": tag, "rate": samples a second, "clips": [{"text", "bytes"}, ...]}
//	clips     G.711 µ-law, mono, one after the other in the index's order
//	32 bytes  SHA-256 of everything before
//
// µ-law keeps speech at one byte a sample, every browser decodes it in a few lines,
// and no encoder has to be linked. WAV would be twice the size; Opus needs cgo.
package speech
