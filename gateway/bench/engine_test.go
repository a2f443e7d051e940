//go:build bench

package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage"
	"clinicgate/storage/seal"
	"clinicgate/storage/storagetest"
)

// engine appends events and returns once they are on the disk.
type engine interface {
	append(id uuid.UUID, body []byte) error
	close() error
}

const (
	eventBytes   = 600
	benchChannel = "queue.bench"
	benchKind    = "queue/BENCH"
	ring         = 64 << 20 // bytes of the reference's file
	groupLimit   = 1024     // events in one commit, as in the store
)

// eventBody is JSON of which 96 bytes are random, in hex: ids and hashes.
func eventBody() []byte {
	var random [96]byte
	_, _ = rand.Read(random[:])
	b := append(make([]byte, 0, eventBytes), `{"action":"BENCH","hash":"`...)
	b = hex.AppendEncode(b, random[:])
	b = append(b, `","text":"`...)
	const words = "a place in the waiting room, and what is known about it; "
	for i := 0; len(b) < eventBytes-2; i++ {
		b = append(b, words[i%len(words)])
	}
	return append(b, `"}`...)
}

// storeOptions are those of a store with one kind of event, on a clock that
// nothing corrects.
func storeOptions(dir string) storage.Options {
	return storage.Options{
		Dir: dir, Kiosk: "bench-1", Keys: storagetest.NewKeys("bench"), Budget: 4 << 30,
		Kinds: []storage.Kind{{Name: benchKind, KeyClass: "queue", Lane: storage.LaneNotification, Priority: true}},
		Now:   func() storage.Instant { return storage.Instant{Wall: time.Now(), Synced: true} },
	}
}

// ours is the store. With a view, each event changes one of a hundred rows.
type ours struct {
	store         *storage.Store
	channel, kind string
	view          bool
}

func openOurs(dir string, view bool) (*ours, error) {
	s, _, err := storage.Open(context.Background(), storeOptions(dir))
	return &ours{s, benchChannel, benchKind, view}, err
}

var viewRow [400]byte

func (o *ours) append(id uuid.UUID, body []byte) error {
	e := storage.Event{ID: id, Channel: o.channel, Kind: o.kind, Body: body}
	if !o.view {
		_, err := o.store.Append(context.Background(), e)
		return err
	}
	return o.store.Update(context.Background(), func(tx *storage.Tx) error {
		if _, err := tx.Append(e); err != nil {
			return err
		}
		return tx.Put("entries", []byte{id[15] % 100}, viewRow[:])
	})
}

func (o *ours) close() error { return o.store.Close(context.Background()) }

// grouped gives an engine the group commit: one goroutine takes all that wait.
type grouped struct {
	requests chan *waiting
	ended    chan struct{}
	end      func() error
}

type waiting struct {
	id   uuid.UUID
	body []byte
	done chan error
}

// group starts the goroutine. after is called when the group has its answers.
func group(commit func([]*waiting) error, after func(), end func() error) *grouped {
	g := &grouped{make(chan *waiting, groupLimit), make(chan struct{}), end}
	go func() {
		defer close(g.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var all []*waiting
		for first := range g.requests {
			all = g.collect(append(all[:0], first))
			err := commit(all)
			for _, r := range all {
				r.done <- err
			}
			after()
		}
	}()
	return g
}

func (g *grouped) collect(all []*waiting) []*waiting {
	for len(all) < groupLimit {
		select {
		case r, open := <-g.requests:
			if !open {
				return all
			}
			all = append(all, r)
		default:
			return all
		}
	}
	return all
}

func (g *grouped) append(id uuid.UUID, body []byte) error {
	r := &waiting{id, body, make(chan error, 1)}
	g.requests <- r
	return <-r.done
}

func (g *grouped) close() error {
	close(g.requests)
	<-g.ended
	return g.end()
}

// openReference is what this disk can do.
func openReference(dir string) (*grouped, error) {
	f, err := openDirect(filepath.Join(dir, "ring"), ring)
	if err != nil {
		return nil, err
	}
	aead := seal.NewAEAD(seal.NewKey())
	buf := alignedBlocks(groupLimit * 1024)
	var at int64
	var n uint64
	var key [8]byte
	return group(func(all []*waiting) error {
		b := buf[:0]
		for _, r := range all {
			n++
			binary.BigEndian.PutUint64(key[:], n)
			b = seal.Seal(b, aead, r.body, seal.Place{Bucket: "ring", Key: key[:]})
		}
		size := (len(b) + 4095) &^ 4095
		if at+int64(size) > ring {
			at = 0
		}
		if _, err := f.WriteAt(buf[:size], at); err != nil {
			return err
		}
		at += int64(size)
		return datasync(f)
	}, func() {}, f.Close), nil
}

// footprint is what the store writes for an event and for a commit: the names of
// the buckets, and the lengths of keys and values, learnt from a store's file.
type footprint struct {
	event, id int            // lengths of the values
	head      map[string]int // of each commit, by key
}

func learnFootprint(dir string) (fp footprint, err error) {
	dir = filepath.Join(dir, "learn")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fp, err
	}
	defer os.RemoveAll(dir)
	s, err := openOurs(dir, false)
	if err != nil {
		return fp, err
	}
	for range 20 {
		if err := s.append(newID(), eventBody()); err != nil {
			return fp, errors.Join(err, s.close())
		}
	}
	if err := s.close(); err != nil {
		return fp, err
	}
	db, err := bolt.Open(filepath.Join(dir, "store.db"), 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return fp, err
	}
	defer db.Close()
	fp.head = map[string]int{}
	return fp, db.View(func(tx *bolt.Tx) error {
		_, event := tx.Bucket([]byte("events")).Cursor().Last()
		_, id := tx.Bucket([]byte("ids")).Cursor().Last()
		fp.event, fp.id = len(event), len(id)
		return tx.Bucket([]byte("head")).ForEach(func(k, v []byte) error {
			fp.head[string(k)] = len(v)
			return nil
		})
	})
}

// bareBuckets are those that an event and its commit touch.
var bareBuckets = []string{"head", "events", "ids"}

// openBare is bbolt that writes rows of the same lengths under the same keys with
// the same settings, and nothing around it.
func openBare(dir string, fp footprint) (*grouped, error) {
	path := filepath.Join(dir, "bare.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		PageSize: 4096, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, InitialMmapSize: 1 << 30,
	})
	if err != nil {
		return nil, err
	}
	db.AllocSize = 0
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range bareBuckets {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	ahead, err := newAhead(path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	noise := make([]byte, 8<<10)
	_, _ = rand.Read(noise)
	var n uint64
	var used int64
	return group(func(all []*waiting) error {
		return db.Update(func(tx *bolt.Tx) error {
			used = tx.Size()
			head, events, ids := tx.Bucket([]byte("head")), tx.Bucket([]byte("events")), tx.Bucket([]byte("ids"))
			head.FillPercent, events.FillPercent, ids.FillPercent = 0.9, 1, 1
			for _, r := range all {
				n++
				key := binary.BigEndian.AppendUint64([]byte{0, 0, 0, 1, 0, 0, 0, 1}, n)
				if err := events.Put(key, noise[:fp.event]); err != nil {
					return err
				}
				if err := ids.Put(r.id[:], noise[:fp.id]); err != nil {
					return err
				}
			}
			for key, length := range fp.head {
				if err := head.Put([]byte(key), noise[:length]); err != nil {
					return err
				}
			}
			return nil
		})
	}, func() { ahead.keep(used) }, func() error { return errors.Join(db.Close(), ahead.f.Close()) }), nil
}

// ahead keeps written blocks past the end of what bbolt uses, as the store does.
type ahead struct {
	f    *os.File
	size int64
}

func newAhead(path string) (*ahead, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	a := &ahead{f: f}
	a.keep(4 << 20)
	return a, nil
}

func (a *ahead) keep(used int64) {
	if used+1<<20 <= a.size {
		return
	}
	if info, err := a.f.Stat(); err == nil {
		a.size = info.Size()
	}
	to := a.size + min(max(a.size/4, 1<<20), 8<<20)
	for zeros := make([]byte, 256<<10); a.size < to; {
		n, err := a.f.WriteAt(zeros, a.size)
		if a.size += int64(n); err != nil {
			return // bbolt will meet the same
		}
	}
	_ = a.f.Sync()
}

// sample is one turn of an engine.
type sample struct {
	Rate    float64 // events a second
	P50     float64 // of the time of one append, in microseconds
	P99     float64
	Bytes   float64 // to the device, per event; 0: not known
	Flushes float64
}

// measure lets producers append one after the other for a while.
func measure(e engine, dir string, device string, producers int, d time.Duration) (sample, error) {
	bodies := make([][]byte, 64)
	for i := range bodies {
		bodies[i] = eventBody()
	}
	runtime.GC()
	before, err := deviceCounters(device, dir)
	if err != nil {
		return sample{}, err
	}
	times := make([][]float64, producers)
	problems := make([]error, producers)
	var wg sync.WaitGroup
	begin := time.Now()
	for p := range producers {
		wg.Go(func() {
			for i := p; time.Since(begin) < d; i++ {
				id, at := newID(), time.Now()
				if problems[p] = e.append(id, bodies[i%len(bodies)]); problems[p] != nil {
					return
				}
				times[p] = append(times[p], float64(time.Since(at))/float64(time.Microsecond))
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err := errors.Join(problems...); err != nil {
		return sample{}, fmt.Errorf("cannot append: %w", err)
	}
	after, err := deviceCounters(device, dir)
	if err != nil {
		return sample{}, err
	}
	var all []float64
	for _, t := range times {
		all = append(all, t...)
	}
	n := float64(len(all))
	return sample{
		Rate: n / took.Seconds(), P50: percentile(all, 0.5), P99: percentile(all, 0.99),
		Bytes: float64(after.bytes-before.bytes) / n, Flushes: float64(after.flushes-before.flushes) / n,
	}, nil
}

func newID() uuid.UUID { id, _ := uuid.NewV7(); return id }
