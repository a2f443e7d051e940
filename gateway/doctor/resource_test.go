package doctor_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/doctor"
)

// A service that takes the processor for itself is noticed after ten minutes of it, and
// one that does not get it at once.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spent time.Duration
		var waits float64
		check := doctor.Busy(func() (time.Duration, bool) { return spent, true }, func() (float64, bool) { return waits, true })
		look := func(after, more time.Duration, want doctor.State) {
			t.Helper()
			time.Sleep(after)
			spent += more
			if got := check.Run(t.Context()); got.State != want {
				t.Errorf("%+v, want %s", got, want)
			}
		}
		look(time.Minute, time.Minute, doctor.Skipped) // a list was read
		look(9*time.Minute, time.Minute, doctor.OK)
		look(10*time.Minute, 9*time.Minute, doctor.Warn)
		look(time.Minute, 0, doctor.Warn)
		look(10*time.Minute, time.Minute, doctor.OK)
		waits = 60
		look(time.Second, 0, doctor.Warn)
	})
}

// Heat and a weak power supply, as the kernel tells of them.
func TestThrottle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("told on Linux only")
	}
	root := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, "sys", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look := func() doctor.Throttling { return doctor.ThrottlingOf(root) }
	state := func(c doctor.Check) doctor.State { return c.Run(t.Context()).State }
	if got := state(doctor.Throttle(look)); got != doctor.Skipped {
		t.Errorf("a machine that does not tell: %s", got)
	}
	const heat, alarm = "devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "class/hwmon/hwmon3/in0_lcrit_alarm"
	put(heat, "7")
	put("class/hwmon/hwmon3/name", "rpi_volt")
	put(alarm, "0")
	check := doctor.Throttle(look)
	if got := state(check); got != doctor.OK {
		t.Errorf("hot before the service started: %s", got)
	}
	put(heat, "8")
	if got := state(check); got != doctor.Warn {
		t.Errorf("hot: %s", got)
	}
	put(heat, "7")
	put(alarm, "1")
	if got := state(check); got != doctor.Warn {
		t.Errorf("a weak power supply: %s", got)
	}
}

// Work that piles up is noticed.
func TestWork(t *testing.T) {
	if got := doctor.Work().Run(t.Context()); got.State != doctor.OK {
		t.Errorf("%+v", got)
	}
	stop := make(chan struct{})
	for range 5001 {
		go func() { <-stop }()
	}
	got := doctor.Work().Run(t.Context())
	close(stop)
	if got.State != doctor.Warn {
		t.Errorf("%+v", got)
	}
}
