//go:build bench

package bench

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"clinicgate/gateway/uplink"
)

const (
	roundTrip     = 50 * time.Millisecond
	drainEvents   = 10_000
	singlyEvents  = 400
	drainTurns    = 3
	memorySamples = 2 * time.Millisecond
)

func drainChannels() []string {
	return []string{"queue.a", "queue.b", "queue.c", "queue.d"}
}

type drainArguments struct {
	Dir, Origin string
	Mode        uplink.BatchMode
	Each        int // events in each channel
}

type drainFound struct {
	Rate  float64 // events a second
	Grown memory  // at most, while draining
}

// playDrain fills a store, and then sends it all.
func playDrain(ctx context.Context, a drainArguments) (found drainFound, err error) {
	dir, err := os.MkdirTemp(a.Dir, "drain-")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(dir)
	s, err := newSender(dir, a.Origin, a.Mode, drainChannels(), a.Each)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	// What filling the store left behind is none of the drain's.
	debug.FreeOSMemory()
	before, err := memoryOf(0)
	watch, end := context.WithCancel(ctx)
	watched := make(chan memory)
	go func() { watched <- highest(watch) }()
	run, stop := context.WithCancel(ctx)
	begin := time.Now()
	wait := s.run(run)
	problem := s.drained(ctx)
	took := time.Since(begin)
	stop()
	end()
	most := <-watched
	found.Rate = float64(a.Each*len(drainChannels())) / took.Seconds()
	if err == nil {
		found.Grown = memory{RSS: most.RSS - before.RSS, Anonymous: most.Anonymous - before.Anonymous}
	}
	return found, errors.Join(problem, wait())
}

// highest gives the most memory that this process had until ctx ended.
func highest(ctx context.Context) (most memory) {
	tick := time.NewTicker(memorySamples)
	defer tick.Stop()
	for ctx.Err() == nil {
		if m, err := memoryOf(0); err == nil {
			most = memory{RSS: max(most.RSS, m.RSS), Anonymous: max(most.Anonymous, m.Anonymous)}
		}
		<-tick.C
	}
	return most
}

func benchDrain(t *testing.T, results *table) {
	results.part("drain of 10,000 events, 4 channels, 50 ms round trip")
	dir := folder(t)
	rates, per := map[uplink.BatchMode][]float64{}, map[uplink.BatchMode][]float64{}
	grown, own := map[uplink.BatchMode][]float64{}, map[uplink.BatchMode][]float64{}
	for range drainTurns {
		for _, mode := range []uplink.BatchMode{uplink.BatchPlain, uplink.BatchGzip, uplink.BatchNever} {
			each := drainEvents / len(drainChannels())
			if mode == uplink.BatchNever {
				each = singlyEvents / len(drainChannels())
			}
			d := newDouble(t)
			way := newRelay(t, d.addr, roundTrip/2)
			f := act[drainFound](t, "drain", drainArguments{dir, way.addr(), mode, each})
			messages := d.arrived(t, drainChannels(), each)
			rates[mode] = append(rates[mode], f.Rate)
			grown[mode] = append(grown[mode], f.Grown.RSS)
			own[mode] = append(own[mode], f.Grown.Anonymous)
			per[mode] = append(per[mode], float64(each*len(drainChannels()))/float64(messages))
		}
	}
	results.least("plain batches: events/s", "", 1800, rates[uplink.BatchPlain]...)
	results.least("gzip batches: events/s", "", 7000, rates[uplink.BatchGzip]...)
	results.least("one by one: events/s", "", 75, rates[uplink.BatchNever]...)
	results.note("gzip batches, times one by one", "", ratios(rates[uplink.BatchGzip], rates[uplink.BatchNever])...)
	results.note("events in a message: plain", "", per[uplink.BatchPlain]...)
	results.note("events in a message: gzip", "", per[uplink.BatchGzip]...)
	results.most("more memory, plain", " MiB", 12, grown[uplink.BatchPlain]...)
	results.most("more memory, gzip", " MiB", 12, grown[uplink.BatchGzip]...)
	results.note("of it anonymous, gzip", " MiB", own[uplink.BatchGzip]...)
}
