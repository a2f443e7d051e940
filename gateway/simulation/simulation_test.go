package simulation_test

import (
	"flag"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed alone and tell its story")
	seeds   = flag.Int("seeds", 0, "how many seeds to run; default SIM_SEEDS, else 12")
	from    = flag.Uint64("from", 1, "first seed")
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // a run is short and allocates much
	os.Exit(m.Run())
}

func TestSimulation(t *testing.T) {
	if *oneSeed != 0 {
		simulate(t, *oneSeed, nil)
		return
	}
	n := *seeds
	if n == 0 {
		n, _ = strconv.Atoi(os.Getenv("SIM_SEEDS"))
	}
	if n == 0 {
		n = 12
	}
	total := newTotals()
	for seed := *from; seed < *from+uint64(n); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { simulate(t, seed, total) })
	}
	t.Log(total)
	total.check(t, n)
}

// simulate runs one seed.
func simulate(t *testing.T, seed uint64, total *totals) (digest string) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		c := newClinic(t, newPlan(seed))
		defer func() {
			if t.Failed() {
				t.Logf("run it alone: go test ./gateway/simulation -run Simulation -seed %d -v", seed)
			}
			if testing.Verbose() && *oneSeed != 0 {
				t.Log(c.tale())
			}
		}()
		c.run()
		for _, f := range c.judge() {
			t.Error(f)
		}
		digest = c.digest()
		c.close()
		total.add(c)
	})
	return digest
}
