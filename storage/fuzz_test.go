package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// FuzzRecord: what parses is written back as the same bytes.
func FuzzRecord(f *testing.F) {
	own := Record{Event: Event{ID: uuid.Max, Channel: "queue.er", Kind: "queue/PATIENT_ADDED", Body: []byte(`{"a":1}`)}, Inc: 3, Seq: 9, Log: 2, HLC: 77, Boot: uuid.Max, Mono: time.Second, Synced: true}
	foreign := own
	foreign.Origin = &Origin{Kiosk: "lobby-2", Inc: 3, Seq: 9, HLC: 77, Boot: uuid.Max, Mono: time.Second, Synced: true, Timetoken: 17}
	for _, r := range []Record{own, foreign} {
		f.Add(auditlog.AppendRecord(nil, auditlog.Record{Index: 5, Body: appendBody(nil, &r, r.Origin == nil)}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, local, err := parseRecord(b)
		if err != nil {
			return
		}
		got := auditlog.AppendRecord(nil, auditlog.Record{Index: r.Pos, Prev: r.Prev, Body: appendBody(nil, &r, local)})
		if !bytes.Equal(got, b) {
			t.Fatalf("%x came back as %x", b, got)
		}
	})
}

// FuzzRows: no row of the store itself, whatever is in it, does more than fail.
func FuzzRows(f *testing.F) {
	h := head{life: 1}
	h.log, _, _ = auditlog.New(nil, auditlog.Opening{Origin: "o"})
	f.Add(h.appendBinary(nil))
	s := stream{num: 1, id: streamID{"k", "c"}}
	f.Add(s.appendHot(nil))
	f.Add(s.appendCold(nil))
	tl := tile{}
	tl.add(3, auditlog.Hash{1})
	tl.add(1, auditlog.Hash{2})
	f.Add(tl.append(nil))
	tree := h.log.Tree()
	k := kept{at: time.Unix(1, 0), note: []byte("note"), tree: tree}
	f.Add(k.append(nil))
	b := blobRow{size: 7, created: time.Unix(1, 0), refs: []uuid.UUID{uuid.Max}}
	f.Add(b.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHead([16]byte{}, b); err == nil {
			if again, err := parseHead([16]byte{}, h.appendBinary(nil)); err != nil || again.commit != h.commit || again.log != h.log {
				t.Fatalf("head %x came back as %+v, %v", b, again, err)
			}
		}
		var s stream
		if s.parseHot(b) == nil && !bytes.Equal(s.appendHot(nil), b) {
			t.Fatalf("state %x came back as %x", b, s.appendHot(nil))
		}
		if s.parseCold(b) == nil {
			var again stream
			if again.parseCold(s.appendCold(nil)) != nil || again.id != s.id {
				t.Fatalf("name %x came back as %+v", b, again)
			}
		}
		if tl, err := parseTile(tileKey(1, 64), b); err == nil {
			if !bytes.Equal(tl.append(nil), b) {
				t.Fatalf("tile %x came back as %x", b, tl.append(nil))
			}
			for i := range tl.leaves {
				if p := tl.position(i); p < 64 || p >= 128 {
					t.Fatalf("leaf %d of the second tile is at %d", i, p)
				}
			}
		}
		_, _ = parseKept(b)
		_, _ = parseBlobRow(b)
		_, _ = parseIDRow(b)
	})
}

// FuzzImage: a file of any pages is checked and salvaged without harm.
func FuzzImage(f *testing.F) {
	keys := fuzzKeys{seal.NewAEAD(fuzzKey)}
	path := filepath.Join(f.TempDir(), "seed.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: pageSize})
	if err != nil {
		f.Fatal(err)
	}
	db.AllocSize = 0
	err = db.Update(func(tx *bolt.Tx) error {
		for b := range buckets {
			bk, err := tx.CreateBucket([]byte(bucketNames[b]))
			if err != nil {
				return err
			}
			for i := range 80 {
				key := appendEventKey(nil, uint32(i/40), Cursor{1, uint64(i)})
				if err := bk.Put(key, bytes.Repeat([]byte{byte(i)}, 100)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	if err := db.Close(); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	// A patch is any number of offset(4) | byte; beyond its end the file is cut.
	f.Add([]byte{}, uint32(len(seed)))
	f.Add([]byte{0, 0, 0x30, 8, 1}, uint32(len(seed)))
	f.Add([]byte{0, 0, 0x40, 10, 255}, uint32(5*pageSize))
	f.Fuzz(func(t *testing.T, patch []byte, size uint32) {
		b := bytes.Clone(seed)
		for ; len(patch) >= 5; patch = patch[5:] {
			b[int(binary.BigEndian.Uint32(patch)%uint32(len(b)))] = patch[4]
		}
		b = b[:size%uint32(len(b)+1)]
		r := bytes.NewReader(b)
		if _, err := checkPages(context.Background(), r, int64(len(b)), CheckOptions{Keys: keys, Full: true}); err != nil {
			t.Fatal(err)
		}
		newImage(r, int64(len(b))).scan(func(key, value []byte) {
			if len(key) > len(b) || len(value) > len(b) {
				t.Fatal("a row is larger than the file")
			}
		})
	})
}

var fuzzKey, _ = seal.KeyFrom(bytes.Repeat([]byte{1}, seal.KeySize))

type fuzzKeys struct{ a *seal.AEAD }

func (k fuzzKeys) AEAD(id seal.KeyID) *seal.AEAD { return k.a.AEAD(id) }
