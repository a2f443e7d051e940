package speech

import "math/bits"

const (
	bias = 0x84 // of G.711: makes every segment begin at a power of two
	clip = 32635
)

// Encode makes G.711 µ-law of 16-bit samples, a byte each.
func Encode(pcm []int16) []byte {
	out := make([]byte, len(pcm))
	for i, s := range pcm {
		sign, v := byte(0), int(s)
		if v < 0 {
			sign, v = 0x80, -v
		}
		v = min(v, clip) + bias
		segment := bits.Len(uint(v)) - 8
		out[i] = ^(sign | byte(segment<<4) | byte(v>>(segment+3)&0x0f))
	}
	return out
}

// Decode gives the samples back, each within a sixteenth of what it was.
func Decode(mulaw []byte) []int16 {
	out := make([]int16, len(mulaw))
	for i, b := range mulaw {
		b = ^b
		v := (int(b&0x0f)<<3+bias)<<(b>>4&7) - bias
		if b&0x80 != 0 {
			v = -v
		}
		out[i] = int16(v)
	}
	return out
}
