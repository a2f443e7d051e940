package faults_test

import (
	"sync"
	"testing"

	"clinicgate/gateway/doctor"
)

// On a kiosk that is in order no check fails or warns, with the service and without.
func TestHealthy(t *testing.T) {
	t.Parallel()
	k := newKiosk(t)
	k.prepare()
	k.start()
	k.open()
	k.drained()
	for _, r := range k.settle(nil, k.look) {
		if r.Did == "" {
			t.Errorf("%s is not in the catalogue", r.ID)
		}
		t.Logf("%-8s %s: %s", r.State, r.ID, r.Detail)
	}
	k.stop()
	for _, r := range k.settle([]string{"svc-running"}, func() ([]doctor.Report, error) { return k.outside(doctor.NoService) }) {
		if r.Did == "" {
			t.Errorf("%s is not in the catalogue", r.ID)
		}
		t.Logf("%-8s %s: %s", r.State, r.ID, r.Detail)
	}
}

// Being asked is no fault: however often doctor looks, and however many look at once, it
// finds nothing that it did itself.
func TestHealthyWhenAskedOften(t *testing.T) {
	t.Parallel()
	k := newKiosk(t)
	k.prepare()
	k.start()
	k.open()
	k.drained()
	k.settle(nil, k.look)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 15 {
				reports, err := k.look()
				if err != nil {
					t.Error(err)
					return
				}
				for _, r := range reports {
					if r.State.Bad() && !slow(r) {
						t.Errorf("%s %s: %s", r.State, r.ID, r.Detail)
					}
				}
			}
		})
	}
	all.Wait()
	k.settle(nil, k.look)
}
