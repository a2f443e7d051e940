package identity_test

import (
	"testing"
	"time"

	"clinicgate/kiosk/identity"
)

func TestPossibleBirth(t *testing.T) {
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	for date, want := range map[string]bool{
		"1980-02-29": true, "2026-11-22": true, "2026-11-23": true, "1896-01-01": true,
		"2026-11-24": false, "1895-12-31": false, "1981-02-29": false, "1980-2-9": false, "": false, "29.02.1980": false,
	} {
		if got := identity.PossibleBirth(date, now); got != want {
			t.Errorf("%q: %v", date, got)
		}
	}
}
