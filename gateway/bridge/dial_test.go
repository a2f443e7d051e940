package bridge

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// packetOf is an MQTT packet with a body of n bytes.
func packetOf(n int) []byte {
	return append(binary.AppendUvarint([]byte{0x30}, uint64(n)), make([]byte, n)...)
}

// A packet that is too large is noticed at its length, wherever the reads were cut; what
// is as large as it may be passes.
func TestSizeGuardAtEverySplit(t *testing.T) {
	const limit = 300
	var good []byte
	for _, n := range []int{0, 1, 127, 128, limit, 2} {
		good = append(good, packetOf(n)...)
	}
	header := binary.AppendUvarint([]byte{0x30}, limit+1)
	for name, bad := range map[string][]byte{"one too many": header, "a length without end": {0x30, 0xff, 0xff, 0xff, 0xff}, "256 MiB": binary.AppendUvarint([]byte{0x30}, 1<<28-1), "padded length": {0x30, 0x80, 0x80, 0x80, 0x80}} {
		for split := range len(good) + len(bad) {
			g, all := &sizeGuard{limit: limit}, append(bytes.Clone(good), bad...)
			first, second := g.follow(all[:split]), error(nil)
			if first == nil {
				second = g.follow(all[split:])
			}
			if first == nil && second == nil || split <= len(good) && first != nil {
				t.Fatalf("%s, cut at %d: %v, %v", name, split, first, second)
			}
		}
	}
	for split := range len(good) {
		g := &sizeGuard{limit: limit}
		if g.follow(good[:split]) != nil || g.follow(good[split:]) != nil || g.body != 0 || g.inside {
			t.Fatalf("cut at %d: good packets end in %+v", split, g)
		}
	}
}

// Cut or whole, a stream is judged alike, and nothing that passes is larger than the limit.
func FuzzSizeGuard(f *testing.F) {
	f.Add(append(packetOf(3), packetOf(200)...), uint(4))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, uint(2))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint) {
		const limit = 64
		at := int(cut % uint(len(stream)+1))
		whole, cutUp := &sizeGuard{limit: limit}, &sizeGuard{limit: limit}
		one := whole.follow(stream)
		two := cutUp.follow(stream[:at])
		if two == nil {
			two = cutUp.follow(stream[at:])
		}
		if (one == nil) != (two == nil) || one == nil && (whole.body != cutUp.body || whole.inside != cutUp.inside) || one == nil && whole.body > limit {
			t.Errorf("%x cut at %d: %v %+v, %v %+v", stream, at, one, whole, two, cutUp)
		}
	})
}
