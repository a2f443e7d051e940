//go:build bench

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"clinicgate/gateway/uplink"
)

const (
	linkRounds = 10
	linkDown   = 10 * time.Second // long enough for the longest waits between probes
)

// benchLink measures the time from the link's return to the first event of the
// backlog that PubNub accepts. The rounds run side by side, each with its own
// store, since nearly all of their time is waiting.
func benchLink(t *testing.T, results *table) {
	results.part("link back, until the first event of the backlog is accepted")
	for _, way := range []struct {
		what  string
		told  bool
		reach float64
	}{
		{"nobody tells (connections were refused)", false, 5},
		{"the system tells", true, 1},
	} {
		var mu sync.Mutex
		var took []float64
		var wg sync.WaitGroup
		dir := folder(t)
		for i := range linkRounds {
			d := newDouble(t)
			line := newRelay(t, d.addr, roundTrip/2)
			line.set(true)
			wg.Go(func() {
				// Not all at the same moment of the probes' rhythm.
				down := linkDown + time.Duration(i)*500*time.Millisecond
				d, err := linkBack(t.Context(), filepath.Join(dir, fmt.Sprint(i)), d, line, down, way.told)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				took = append(took, d.Seconds())
				mu.Unlock()
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		results.most(way.what+": longest", " s", way.reach, percentile(took, 1))
		results.note(way.what+": median", " s", took...)
	}
}

// linkBack lets an uplink try for a while on a line that is cut, and restores it.
func linkBack(ctx context.Context, dir string, d *double, line *relay, down time.Duration, told bool) (took time.Duration, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	s, err := newSender(dir, line.addr(), uplink.BatchGzip, drainChannels(), 100)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	ctx, cancel := context.WithCancel(ctx)
	wait := s.run(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, wait())
	}()
	time.Sleep(down)
	accepted := d.expect()
	begin := time.Now()
	line.set(false)
	if told {
		s.client.Wake()
		s.up.LinkUp()
	}
	select {
	case <-accepted:
		return time.Since(begin), nil
	case <-time.After(time.Minute):
		return 0, errors.New("nothing was accepted within a minute of the link's return")
	}
}
