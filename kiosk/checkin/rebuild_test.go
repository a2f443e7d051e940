package checkin_test

import (
	"context"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
)

// The views are gone, as after a salvage that could not read their pages, and
// the log is there: everything comes back, also what others had sent.
func TestRebuildFromTheLog(t *testing.T) {
	ctx := context.Background()
	other := newKit(t, "lobby-2", 'B')
	there := other.scan("s1", "apt-2", "en")
	other.finish("s1", there, true)
	k := newKit(t, "lobby-1", 'A')
	here := k.scan("s1", "apt-1", "en")
	k.finish("s1", here, true)
	h, err := k.Help(ctx, "s1", checkin.Ill)
	if err != nil {
		t.Fatal(err)
	}
	// As the downlink does: foreign events are stored and applied.
	for _, r := range other.records() {
		if c, _ := kiosk.ParseChannel(r.Channel); c.Family != kiosk.QueueFamily && c.Family != kiosk.ConsentFamily {
			continue
		}
		d, _ := kiosk.Defined(r.Kind)
		m, err := kiosk.Decode(d, r.Body)
		if err != nil {
			t.Fatal(err)
		}
		o := storage.Origin{Kiosk: "lobby-2", Inc: r.Inc, Seq: r.Seq, HLC: r.HLC, Boot: r.Boot, Mono: r.Mono, Synced: r.Synced, Timetoken: 1}
		if err := k.queue.Update(ctx, func(tx *storage.Tx) error {
			if _, err := tx.Append(storage.Event{ID: r.ID, Channel: r.Channel, Kind: r.Kind, Body: r.Body, Origin: &o}); err != nil {
				return err
			}
			_, err := k.Apply(tx, kiosk.Received{Channel: r.Channel, ID: r.ID, Origin: o, Message: m})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	// A provider's own app calls the other kiosk's patient.
	at := k.instant().Wall
	m := &kiosk.Called{Action: "CALLED", QueueEntryID: there.Entry, Room: "Room 4", CalledBy: "dr-vega"}
	d, _ := kiosk.Defined("queue/CALLED")
	e, err := kiosk.NewEvent(d, "queue.cardiology", m)
	if err != nil {
		t.Fatal(err)
	}
	e.Origin = &storage.Origin{Kiosk: "@dr-vega", Seq: 1, HLC: storage.NewHLC(at), Synced: true, Timetoken: uint64(at.UnixNano() / 100)}
	if err := k.queue.Update(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Append(e); err != nil {
			return err
		}
		_, err := k.Apply(tx, kiosk.Received{Channel: e.Channel, ID: e.ID, Origin: *e.Origin, Publisher: "dr-vega", Message: m})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	picture := func() []any {
		var list []any
		for _, id := range []kiosk.EntryID{here.Entry, there.Entry} {
			s, ok := k.queue.State(id)
			list = append(list, ok, s.Entry, s.Tickets, s.Call.Room, s.Call.By, len(s.Conflicts), s.Home)
		}
		rows, err := k.list.List(ctx, today)
		if err != nil {
			t.Fatal(err)
		}
		return append(list, len(rows), len(k.ActiveHelp()))
	}
	before := picture()
	wipe := func() {
		t.Helper()
		if err := k.store.Update(ctx, func(tx *storage.Tx) error {
			for _, id := range []kiosk.EntryID{here.Entry, there.Entry} {
				if err := tx.Delete("queue", []byte(id.String())); err != nil {
					return err
				}
			}
			for _, p := range []kiosk.EntryID{here.Entry, there.Entry} {
				e, _ := k.queue.Entry(p)
				if err := tx.Delete("consent", []byte(e.Patient)); err != nil {
					return err
				}
			}
			if err := tx.Delete("ticket", []byte(today)); err != nil {
				return err
			}
			return tx.Delete("help", h.ID[:])
		}); err != nil {
			t.Fatal(err)
		}
	}
	wipe()
	k.reopen('A')
	if k.queue.Open() != 0 || len(k.ActiveHelp()) != 0 {
		t.Fatal("the views are still there")
	}
	n := len(k.records())
	for range 2 { // a second time changes nothing
		if err := k.Rebuild(ctx, k.store, "lobby-2", "@dr-vega", "side-door"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, picture()); diff != "" {
		t.Errorf("rebuilt (-before +after):\n%s", diff)
	}
	if got := len(k.records()); got != n {
		t.Errorf("rebuilding wrote %d events", got-n)
	}
	// The numbers of the day go on.
	in := k.scan("s2", "apt-3", "en")
	if e, _ := k.queue.Entry(in.Entry); e.Metadata.Ticket != "A-002" {
		t.Errorf("the next ticket is %s", e.Metadata.Ticket)
	}
}
