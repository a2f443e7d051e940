package queue_test

import (
	"context"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func (k *kit) remove(id kiosk.EntryID, why kiosk.Removal) error {
	act := kiosk.NewAct(ana)
	return k.Act(context.Background(), act, func(tx *storage.Tx) error { _, err := k.Remove(tx, act, id, why); return err })
}

// Staff say why a patient will not be seen; it is on record, and can be undone.
func TestRemovalSaysWhy(t *testing.T) {
	k := openClinic(t)
	for _, why := range []kiosk.Removal{kiosk.RemovedCancelled, kiosk.RemovedRescheduled} {
		id := k.add(k.visit("apt-" + string(why)))
		k.set(ana, id, kiosk.Waiting)
		before := k.records()
		if err := k.remove(id, why); err != nil {
			t.Fatal(err)
		}
		wrote := since(before, k.records())
		if diff := cmp.Diff([]string{"1 audit/QUEUE_ENTRY_REMOVED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/PATIENT_REMOVED", "1 queue/STATUS_UPDATED"}, kinds(wrote)); diff != "" {
			t.Errorf("%s wrote (-want +got):\n%s", why, diff)
		}
		if m := messages[kiosk.PatientRemoved](t, wrote, "queue/PATIENT_REMOVED")[0]; m.Reason != why {
			t.Errorf("published %s, want %s", m.Reason, why)
		}
		if s := mustState(t, k, id); s.Entry.Status != kiosk.Cancelled || s.Removed != why {
			t.Errorf("%s: %s, %s", why, s.Entry.Status, s.Removed)
		}
		// Another kiosk that had not heard of it in time says it was cancelled.
		m := received(t, "lobby-2", wrote[0], 1)
		k.clock.pass(time.Second)
		m.ID, m.Channel, m.Message = uuid.New(), "queue.cardiology", &kiosk.PatientRemoved{QueueEntryID: id, Reason: kiosk.RemovedCancelled}
		m.Origin.HLC = storage.NewHLC(k.clock.now().Wall)
		k.apply(m)
		k.reopen()
		if s := mustState(t, k, id); s.Removed != why {
			t.Errorf("after another's removal, and a restart: %s, want %s", s.Removed, why)
		}
		act := kiosk.NewAct(ana)
		k.do(func(tx *storage.Tx) error { _, err := k.Undo(tx, act, id); return err })
		if s := mustState(t, k, id); s.Entry.Status != kiosk.Waiting || s.Removed != "" {
			t.Errorf("after undo: %s, removed %q", s.Entry.Status, s.Removed)
		}
	}
}

// The reasons that follow from a status are no choice, and who has been seen, or is
// being seen, is not removed.
func TestRemovalIsRefused(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	before := k.records()
	for _, why := range []kiosk.Removal{kiosk.RemovedCompleted, kiosk.RemovedNoShow, "", "vanished"} {
		if err := k.remove(id, why); !refusedBy(err, queue.ErrRemoval) {
			t.Errorf("%q: %v", why, err)
		}
	}
	if diff := cmp.Diff([]string{"4 audit/QUEUE_ACT_REFUSED"}, kinds(since(before, k.records()))); diff != "" {
		t.Errorf("wrote (-want +got):\n%s", diff)
	}
	k.set(ana, id, kiosk.InConsultation)
	if err := k.remove(id, kiosk.RemovedRescheduled); !refusedBy(err, queue.ErrTransition) {
		t.Errorf("while seen: %v", err)
	}
	k.set(ana, id, kiosk.Completed)
	if err := k.remove(id, kiosk.RemovedRescheduled); !refusedBy(err, queue.ErrTransition) {
		t.Errorf("when seen: %v", err)
	}
	if err := k.remove(kiosk.RandomEntryID(), "vanished"); err == nil {
		t.Error("nobody was removed")
	}
}
