package storage_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage"
	"clinicgate/storage/seal"
)

// An engine appends events durably. Each is measured in the same run, in turns,
// since the disk of one machine differs by twice from one minute to the next.
type engine interface {
	append(e *storage.Event) error
	close()
}

const (
	benchRound = 400 * time.Millisecond
	eventSize  = 600
)

// BenchmarkAppend measures Append against two others in the same run: "raw", the
// limit of the disk (sealed records, group commit, one write and one fdatasync
// into a ring that was written before), and "bbolt", the same keys and bytes
// written by bbolt with the same settings and nothing around it. One iteration
// is a turn of all three: use -benchtime=10x.
func BenchmarkAppend(b *testing.B) {
	for _, producers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			engines := []struct {
				name string
				open func(testing.TB) engine
			}{{"raw", openRaw}, {"store", openStore}, {"bbolt", openBare}}
			results := map[string][]result{}
			for range b.N {
				for _, e := range engines {
					eng := e.open(b)
					measure(b, eng, producers, benchRound/4) // to warm up
					results[e.name] = append(results[e.name], measure(b, eng, producers, benchRound))
					eng.close()
				}
			}
			rate := func(name string) float64 { return median(results[name], func(r result) float64 { return r.rate }) }
			p99 := func(name string) float64 { return median(results[name], func(r result) float64 { return r.p99 }) }
			b.ReportMetric(rate("store"), "events/s")
			b.ReportMetric(rate("store")/rate("raw"), "of-raw")
			b.ReportMetric(rate("store")/rate("bbolt"), "of-bbolt")
			b.ReportMetric(p99("store")/p99("raw"), "p99-of-raw")
			b.ReportMetric(p99("store"), "p99-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}

type result struct {
	rate float64 // events a second
	p99  float64 // of the time of one append, in microseconds
}

func median(rs []result, of func(result) float64) float64 {
	vs := make([]float64, len(rs))
	for i, r := range rs {
		vs[i] = of(r)
	}
	slices.Sort(vs)
	return vs[len(vs)/2]
}

// measure lets producers append in a closed loop.
func measure(b testing.TB, e engine, producers int, d time.Duration) result {
	b.Helper()
	times := make([][]time.Duration, producers)
	var wg sync.WaitGroup
	begin := time.Now()
	for p := range producers {
		wg.Go(func() {
			for time.Since(begin) < d {
				ev := event("queue.cardiology", "queue/PATIENT_ADDED", "")
				ev.Body = benchBody()
				at := time.Now()
				if err := e.append(&ev); err != nil {
					b.Error(err)
					return
				}
				times[p] = append(times[p], time.Since(at))
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	var all []time.Duration
	for _, t := range times {
		all = append(all, t...)
	}
	slices.Sort(all)
	return result{
		rate: float64(len(all)) / took.Seconds(),
		p99:  float64(all[len(all)*99/100].Microseconds()),
	}
}

// benchBody is 600 bytes of JSON, of which 96 are random and written in hex.
func benchBody() []byte {
	var random [96]byte
	_, _ = rand.Read(random[:])
	b := make([]byte, 0, eventSize)
	b = append(b, `{"action":"PATIENT_ADDED","hash":"`...)
	b = hex.AppendEncode(b, random[:])
	b = append(b, `","pad":"`...)
	for len(b) < eventSize-2 {
		b = append(b, "waiting room "[len(b)%13])
	}
	return append(b, `"}`...)
}

type storeEngine struct{ s *storage.Store }

func openStore(b testing.TB) engine {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := options(dir)
	o.NoSync = false
	s, _, err := storage.Open(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	return storeEngine{s}
}

func (e storeEngine) append(ev *storage.Event) error {
	_, err := e.s.Append(context.Background(), *ev)
	return err
}

func (e storeEngine) close() { _ = e.s.Close(context.Background()) }

// grouped gives an engine its group commit: one goroutine takes all that wait.
type grouped struct {
	requests chan *groupRequest
	ended    chan struct{}
	end      func()
}

type groupRequest struct {
	ev   *storage.Event
	done chan error
}

func newGrouped(commit func([]*groupRequest) error, end func()) *grouped {
	g := &grouped{make(chan *groupRequest, 1024), make(chan struct{}), end}
	go func() {
		defer close(g.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for r := range g.requests {
			group := []*groupRequest{r}
			for more := true; more && len(group) < 1024; {
				select {
				case r, ok := <-g.requests:
					if more = ok; ok {
						group = append(group, r)
					}
				default:
					more = false
				}
			}
			err := commit(group)
			for _, r := range group {
				r.done <- err
			}
		}
	}()
	return g
}

func (g *grouped) append(ev *storage.Event) error {
	r := &groupRequest{ev, make(chan error, 1)}
	g.requests <- r
	return <-r.done
}

func (g *grouped) close() {
	close(g.requests)
	<-g.ended
	g.end()
}

// openRaw is the limit: whole blocks into a ring that was written before.
func openRaw(b testing.TB) engine {
	const ring = 64 << 20
	path := filepath.Join(b.TempDir(), fmt.Sprintf("ring-%d", time.Now().UnixNano()))
	f, err := openDirect(path, ring)
	if err != nil {
		b.Fatal(err)
	}
	aead := seal.NewAEAD(seal.NewKey())
	buf := alignedBlock(2 << 20)
	var at int64
	var key [8]byte
	n := uint64(0)
	return newGrouped(func(group []*groupRequest) error {
		b := buf[:0]
		for _, r := range group {
			n++
			binary.BigEndian.PutUint64(key[:], n)
			b = seal.Seal(b, aead, r.ev.Body, seal.Place{Bucket: "ring", Key: key[:]})
		}
		size := (len(b) + 4095) &^ 4095
		if at+int64(size) > ring {
			at = 0
		}
		if _, err := f.WriteAt(buf[:size], at); err != nil {
			return err
		}
		at += int64(size)
		return fdatasync(f)
	}, func() { _ = f.Close() })
}

// openBare is bbolt alone: the rows that the store would write, of the same
// sizes, with the same settings.
func openBare(b testing.TB) engine {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "bare.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		PageSize: 4096, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, InitialMmapSize: 1 << 30,
	})
	if err != nil {
		b.Fatal(err)
	}
	db.AllocSize = 0
	pre, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	size, err := pre.Seek(0, 2)
	if err != nil {
		b.Fatal(err)
	}
	extend := func(used int64) {
		for ; size < used+(1<<20); size += 1 << 20 {
			_, _ = pre.WriteAt(make([]byte, 1<<20), size)
			_ = pre.Sync()
		}
	}
	extend(4 << 20)
	names := []string{"head", "ids", "events"}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, n := range names {
			if _, err := tx.CreateBucket([]byte(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	noise := make([]byte, 4096)
	_, _ = rand.Read(noise)
	n := uint64(0)
	var used int64
	return newGrouped(func(group []*groupRequest) error {
		extend(used)
		return db.Update(func(tx *bolt.Tx) error {
			used = tx.Size()
			head, ids, events := tx.Bucket([]byte("head")), tx.Bucket([]byte("ids")), tx.Bucket([]byte("events"))
			ids.FillPercent, events.FillPercent = 1, 1
			for _, r := range group {
				n++
				var key [16]byte
				binary.BigEndian.PutUint32(key[:], 1)
				binary.BigEndian.PutUint64(key[8:], n)
				if err := events.Put(key[:], noise[:len(r.ev.Body)+storage.RecordOverhead]); err != nil {
					return err
				}
				if err := ids.Put(r.ev.ID[:], noise[:32]); err != nil {
					return err
				}
			}
			if err := head.Put([]byte("s0001"), noise[:90]); err != nil {
				return err
			}
			return head.Put([]byte("H"), noise[:700])
		})
	}, func() { _ = db.Close(); _ = pre.Close() })
}

// BenchmarkOpen measures the start with a backlog, after a clean stop and after
// a kill, with the file in the page cache. The size is set by -backlog.
func BenchmarkOpen(b *testing.B) {
	ctx := context.Background()
	dir := b.TempDir()
	o := options(dir)
	o.Budget = 4 << 30
	s, _, err := storage.Open(ctx, o)
	if err != nil {
		b.Fatal(err)
	}
	id := func() uuid.UUID { id, _ := uuid.NewV7(); return id }
	for n := 0; n < *backlog; n += 1000 {
		batch := make([]storage.Event, 0, 1000)
		for range 1000 {
			batch = append(batch, storage.Event{ID: id(), Channel: "queue.cardiology", Kind: "queue/PATIENT_ADDED", Body: benchBody()})
		}
		if _, err := s.Append(ctx, batch...); err != nil {
			b.Fatal(err)
		}
	}
	copyStore := func() string {
		dst := b.TempDir()
		for _, name := range []string{"store.db", "store.id", "head"} {
			in, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dst, name), in, 0o600); err != nil {
				b.Fatal(err)
			}
		}
		return dst
	}
	killed := copyStore()
	if err := s.Close(ctx); err != nil {
		b.Fatal(err)
	}
	clean := copyStore()
	for name, from := range map[string]string{"clean": clean, "killed": killed} {
		b.Run(fmt.Sprintf("%s/%d", name, *backlog), func(b *testing.B) {
			for range b.N {
				o.Dir = from
				begin := time.Now()
				s, opened, err := storage.Open(ctx, o)
				if err != nil || opened.Salvaged != nil {
					b.Fatalf("%+v, %v", opened, err)
				}
				b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ready-ms")
				b.StopTimer()
				if name == "killed" {
					s.Abandon()
				} else {
					_ = s.Close(ctx)
				}
				b.StartTimer()
			}
		})
	}
}
