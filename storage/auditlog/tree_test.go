package auditlog_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"clinicgate/storage/auditlog"
)

// The vectors that Certificate Transparency implementations share.
func TestRootsOfTheCertificateTransparencyVectors(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var tree auditlog.Tree
	for i, want := range roots {
		if got := tree.Root(); hex.EncodeToString(got[:]) != want {
			t.Errorf("root of %d leaves is %x, want %s", i, got, want)
		}
		if i < len(leaves) {
			leaf, err := hex.DecodeString(leaves[i])
			if err != nil {
				t.Fatal(err)
			}
			tree.Append(auditlog.LeafHash(leaf))
		}
	}
}

// stored keeps every hash, as x/mod/sumdb/tlog wants it: the other way to the
// same root.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

func (s *stored) append(t testing.TB, n int64, record []byte) {
	hashes, err := tlog.StoredHashes(n, record, *s)
	if err != nil {
		t.Fatal(err)
	}
	*s = append(*s, hashes...)
}

func TestTreeAgreesWithTlog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(rt, "leaves")
		reopenAt := rapid.IntRange(0, 300).Draw(rt, "reopen at")
		var tree auditlog.Tree
		var all stored
		for i := range n {
			record := fmt.Appendf(nil, "record %d", i)
			tree.Append(auditlog.LeafHash(record))
			all.append(t, int64(i), record)
			if i == reopenAt {
				tree = reopen(rt, tree)
			}
		}
		want, err := tlog.TreeHash(int64(n), all)
		if err != nil {
			rt.Fatal(err)
		}
		if got := tree.Root(); got != want || tree.Size() != uint64(n) {
			rt.Fatalf("root of %d leaves is %v (size %d), tlog says %v", n, got, tree.Size(), want)
		}
	})
}

func reopen(t interface{ Fatal(...any) }, tree auditlog.Tree) auditlog.Tree {
	b, err := tree.MarshalBinary()
	if err != nil || len(b) > auditlog.MaxTreeBytes {
		t.Fatal(len(b), err)
	}
	var again auditlog.Tree
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return again
}

func TestACopiedTreeIsAStateToGoBackTo(t *testing.T) {
	var tree auditlog.Tree
	for i := range 11 {
		tree.Append(auditlog.LeafHash([]byte{byte(i)}))
	}
	before, root := tree, tree.Root()
	tree.Append(auditlog.LeafHash([]byte("rolled back")))
	if before.Root() != root || before.Size() != 11 {
		t.Error("appending to one copy changed the other")
	}
}

func TestProofs(t *testing.T) {
	const n = 33
	var tree auditlog.Tree
	var leaves []auditlog.Hash
	var states []auditlog.Checkpoint
	for i := range n {
		states = append(states, auditlog.Checkpoint{Origin: "o", Size: tree.Size(), Root: tree.Root()})
		leaf := auditlog.LeafHash([]byte{byte(i)})
		leaves = append(leaves, leaf)
		tree.Append(leaf)
	}
	states = append(states, auditlog.Checkpoint{Origin: "o", Size: tree.Size(), Root: tree.Root()})
	reads := 0
	read := auditlog.Leaves(func(i uint64) (auditlog.Hash, error) { reads++; return leaves[i], nil })
	for size := 1; size <= n; size++ {
		c := states[size]
		for i := range size {
			reads = 0
			p, err := auditlog.ProveInclusion(c.Size, uint64(i), read)
			if err != nil || !auditlog.CheckInclusion(p, c, uint64(i), leaves[i]) {
				t.Fatalf("record %d of %d: %v", i, size, err)
			}
			if reads > size {
				t.Errorf("proof of record %d of %d read %d leaves", i, size, reads)
			}
			if auditlog.CheckInclusion(p, c, uint64(i), auditlog.LeafHash([]byte("other"))) {
				t.Errorf("record %d of %d: a false leaf is included", i, size)
			}
			if i > 0 {
				p, err := auditlog.ProveConsistency(c.Size, uint64(i), read)
				if err != nil || !auditlog.CheckConsistency(p, c, states[i]) {
					t.Fatalf("prefix %d of %d: %v", i, size, err)
				}
				forged := states[i]
				forged.Root[0] ^= 1
				if auditlog.CheckConsistency(p, c, forged) {
					t.Errorf("prefix %d of %d: a false prefix is consistent", i, size)
				}
			}
		}
	}
	if _, err := auditlog.ProveInclusion(3, 3, read); err == nil {
		t.Error("proof of a record outside the tree")
	}
	if _, err := auditlog.ProveConsistency(3, 4, read); err == nil {
		t.Error("proof of a longer prefix")
	}
	broken := auditlog.Leaves(func(uint64) (auditlog.Hash, error) { return auditlog.Hash{}, fmt.Errorf("gone") })
	if _, err := auditlog.ProveInclusion(9, 3, broken); err == nil {
		t.Error("proof over leaves that cannot be read")
	}
}

func FuzzTreeUnmarshal(f *testing.F) {
	var tree auditlog.Tree
	for i := range 7 {
		b, _ := tree.MarshalBinary()
		f.Add(b)
		tree.Append(auditlog.LeafHash([]byte{byte(i)}))
	}
	f.Add(append([]byte{1}, bytes.Repeat([]byte{0xff}, 8)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var tree auditlog.Tree
		if tree.UnmarshalBinary(b) != nil {
			return
		}
		again, err := tree.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x was read and written as %x, %v", b, again, err)
		}
		tree.Append(auditlog.Hash{})
		tree.Root()
	})
}

func BenchmarkTreeAppend(b *testing.B) {
	var tree auditlog.Tree
	record := make([]byte, 640)
	b.ReportAllocs()
	for b.Loop() {
		tree.Append(auditlog.LeafHash(record))
	}
}
