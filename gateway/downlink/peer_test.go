package downlink

import (
	"testing"

	"pgregory.net/rapid"
)

// What is seen is seen once, whatever the order, and GAP records between; the
// contiguous mark stands at the end of what is seen or absent without a hole.
func TestProgressSeesEachOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const top = 60
		p := new(progress)
		var seen, absent [top + 2]bool
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			first := rapid.Uint64Range(1, top).Draw(t, "first")
			if rapid.IntRange(0, 3).Draw(t, "op") == 0 {
				last := rapid.Uint64Range(first, min(first+9, top)).Draw(t, "last")
				p.skip(first, last)
				for seq := first; seq <= last; seq++ {
					absent[seq] = true
				}
			} else if fresh := p.see(first); fresh == seen[first] {
				t.Fatalf("see(%d) = %v, seen before: %v", first, fresh, seen[first])
			} else {
				seen[first] = true
			}
			want := uint64(0)
			for seen[want+1] || absent[want+1] {
				want++
			}
			if p.contiguous != want {
				t.Fatalf("contiguous %d, want %d", p.contiguous, want)
			}
			again := new(progress)
			if err := again.unmarshal(p.marshal()); err != nil {
				t.Fatal(err)
			}
			p = again
		}
	})
}

// A hole that is never filled is given up, and then nothing in it is believed.
func TestProgressGivesUpAHole(t *testing.T) {
	p := new(progress)
	for seq := uint64(3); seq <= aheadLimit+3; seq++ {
		if !p.see(seq) {
			t.Fatalf("%d was not fresh", seq)
		}
	}
	if p.contiguous != aheadLimit+3 || len(p.ahead) != 0 {
		t.Fatalf("contiguous %d with %d ahead", p.contiguous, len(p.ahead))
	}
	if p.see(1) || p.see(2) || p.see(3) {
		t.Fatal("an event below the mark was taken")
	}
}

func TestProgressBoundsWhatIsAbsent(t *testing.T) {
	p := new(progress)
	for n := range uint64(2 * absentLimit) {
		p.skip(10+3*n, 10+3*n)
	}
	if len(p.absent) > absentLimit {
		t.Fatalf("%d ranges remembered", len(p.absent))
	}
	// A range as large as a sequence can be costs nothing.
	p.skip(1, 1<<53-1)
	if p.contiguous != 1<<53-1 || len(p.absent) != 1 {
		t.Fatalf("contiguous %d, %d ranges", p.contiguous, len(p.absent))
	}
}

func FuzzProgress(f *testing.F) {
	p := &progress{contiguous: 7, ahead: []uint64{9, 12}, absent: []span{{3, 4}, {20, 30}}}
	f.Add(p.marshal())
	f.Add([]byte{})
	f.Add([]byte{progressForm, 1, 200})
	f.Add([]byte{1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := new(progress)
		if p.unmarshal(data) != nil {
			return
		}
		if len(p.ahead) > aheadLimit || len(p.absent) > absentLimit+1 {
			t.Fatal("bounds are not kept")
		}
	})
}
