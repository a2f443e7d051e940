package queue_test

import (
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// What a desk said of a provider before its kiosk knew the time sorts by its
// first publication, on the kiosk that said it too, and whichever of two
// publications another kiosk sees first.
func TestUntrustedAvailabilitySortsByItsFirstPublication(t *testing.T) {
	ahead, true1, true2 := newClock(morning), newClock(morning), newClock(morning)
	ahead.skew, ahead.synced = 10*time.Hour, false
	a := newKit(t, t.TempDir(), "lobby-1", 'A', ahead)
	b := newKit(t, t.TempDir(), "lobby-2", 'B', true1)
	c := newKit(t, t.TempDir(), "lobby-3", 'C', true2)
	for _, k := range []*kit{a, b, c} {
		t.Cleanup(k.close)
	}
	said := func(k *kit, status kiosk.Availability) storage.Record {
		t.Helper()
		before := k.records()
		k.provider("dr-vega", status)
		for _, r := range since(before, k.records()) {
			if r.Kind == "queue/PROVIDER_STATUS" {
				return r
			}
		}
		t.Fatal("nothing was recorded")
		return storage.Record{}
	}
	tt := func(minute int) uint64 {
		return uint64(morning.Add(time.Duration(minute)*time.Minute).UnixNano() / 100)
	}
	early := said(a, kiosk.Away)
	true1.pass(5 * time.Minute)
	later := said(b, kiosk.Available)

	first, second := received(t, a.id, early, tt(1)), received(t, a.id, early, tt(9))
	if err := a.Learned(t.Context(), early.Channel, storage.Cursor{Inc: early.Inc, Seq: early.Seq}, tt(9)); err != nil {
		t.Fatal(err)
	}
	a.apply(first)
	a.apply(received(t, b.id, later, tt(5)))
	b.apply(first)
	b.apply(second)
	c.apply(received(t, b.id, later, tt(5)))
	c.apply(second)
	c.apply(first)
	for _, k := range []*kit{a, b, c} {
		if got := k.Availability("dr-vega"); got != kiosk.Available {
			t.Errorf("%s shows %s", k.id, got)
		}
		k.renew()
		if got := k.Availability("dr-vega"); got != kiosk.Available {
			t.Errorf("%s shows %s after a restart", k.id, got)
		}
	}
}
