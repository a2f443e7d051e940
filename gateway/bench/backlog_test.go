//go:build bench

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

const (
	backlogTurns = 3
	rest         = 3 * time.Second // after which a gateway's memory is looked at
)

// backlogChannels are the gateway's own, with what goes there.
func backlogChannels() map[string]string {
	return map[string]string{
		kiosk.AuditChannel("org"):               "audit/EVENT",
		kiosk.QueueChannel("cardiology"):        "queue/STATUS_UPDATED",
		kiosk.QueueChannel("family-medicine"):   "queue/STATUS_UPDATED",
		kiosk.ProviderNotificationChannel("dr"): "notification/PATIENT_READY",
	}
}

// storeArguments name a gateway's store.
type storeArguments struct {
	Data, Key string
	Events    int
	Beside    string // a folder for an empty store
	Turns     int
}

func (c *clinic) arguments(events int) storeArguments {
	return storeArguments{Data: c.data, Key: c.keyFile(), Events: events, Beside: c.dir, Turns: 15}
}

// openClinicStore opens a gateway's store, on a clock that the caller moves.
func openClinicStore(ctx context.Context, a storeArguments, ahead *time.Duration) (*storage.Store, *keyring.Ring, error) {
	ring, err := keyring.Open(ctx, keyring.Dir(a.Data), keyring.KeyFile(a.Key), keyring.Options{})
	if err != nil {
		return nil, nil, err
	}
	s, _, err := storage.Open(ctx, storage.Options{
		Dir: a.Data, Kiosk: "lobby-1", Kinds: kiosk.Kinds(), Keys: ring, Budget: 4 << 30,
		Now: func() storage.Instant { return storage.Instant{Wall: time.Now().Add(*ahead), Synced: true} },
	})
	if err != nil {
		ring.Close()
	}
	return s, ring, err
}

type fillFound struct{ Rate, MB float64 }

// playFill makes a backlog and closes the store.
func playFill(ctx context.Context, a storeArguments) (found fillFound, err error) {
	s, ring, err := openClinicStore(ctx, a, new(time.Duration))
	if err != nil {
		return found, err
	}
	defer ring.Close()
	begin := time.Now()
	channels := backlogChannels()
	for channel, kind := range channels {
		if err := fill(s, channel, kind, a.Events/len(channels)); err != nil {
			return found, errors.Join(err, s.Close(ctx))
		}
	}
	found.Rate = float64(a.Events) / time.Since(begin).Seconds()
	found.MB = float64(s.Status().Length) / 1e6
	return found, s.Close(ctx)
}

// pairFound has ratios of a store's rate to that of an empty one.
type pairFound struct{ Alone, Together []float64 }

// playPair compares a store with a backlog with an empty one, in turns.
func playPair(ctx context.Context, a storeArguments) (found pairFound, err error) {
	s, ring, err := openClinicStore(ctx, a, new(time.Duration))
	if err != nil {
		return found, err
	}
	defer ring.Close()
	found, err = compare(s, ring, a)
	return found, errors.Join(err, s.Close(ctx))
}

func compare(s *storage.Store, keys storage.Keys, a storeArguments) (found pairFound, err error) {
	dir, err := os.MkdirTemp(a.Beside, "empty-")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(dir)
	o := storeOptions(dir)
	o.Keys, o.Kinds = keys, kiosk.Kinds()
	beside, _, err := storage.Open(context.Background(), o)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, beside.Close(context.Background())) }()
	channel, kind := kiosk.QueueChannel("cardiology"), "queue/STATUS_UPDATED"
	full, empty := &ours{store: s, channel: channel, kind: kind}, &ours{store: beside, channel: channel, kind: kind}
	for _, to := range []struct {
		producers int
		ratios    *[]float64
	}{{1, &found.Alone}, {64, &found.Together}} {
		var emptied, filled []sample
		turn := func(e engine, list *[]sample) error {
			s, err := measure(e, "", "", to.producers, 200*time.Millisecond)
			*list = append(*list, s)
			return err
		}
		for range a.Turns {
			if err := errors.Join(turn(empty, &emptied), turn(full, &filled)); err != nil {
				return found, err
			}
		}
		if err := turn(empty, &emptied); err != nil {
			return found, err
		}
		*to.ratios = ratios(each(filled, speed), between(emptied, speed))
	}
	return found, nil
}

// emptyFound is a store after all of its backlog was delivered and forgotten.
type emptyFound struct {
	pairFound
	Full, Compacted        float64 // MB of the file
	Drain, Retain, Compact float64 // seconds
}

// playEmpty delivers a backlog as the uplink does, lets its time run out, and
// gives the space back.
func playEmpty(ctx context.Context, a storeArguments) (found emptyFound, err error) {
	var ahead time.Duration
	s, ring, err := openClinicStore(ctx, a, &ahead)
	if err != nil {
		return found, err
	}
	defer ring.Close()
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	found.Full = float64(s.Status().Length) / 1e6
	begin := time.Now()
	lap := func(to *float64) { *to, begin = time.Since(begin).Seconds(), time.Now() }
	if err := deliver(ctx, s); err != nil {
		return found, err
	}
	lap(&found.Drain)
	if err := forget(ctx, s, &ahead); err != nil {
		return found, err
	}
	lap(&found.Retain)
	if found.pairFound, err = compare(s, ring, a); err != nil {
		return found, err
	}
	// What the comparison appended goes too.
	if err := errors.Join(deliver(ctx, s), forget(ctx, s, &ahead)); err != nil {
		return found, err
	}
	begin = time.Now()
	if err := s.Compact(ctx, nil); err != nil {
		return found, err
	}
	lap(&found.Compact)
	found.Compacted = float64(s.Status().Length) / 1e6
	return found, nil
}

// deliver moves every stream's cursor to its end, in steps as the uplink does.
func deliver(ctx context.Context, s *storage.Store) error {
	const step = 200
	for _, st := range s.Streams() {
		for at := st.Sent; at.Less(st.Next); {
			if at.Inc != st.Next.Inc {
				at = storage.Cursor{Inc: st.Next.Inc}
			}
			at.Seq = min(at.Seq+step, st.Next.Seq)
			if err := s.Advance(ctx, st.Channel, at, storage.Delivered, "", 1); err != nil {
				return err
			}
		}
		if err := s.Receipt(ctx, st.Channel, st.Next); err != nil {
			return err
		}
	}
	return nil
}

// forget lets the time of the records run out, and then that of their ids.
func forget(ctx context.Context, s *storage.Store, ahead *time.Duration) error {
	for _, later := range []time.Duration{500 * 24 * time.Hour, 3 * 24 * time.Hour} {
		*ahead += later
		if err := s.Retain(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func benchBacklog(t *testing.T, results *table) {
	n := setting("BENCH_BACKLOG", 1_000_000)
	results.part(fmt.Sprintf("backlog of %d events, budget 4 GiB, no network", n))
	full, empty := newClinic(t, "127.0.0.1:1"), newClinic(t, "127.0.0.1:1")
	filled := act[fillFound](t, "fill", full.arguments(n))
	results.note("file", " MB", filled.MB)

	var clean, killed, own, ownKilled []float64
	for range backlogTurns {
		empty.start()
		full.start()
		clean = append(clean, full.ready.Seconds())
		time.Sleep(rest)
		own = append(own, full.memory().Anonymous/empty.memory().Anonymous)
		full.kill()
		full.start()
		killed = append(killed, full.ready.Seconds())
		time.Sleep(rest)
		ownKilled = append(ownKilled, full.memory().Anonymous/empty.memory().Anonymous)
		empty.stop()
		full.stop()
	}
	results.most("ready after a clean stop", " s", 2, clean...)
	results.most("ready after a kill, the file in cache", " s", 3, killed...)
	results.most("anonymous memory, times that of an empty store", "", 1.5, own...)
	results.most("the same after a kill", "", 1.5, ownKilled...)

	p := act[pairFound](t, "pair", full.arguments(n))
	results.least("append, 1 producer, of an empty store", "", 0.95, p.Alone...)
	results.least("append, 64 producers, of an empty store", "", 0.95, p.Together...)
	e := act[emptyFound](t, "empty", full.arguments(n))
	results.least("after draining it: append, 1 producer, of a fresh store", "", 0.95, e.Alone...)
	results.least("after draining it: append, 64 producers, of a fresh store", "", 0.95, e.Together...)
	results.most("file after draining and compaction, of the full one", "", 0.2, e.Compacted/e.Full)
	results.note("that is", " MB", e.Compacted)
	results.note("draining took", " s", e.Drain)
	results.note("forgetting took", " s", e.Retain)
	results.note("compaction took", " s", e.Compact)
}
