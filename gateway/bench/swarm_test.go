//go:build bench

package bench

import (
	"fmt"
	"testing"
	"time"
)

// benchSwarm lets a waiting room full of devices report for a minute, ends the
// gateway as a power cut does, and looks whether every message that was
// acknowledged is in the store.
func benchSwarm(t *testing.T, results *table) {
	seconds := setting("BENCH_SWARM", 60)
	results.part(fmt.Sprintf("%d MQTT devices at 10 messages a second for %d s", fleetSize, seconds))
	c := newClinic(t, "127.0.0.1:1")
	c.start()
	accepted := func() float64 {
		t.Helper()
		s, err := c.control.Sync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range s.Streams {
			if row.Channel == "device.lobby-1" {
				return float64(row.Counts.Accepted)
			}
		}
		return 0
	}
	swarm := newFleet(t, c.mqtt)
	time.Sleep(settle)
	before, begin := accepted(), time.Now()
	idle := c.memory().Anonymous
	most := idle
	swarm.busy.Store(true)
	for time.Since(begin) < time.Duration(seconds)*time.Second {
		time.Sleep(500 * time.Millisecond)
		most = max(most, c.memory().Anonymous)
	}
	rate := float64(swarm.acked.Load()) / time.Since(begin).Seconds()
	c.kill()
	_ = swarm.end() // they lost their broker
	acked := float64(swarm.acked.Load())
	c.start()
	durable := accepted() - before
	results.least("acknowledged messages in the store after a kill", "", 1, min(1, durable/acked))
	results.note("acknowledged", "", acked)
	results.note("acknowledged in a second", "", rate)
	results.most("more anonymous memory than idle", " MiB", 24, most-idle)
	c.stop()
}
