package queue_test

import (
	"testing"
	"time"

	"clinicgate/kiosk"
)

// Who was completed a moment ago is found first; who still waits is not there.
func TestLeftListsWhoIsOffTheListsNewestFirst(t *testing.T) {
	k := openClinic(t)
	var ids []kiosk.EntryID
	for _, name := range []string{"apt-1", "apt-2", "apt-3"} {
		id := k.add(k.visit(name))
		k.set(ana, id, kiosk.Waiting)
		ids = append(ids, id)
	}
	for _, id := range ids[:2] {
		k.clock.pass(time.Minute)
		k.set(ana, id, kiosk.InConsultation)
		k.set(ana, id, kiosk.Completed)
	}
	left := k.Left(k.Today())
	if len(left) != 2 || left[0].Entry.ID != ids[1] || left[1].Entry.ID != ids[0] {
		t.Errorf("left: %d entries, want the two completed ones, the last first", len(left))
	}
	if other := k.Left("2026-11-22"); len(other) != 0 {
		t.Errorf("%d entries of another day", len(other))
	}
}
