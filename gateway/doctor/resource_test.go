package doctor_test

import (
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
