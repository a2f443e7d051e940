package seal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"clinicgate/storage/seal"
)

func testKey(t testing.TB, fill byte) seal.Key {
	t.Helper()
	k, err := seal.KeyFrom(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testPlace() seal.Place {
	return seal.Place{Store: [16]byte{1, 2, 3}, Bucket: "events", Key: []byte("stream/0001/0042")}
}

func TestOpenGivesBackWhatWasSealed(t *testing.T) {
	a := seal.NewAEAD(testKey(t, 1))
	for _, n := range []int{0, 1, 15, 16, 17, 600, 70_000} {
		plain := bytes.Repeat([]byte{'p'}, n)
		record := seal.Seal([]byte("before"), a, plain, testPlace())
		if got, want := len(record), len("before")+n+seal.Overhead; got != want {
			t.Errorf("Seal of %d bytes gave %d, want %d", n, got, want)
		}
		if id, err := seal.KeyIDOf(record[6:]); err != nil || id != a.ID() {
			t.Errorf("KeyIDOf = %v, %v, want %v", id, err, a.ID())
		}
		got, err := seal.Open([]byte("dst"), a, record[6:], testPlace())
		if err != nil || !bytes.Equal(got, append([]byte("dst"), plain...)) {
			t.Errorf("Open of %d bytes: %d bytes, %v", n, len(got), err)
		}
	}
	if a.Uses() != 7 {
		t.Errorf("Uses = %d after 7 records", a.Uses())
	}
}

// The form on disk, fixed for good: a record sealed when the form was made.
const goldenRecord = "01019b6a3c029c584ceb2b10024995ddea2068330ebcd47bbac3dfa4d62b57ababa0078b27fa9cc2087ae08a641b4879f5eea1318800e5b9cfc3931edc6ae02e1374d8d302"

func TestRecordOfVersion1Opens(t *testing.T) {
	record, err := hex.DecodeString(goldenRecord)
	if err != nil {
		t.Fatal(err)
	}
	got, err := seal.Open(nil, seal.NewAEAD(testKey(t, 7)), record, testPlace())
	if err != nil || string(got) != "fictional patient 17 checked in" {
		t.Fatalf("Open of the golden record: %q, %v", got, err)
	}
}

func TestEveryChangedByteOfARecordIsRefused(t *testing.T) {
	a := seal.NewAEAD(testKey(t, 1))
	record := seal.Seal(nil, a, []byte("a consent, an event, anything"), testPlace())
	for i := range record {
		for bit := range 8 {
			record[i] ^= 1 << bit
			got, err := seal.Open(nil, a, record, testPlace())
			if !errors.Is(err, seal.ErrOpen) || got != nil {
				t.Errorf("byte %d bit %d changed: %q, %v", i, bit, got, err)
			}
			inKeyID := i >= 2 && i < 10
			if !inKeyID && err != seal.ErrOpen {
				t.Errorf("byte %d bit %d changed: error tells more than ErrOpen: %v", i, bit, err)
			}
			record[i] ^= 1 << bit
		}
	}
	for n := range record {
		if _, err := seal.Open(nil, a, record[:n], testPlace()); err != seal.ErrOpen {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := seal.Open(nil, a, append(record, 0), testPlace()); err != seal.ErrOpen {
		t.Errorf("one byte longer: %v", err)
	}
}

func TestARecordOpensInItsOwnPlaceOnly(t *testing.T) {
	a := seal.NewAEAD(testKey(t, 1))
	home := testPlace()
	record := seal.Seal(nil, a, []byte("plain"), home)
	for name, move := range map[string]func(*seal.Place){
		"another store":          func(p *seal.Place) { p.Store[15] = 1 },
		"another bucket":         func(p *seal.Place) { p.Bucket = "views" },
		"longer bucket":          func(p *seal.Place) { p.Bucket = "events\x00" },
		"another sequence":       func(p *seal.Place) { p.Key = []byte("stream/0001/0043") },
		"another stream":         func(p *seal.Place) { p.Key = []byte("street/0001/0042") },
		"no key":                 func(p *seal.Place) { p.Key = nil },
		"bytes moved to bucket":  func(p *seal.Place) { p.Bucket, p.Key = "eventss", []byte("tream/0001/0042") },
		"bytes moved from store": func(p *seal.Place) { p.Store[2] = 0; p.Bucket = "\x03events" },
	} {
		place := home
		place.Key = bytes.Clone(home.Key)
		move(&place)
		if got, err := seal.Open(nil, a, record, place); err != seal.ErrOpen {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAMissingKeyHasAName(t *testing.T) {
	a, b := seal.NewAEAD(testKey(t, 1)), seal.NewAEAD(testKey(t, 2))
	record := seal.Seal(nil, a, []byte("plain"), testPlace())
	_, err := seal.Open(nil, b, record, testPlace())
	if !errors.Is(err, seal.ErrKeyUnknown) || !errors.Is(err, seal.ErrOpen) {
		t.Errorf("record under a key not held: %v", err)
	}
	// Under the right name the wrong key is damage like any other.
	_, err = seal.Open(nil, anyKey{b}, record, testPlace())
	if err != seal.ErrOpen {
		t.Errorf("record under a wrong key: %v", err)
	}
}

// anyKey gives its cipher whatever key is asked for.
type anyKey struct{ a *seal.AEAD }

func (k anyKey) AEAD(seal.KeyID) *seal.AEAD { return k.a }

func TestAFailedOpenLeavesNoPlaintext(t *testing.T) {
	a := seal.NewAEAD(testKey(t, 1))
	secret := bytes.Repeat([]byte("fictional name "), 10)
	record := seal.Seal(nil, a, secret, testPlace())
	record[len(record)-1] ^= 1
	dst := make([]byte, 0, 4096)
	if _, err := seal.Open(dst, a, record, testPlace()); err == nil {
		t.Fatal("tampered record opened")
	}
	if bytes.Contains(dst[:cap(dst)], []byte("fictional")) {
		t.Error("plaintext of a record that did not authenticate is in dst")
	}
}

// Two places frame to the same associated data only if they are the same place.
func TestPlacesAreFramed(t *testing.T) {
	a := seal.NewAEAD(testKey(t, 1))
	place := rapid.Custom(func(t *rapid.T) seal.Place {
		p := seal.Place{Bucket: rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00\x01")), 0, 4, -1).Draw(t, "bucket")}
		p.Key = []byte(rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00\x01")), 0, 4, -1).Draw(t, "key"))
		p.Store[15] = rapid.SampledFrom([]byte{0, 1, 'a'}).Draw(t, "store")
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		p, q := place.Draw(t, "sealed"), place.Draw(t, "opened")
		record := seal.Seal(nil, a, []byte("x"), p)
		_, err := seal.Open(nil, a, record, q)
		same := p.Store == q.Store && p.Bucket == q.Bucket && bytes.Equal(p.Key, q.Key)
		if same != (err == nil) {
			t.Fatalf("sealed at %q, opened at %q: %v", p, q, err)
		}
	})
}

func TestNoncesDoNotRepeat(t *testing.T) {
	a := seal.NewAEAD(testKey(t, 1))
	const n = 100_000
	seen := make(map[[12]byte]bool, n)
	var record []byte
	for range n {
		record = seal.Seal(record[:0], a, nil, testPlace())
		nonce := [12]byte(record[10:22])
		if seen[nonce] {
			t.Fatalf("nonce %x came twice", nonce)
		}
		seen[nonce] = true
	}
}

func TestSealAndOpenTogether(t *testing.T) {
	a := seal.NewAEAD(testKey(t, 1))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				place := seal.Place{Bucket: "b", Key: fmt.Appendf(nil, "%d/%d", g, i)}
				plain := fmt.Appendf(nil, "record %d of %d", i, g)
				got, err := seal.Open(nil, a, seal.Seal(nil, a, plain, place), place)
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%s: %q, %v", plain, got, err)
				}
			}
		})
	}
	wg.Wait()
	if a.Uses() != 2000 {
		t.Errorf("Uses = %d after 2000 records", a.Uses())
	}
}

func FuzzOpen(f *testing.F) {
	a := seal.NewAEAD(testKey(f, 7))
	record := seal.Seal(nil, a, []byte("plain"), testPlace())
	f.Add(record, "events", []byte("stream/0001/0042"))
	f.Add(record[:seal.Overhead], "events", []byte("stream/0001/0042"))
	f.Add(record[:10], "", []byte{})
	f.Add([]byte{}, "", []byte{})
	if golden, err := hex.DecodeString(goldenRecord); err == nil {
		f.Add(golden, "events", []byte("stream/0001/0042"))
	}
	f.Fuzz(func(t *testing.T, record []byte, bucket string, key []byte) {
		if len(bucket) > 1000 {
			return
		}
		place := seal.Place{Store: testPlace().Store, Bucket: bucket, Key: key}
		plain, err := seal.Open(nil, a, record, place)
		if err != nil {
			if !errors.Is(err, seal.ErrOpen) || plain != nil {
				t.Fatalf("Open = %q, %v", plain, err)
			}
			return
		}
		// Only what was sealed above can open, and only at home.
		if string(plain) != "plain" && string(plain) != "fictional patient 17 checked in" || bucket != "events" {
			t.Fatalf("a forged record opened: %q at %q", plain, bucket)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	a := seal.NewAEAD(testKey(b, 1))
	plain, place := make([]byte, 600), testPlace()
	dst := make([]byte, 0, 1024)
	b.SetBytes(600)
	b.ReportAllocs()
	for b.Loop() {
		dst = seal.Seal(dst[:0], a, plain, place)
	}
}

func BenchmarkOpen(b *testing.B) {
	a := seal.NewAEAD(testKey(b, 1))
	record := seal.Seal(nil, a, make([]byte, 600), testPlace())
	place, dst := testPlace(), make([]byte, 0, 1024)
	b.SetBytes(600)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := seal.Open(dst, a, record, place); err != nil {
			b.Fatal(err)
		}
	}
}
