//go:build bench

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clinicgate/gateway/control"
)

const (
	backupTurns = 3
	nightLimit  = 10 * time.Minute
)

// backupTaps are the taps of a turn, in milliseconds.
type backupTaps struct{ alone, night, asked []float64 }

// benchBackup checks patients in while the whole store is copied: at night, at
// the pace of the nightly backup, and when a person asks, as fast as the disk
// goes. The copies lie on the store's own disk, the worst place for both.
func benchBackup(t *testing.T, results *table) {
	n := setting("BENCH_BACKUP", 300_000)
	results.part(fmt.Sprintf("tap on the last button while a store of %d events is backed up to the same disk", n))
	nights := folder(t)
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	// Due at once, and for so long that it does not wait for an idle page.
	due := time.Now().In(zone).Add(-4 * time.Hour)
	c := newClinic(t, "127.0.0.1:1", fmt.Sprintf("[backup]\ndir = %q\nat = %q\n", nights, due.Format("15:04")))
	filled := act[fillFound](t, "fill", c.arguments(n))
	results.note("file", " MB", filled.MB)
	c.start()
	codes := c.admit("visit", setting("BENCH_CHECKINS", 600))
	p := c.open()
	var taps backupTaps
	next := 0
	checkIn := func(to *[]float64) {
		t.Helper()
		if next == len(codes) {
			t.Fatal("more taps than patients: raise BENCH_CHECKINS")
		}
		took, err := p.checkIn(t.Context(), codes[next], func() {})
		if err != nil {
			t.Fatal(err)
		}
		next++
		*to = append(*to, float64(took)/float64(time.Millisecond))
	}

	there := func(pattern string) bool {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(nights, pattern))
		if err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	}
	wait := func(what, pattern string) {
		t.Helper()
		for begin := time.Now(); !there(pattern); time.Sleep(100 * time.Millisecond) {
			if time.Since(begin) > nightLimit {
				t.Fatal("the nightly backup does not", what)
			}
		}
	}
	each := len(codes) / (2*backupTurns + 1)
	wait("begin", "*.cgbackup.new")
	begin := time.Now()
	for len(taps.night) < each && !there("*.cgbackup") {
		checkIn(&taps.night)
	}
	wait("end", "*.cgbackup")
	night := time.Since(begin)

	var speed []float64
	for turn := range 2 * backupTurns {
		if turn%2 == 0 {
			for range each {
				checkIn(&taps.alone)
			}
			continue
		}
		for k := 0; k < each; {
			file, done := filepath.Join(c.dir, "copy.cgbackup"), make(chan error, 1)
			var made control.BackedUp
			begin := time.Now()
			go func() {
				var err error
				made, err = c.control.StoreBackup(t.Context(), control.StoreBackup{To: file}, nil)
				done <- err
			}()
			for going := true; going; {
				select {
				case err := <-done:
					if err != nil {
						t.Fatal(err)
					}
					going = false
				default:
					if k < each {
						checkIn(&taps.asked)
						k++
					} else {
						time.Sleep(10 * time.Millisecond)
					}
				}
			}
			speed = append(speed, float64(made.Bytes)/1e6/time.Since(begin).Seconds())
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.stop()
	results.note("the nightly backup took", " s", night.Seconds())
	results.note("one that a person asks for", " MB/s", speed...)
	for _, row := range []struct {
		when string
		taps []float64
	}{
		{"without a backup", taps.alone},
		{"during the nightly one", taps.night},
		{"during those that a person asks for", taps.asked},
	} {
		results.most(fmt.Sprintf("p99 of %d %s", len(row.taps), row.when), " ms", 50, percentile(row.taps, 0.99))
		results.note("half of them", " ms", median(row.taps))
		results.note("the longest", " ms", percentile(row.taps, 1))
		results.note("half of them, times that without", "", median(row.taps)/median(taps.alone))
	}
}
