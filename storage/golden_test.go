package storage_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage"
	"clinicgate/storage/storagetest"
)

var makeGolden = flag.Bool("golden", false, "write the golden store of the present format, if there is none")

// golden is what a golden store holds.
type golden struct {
	Records map[string][]string // by channel: id and SHA-256 of the body, in order
	Views   map[string]string
	Cursor  uint64
	Counts  storage.Counts
	Blob    storage.BlobRef
}

const goldenFormat = 1

func goldenOptions(dir string) storage.Options {
	o := careOptions(dir, newClock())
	o.Keys = storagetest.NewKeys("golden").Preload("queue", "audit", "telemetry", storage.ClassStore, storage.ClassView)
	return o
}

// TestGoldenStores opens a store of every format there ever was.
func TestGoldenStores(t *testing.T) {
	for v := 1; v <= goldenFormat; v++ {
		from := filepath.Join("testdata", fmt.Sprintf("format-%d", v))
		if _, err := os.Stat(from); err != nil && *makeGolden {
			writeGolden(t, from)
		}
		dir := t.TempDir()
		unpack(t, from, dir)
		var want golden
		b, err := os.ReadFile(filepath.Join(from, "want.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		s, opened, err := storage.Open(context.Background(), goldenOptions(dir))
		if err != nil || !opened.Clean || opened.Rolled != nil || opened.Salvaged != nil {
			t.Fatalf("format %d: Open = %+v, %v", v, opened, err)
		}
		got := describe(t, s, want.Blob)
		if g, w := asJSON(t, got), asJSON(t, want); g != w {
			t.Errorf("format %d:\n got %s\nwant %s", v, g, w)
		}
		if _, err := s.Append(context.Background(), event("queue.er", "queue", "{}")); err != nil {
			t.Error(err)
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func describe(t *testing.T, s *storage.Store, blob storage.BlobRef) golden {
	t.Helper()
	ctx := context.Background()
	g := golden{Records: map[string][]string{}, Views: map[string]string{}, Counts: s.Status().Counts, Blob: blob}
	for _, c := range []struct{ channel, kiosk string }{{"queue.er", ""}, {"audit.lobby-1", ""}, {"queue.er", "lobby-2"}} {
		records, err := s.Read(ctx, c.channel, c.kiosk, storage.Cursor{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			g.Records[c.kiosk+"/"+c.channel] = append(g.Records[c.kiosk+"/"+c.channel], fmt.Sprintf("%d/%d %s %x", r.Inc, r.Seq, r.ID, sha256.Sum256(r.Body)))
		}
	}
	err := s.View(ctx, func(r *storage.Reader) error {
		var err error
		if g.Cursor, err = r.Cursor("down"); err != nil {
			return err
		}
		for i := range 10 {
			v, err := r.GetIn("rows", []byte("g"), fmt.Append(nil, i))
			if err != nil {
				return err
			}
			g.Views[fmt.Sprint(i)] = string(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blob(ctx, blob); err != nil {
		t.Error(err)
	}
	return g
}

func writeGolden(t *testing.T, to string) {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	s, _, err := storage.Open(ctx, goldenOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	foreign := event("queue.er", "queue", `{"from":"elsewhere"}`)
	foreign.Origin = &storage.Origin{Kiosk: "lobby-2", Inc: 2, Seq: 3, HLC: storage.NewHLC(time.Unix(1_700_000_000, 0)), Boot: uuid.Max, Synced: true, Timetoken: 17}
	if _, err := s.Append(ctx, foreign); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		e := event("queue.er", "queue", fmt.Sprintf(`{"n":%d}`, i))
		err := s.Update(ctx, func(tx *storage.Tx) error {
			if _, err := tx.Append(e); err != nil {
				return err
			}
			if err := tx.SetCursor("down", uint64(i)); err != nil {
				return err
			}
			return tx.PutIn("rows", []byte("g"), fmt.Append(nil, i), e.Body)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Advance(ctx, "queue.er", storage.Cursor{Inc: 1, Seq: 4}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(ctx, "queue.er", storage.Cursor{Inc: 1, Seq: 5}, storage.Quarantined, "refused", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	blob, err := s.PutBlob(ctx, "queue", []byte("a drawn signature"))
	if err != nil {
		t.Fatal(err)
	}
	want := describe(t, s, blob)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(to, "blobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if _, err := w.Write(b); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name+".gz"), z.Bytes(), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "want.json"), []byte(asJSON(t, want)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(to, "blobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*.gz", "blobs/*.gz"} {
		names, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			rel, _ := filepath.Rel(from, name)
			if err := os.WriteFile(filepath.Join(to, rel[:len(rel)-len(".gz")]), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
