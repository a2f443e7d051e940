//go:build linux

package machinetest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// What was flushed outlives a power cut; of the rest a cut keeps the share that it is
// told to, sector by sector, and the machine reads its own writes all the same.
func TestDiskLosesWhatWasNotFlushed(t *testing.T) {
	const sectors = 400
	for _, share := range []float64{0, 0.5, 1} {
		path := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(path, make([]byte, sectors*sector), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := openDisk(path)
		if err != nil {
			t.Fatal(err)
		}
		old, next := bytes.Repeat([]byte("o"), sectors*sector), bytes.Repeat([]byte("n"), sectors*sector)
		d.write(bytes.Clone(old), 0)
		if err := d.flush(); err != nil {
			t.Fatal(err)
		}
		d.write(bytes.Clone(next), 0)
		got := make([]byte, len(next))
		if err := d.read(got, 0); err != nil || !bytes.Equal(got, next) {
			t.Errorf("the machine does not read what it wrote: %v", err)
		}
		kept, lost, err := d.Cut(share, rand.New(rand.NewPCG(1, 2)))
		if err != nil || kept+lost != sectors {
			t.Errorf("share %v: %d kept, %d lost of %d: %v", share, kept, lost, sectors, err)
		}
		if want := int(share * sectors); kept < want-60 || kept > want+60 {
			t.Errorf("share %v: %d of %d sectors kept", share, kept, sectors)
		}
		if err := d.read(got, 0); err != nil {
			t.Fatal(err)
		}
		is := 0
		for i := 0; i < len(got); i += sector {
			switch s := got[i : i+sector]; {
			case bytes.Equal(s, next[:sector]):
				is++
			case !bytes.Equal(s, old[:sector]):
				t.Fatalf("sector %d is neither old nor new", i/sector)
			}
		}
		if is != kept {
			t.Errorf("%d sectors are new, and %d were kept", is, kept)
		}
		if err := d.file.Close(); err != nil {
			t.Error(err)
		}
	}
}
