package faults_test

import (
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
