package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

const channel = "queue.cardiology"

func signer(t testing.TB, kiosk string) (wire.Signer, ed25519.PublicKey) {
	t.Helper()
	seed := bytes.Repeat([]byte(kiosk), 32)[:32]
	key := ed25519.NewKeyFromSeed(seed)
	return wire.Signer{Kiosk: kiosk, Key: key}, key.Public().(ed25519.PublicKey)
}

func record(seq uint64, body string) storage.Record {
	canonical, err := jcs.Transform([]byte(body))
	if err != nil {
		panic(err)
	}
	return storage.Record{
		Event: storage.Event{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, seq)), Channel: channel, Body: canonical},
		Inc:   3, Seq: seq, HLC: storage.HLC(0x019ab3c4d5e60000 + seq), Boot: uuid.NewSHA1(uuid.Nil, []byte("boot")),
		Mono: 81234567890 * time.Nanosecond, Synced: true,
	}
}

var bodies = []string{
	`{"action":"STATUS_UPDATED","queueEntryId":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a11","newStatus":"waiting","updatedBy":"lobby-1","timestamp":"2026-11-22T09:00:00Z"}`,
	`{"type":"HEARTBEAT","timestamp":"2026-11-22T09:00:00Z","zeta":{"gw":"not this one"},"list":[1,"}]{[\"",null,true]}`,
	`{"a":"𠮷 😀 \\ \" \u2028","h":-1.5e-3}`,
	`{}`,
	`{"h":1}`,
	`{"a":1}`,
	`{"action":"CALLED","queueEntryId":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a11","ticket":"A-017","room":"Room 4","calledBy":"staff:ana","happenedAt":"2026-11-22T09:00:00.000Z","timestamp":"2026-11-22T12:00:00.000Z"}`,
}

func TestMessageIsCanonicalAndVerifies(t *testing.T) {
	s, pub := signer(t, "lobby-1")
	for i, body := range bodies {
		r := record(uint64(1042+i), body)
		text, err := s.Message(r)
		if err != nil {
			t.Fatalf("Message(%s): %v", body, err)
		}
		canonical, err := jcs.Transform(text)
		if err != nil || !bytes.Equal(canonical, text) {
			t.Errorf("Message(%s) is not in RFC 8785 form:\n got %s\nwant %s (%v)", body, text, canonical, err)
		}
		// The verifier must not depend on how a relay spelled the text.
		spaced := new(bytes.Buffer)
		if err := json.Indent(spaced, text, "", "  "); err != nil {
			t.Fatal(err)
		}
		for _, form := range [][]byte{text, spaced.Bytes()} {
			env, err := wire.Parse(form)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if err := env.Verify(channel, pub); err != nil {
				t.Errorf("Verify(%s): %v", form, err)
			}
			g := env.GW
			if g.ID != r.ID || g.Seq != r.Seq || g.Inc != 3 || g.HLC != r.HLC || g.Boot != r.Boot || g.Mono != r.Mono || !g.Synced || g.Kiosk != "lobby-1" || g.Stream != channel {
				t.Errorf("gw = %+v does not give back the record %+v", g, r)
			}
		}
	}
}

// Who holds record and proof says again what the maker said, byte for byte.
func TestAgainIsTheSame(t *testing.T) {
	s, _ := signer(t, "lobby-1")
	for i, body := range bodies {
		r := record(uint64(7+i), body)
		text, err := s.Message(r)
		if err != nil {
			t.Fatal(err)
		}
		env, err := wire.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		proof, ok := env.Proof()
		if !ok {
			t.Fatal("a message of one event has no proof")
		}
		if _, err := wire.Again(r, proof); err == nil {
			t.Error("an own event was said again without being signed")
		}
		held := r
		held.Body = env.Events[0].Shape()
		held.Origin = &storage.Origin{Kiosk: "lobby-1"}
		if again, err := wire.Again(held, proof); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s\nwas said again as\n%s (%v)", text, again, err)
		}
	}
	batch, _, err := s.Batch([]storage.Record{record(1, bodies[0]), record(2, bodies[1])}, false)
	if err != nil {
		t.Fatal(err)
	}
	env, err := wire.Parse(batch)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := env.Proof(); ok {
		t.Error("an event of a batch has a proof of its own")
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	s, pub := signer(t, "lobby-1")
	text, err := s.Message(record(7, bodies[0]))
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			damaged := bytes.Clone(text)
			damaged[i] ^= flip
			env, err := wire.Parse(damaged)
			if err != nil {
				continue
			}
			if err := env.Verify(channel, pub); err == nil {
				t.Fatalf("byte %d changed by %#x still verifies: %s", i, flip, damaged)
			}
		}
	}
}

func TestSignatureBindsChannelAndKey(t *testing.T) {
	s, pub := signer(t, "lobby-1")
	_, other := signer(t, "lobby-2")
	text, err := s.Message(record(7, bodies[0]))
	if err != nil {
		t.Fatal(err)
	}
	env, err := wire.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Verify("queue.oncology", pub); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("verified on another channel: %v", err)
	}
	if err := env.Verify(channel, other); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("verified with another key: %v", err)
	}
	plain, err := wire.Parse([]byte(bodies[0]))
	if err != nil || plain.Signed {
		t.Fatalf("unsigned message: %+v, %v", plain, err)
	}
	if err := plain.Verify(channel, pub); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("an unsigned message verified: %v", err)
	}
}

func TestBatchRoundTrip(t *testing.T) {
	s, pub := signer(t, "lobby-1")
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		var records []storage.Record
		for i := range n {
			filler := rapid.StringOfN(rapid.RuneFrom([]rune("ab😀\"\\é<&>")), 0, 900, -1).Draw(t, "filler")
			quoted, _ := json.Marshal(filler)
			records = append(records, record(uint64(100+i), fmt.Sprintf(`{"type":"HEARTBEAT","n":%d,"zz":%s}`, i, quoted)))
		}
		compress := rapid.Bool().Draw(t, "compress")
		var got []wire.Event
		for rest := records; len(rest) > 0; {
			text, taken, err := s.Batch(rest, compress)
			if err != nil {
				t.Fatalf("Batch: %v", err)
			}
			if len(text) > wire.MaxPublished || taken < 1 {
				t.Fatalf("Batch gave %d bytes for %d records", len(text), taken)
			}
			again, _, err := s.Batch(rest, compress)
			if err != nil || !bytes.Equal(text, again) {
				t.Fatalf("a second Batch differs (%v)", err)
			}
			env, err := wire.Parse(text)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if err := env.Verify(channel, pub); err != nil {
				t.Fatalf("Verify: %v", err)
			}
			got = append(got, env.Events...)
			rest = rest[taken:]
		}
		if len(got) != n {
			t.Fatalf("%d events came back of %d", len(got), n)
		}
		for i, e := range got {
			if e.GW.Seq != records[i].Seq || e.GW.ID != records[i].ID || e.GW.HLC != records[i].HLC {
				t.Fatalf("event %d came back as %+v", i, e.GW)
			}
			var m map[string]any
			if err := json.Unmarshal(e.Body, &m); err != nil || m["n"] != float64(i) {
				t.Fatalf("body %d came back as %s", i, e.Body)
			}
		}
	})
}

// However an event travelled, its shape is the body that its sender stored: a
// reader compares it to tell a repeat from a conflict.
func TestShapeDoesNotDependOnTheWay(t *testing.T) {
	s, _ := signer(t, "lobby-1")
	for i, body := range bodies {
		r := record(uint64(1+i), body)
		alone, err := s.Message(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, compress := range []bool{false, true} {
			batch, _, err := s.Batch([]storage.Record{r, record(uint64(2+i), bodies[0])}, compress)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range [][]byte{alone, batch} {
				env, err := wire.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if got := env.Events[0].Shape(); !bytes.Equal(got, r.Body) {
					t.Errorf("shape %s of %s", got, r.Body)
				}
			}
		}
	}
	env, err := wire.Parse([]byte(` {"b":1, "a":2}`))
	if err != nil || string(env.Events[0].Shape()) != `{"a":2,"b":1}` {
		t.Errorf("shape of an unsigned message: %s, %v", env.Events[0].Shape(), err)
	}
}

func TestBatchStopsWhereTheRunChanges(t *testing.T) {
	s, _ := signer(t, "lobby-1")
	change := map[string]func(*storage.Record){
		"inc":    func(r *storage.Record) { r.Inc++ },
		"boot":   func(r *storage.Record) { r.Boot = uuid.New() },
		"synced": func(r *storage.Record) { r.Synced = false },
		"gap":    func(r *storage.Record) { r.Seq++ },
	}
	for name, f := range change {
		records := []storage.Record{record(1, bodies[1]), record(2, bodies[1]), record(3, bodies[1])}
		f(&records[2])
		_, taken, err := s.Batch(records, false)
		if err != nil || taken != 2 {
			t.Errorf("%s: Batch took %d (%v), want 2", name, taken, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	s, _ := signer(t, "lobby-1")
	big := record(1, `{"type":"X","v":"`+strings.Repeat("x", wire.MaxPublished)+`"}`)
	if _, err := s.Message(big); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("Message: %v, want ErrTooLarge", err)
	}
	if _, _, err := s.Batch([]storage.Record{big}, false); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("Batch: %v, want ErrTooLarge", err)
	}
}

func TestParseRefuses(t *testing.T) {
	s, _ := signer(t, "lobby-1")
	good, err := s.Message(record(7, bodies[0]))
	if err != nil {
		t.Fatal(err)
	}
	batch, _, err := s.Batch([]storage.Record{record(1, bodies[0]), record(2, bodies[0])}, true)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":                  "",
		"not an object":          `[1]`,
		"string":                 `"x"`,
		"trailing":               `{} {}`,
		"duplicate member":       `{"action":"a","action":"b"}`,
		"deep":                   strings.Repeat(`{"a":`, 80) + "1" + strings.Repeat("}", 80),
		"gw of version 2":        strings.Replace(string(good), `"v":1`, `"v":2`, 1),
		"gw without sig":         string(good[:bytes.Index(good, []byte(`"sig"`))]) + string(good[bytes.Index(good, []byte(`"stream"`)):]),
		"huge seq":               strings.Replace(string(good), `"seq":7`, `"seq":9007199254740993`, 1),
		"upper-case hlc":         strings.Replace(string(good), `"hlc":"019`, `"hlc":"+19`, 1),
		"batch with other count": strings.Replace(string(batch), `"last":2`, `"last":3`, 1),
		"batch encoding":         strings.Replace(string(batch), `"gzip"`, `"zstd"`, 1),
	} {
		if _, err := wire.Parse([]byte(text)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: Parse gave %v, want ErrMalformed", name, err)
		}
	}
}

// TestGolden fixes the published bytes. Run with UPDATE_GOLDEN=1 after a change
// that is meant, and say so in the changelog: other readers depend on them.
func TestGolden(t *testing.T) {
	s, _ := signer(t, "lobby-1")
	single, err := s.Message(record(1042, bodies[0]))
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := s.Batch([]storage.Record{record(1042, bodies[0]), record(1043, bodies[2])}, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"message.json": single, "batch.json": plain} {
		path := filepath.Join("testdata", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got)+"\n" != string(want) {
			t.Errorf("%s changed:\n got %s\nwant %s", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	s, pub := signer(f, "lobby-1")
	for i, body := range bodies {
		text, err := s.Message(record(uint64(i+1), body))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add([]byte(body))
	}
	batch, _, err := s.Batch([]storage.Record{record(1, bodies[0]), record(2, bodies[1])}, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(batch)
	f.Fuzz(func(t *testing.T, text []byte) {
		env, err := wire.Parse(text)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("Parse gave %v, which is not ErrMalformed", err)
			}
			return
		}
		if len(env.Events) == 0 || len(env.Events) > wire.MaxBatchEvents {
			t.Fatalf("%d events", len(env.Events))
		}
		_ = env.Verify(channel, pub)
	})
}

func BenchmarkBatchGzip(b *testing.B) {
	s, _ := signer(b, "lobby-1")
	var records []storage.Record
	for i := range 200 {
		records = append(records, record(uint64(i+1), bodies[0]))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Batch(records, true); err != nil {
			b.Fatal(err)
		}
	}
}
