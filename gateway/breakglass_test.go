package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"clinicgate/gateway/clock"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"
)

// glassKit is as much of a kiosk as taking a role needs.
func glassKit(t *testing.T, dir string, keys *storagetest.Keys) (*Gateway, func()) {
	t.Helper()
	g := &Gateway{log: slog.New(slog.NewTextHandler(io.Discard, nil)), journal: kiosk.Journal{Organization: "riverside"}, self: "lobby-1", clock: clock.New(clock.Machine{Wall: time.Now(), Boot: uuid.New()})}
	store, _, err := storage.Open(context.Background(), storage.Options{Dir: dir, Kiosk: "lobby-1", Kinds: kiosk.Kinds(), Keys: keys, NoSync: true, Now: g.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	g.store = store
	return g, func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// audits gives the audit events.
func audits(t *testing.T, g *Gateway) (list []kiosk.AuditEvent) {
	t.Helper()
	records, err := g.store.Read(t.Context(), kiosk.AuditChannel("riverside"), "", storage.Cursor{}, 500)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var e kiosk.AuditEvent
		if err := json.Unmarshal(r.Body, &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// onRecord gives the audit events of break-glass, as "TYPE actor action".
func onRecord(t *testing.T, g *Gateway) (list []string) {
	t.Helper()
	for _, e := range audits(t, g) {
		if e.Resource.Type == "break-glass" {
			list = append(list, string(e.EventType)+" "+e.Actor.UserID+" "+e.Action)
		}
	}
	return list
}

// A role that was taken ends at its time, is not prolonged, and its start, each use and
// its end are on record; one that is open ends with the process.
func TestBreakGlass(t *testing.T) {
	dir, keys := t.TempDir(), storagetest.NewKeys("lobby-1")
	synctest.Test(t, func(t *testing.T) {
		g, closed := glassKit(t, dir, keys)
		b := glassBackend{g}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.runGlasses(ctx) }()
		bell, unwatch := g.glasses.bell.watch()
		defer unwatch()

		tom := control.Caller{Actor: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "tom"}, Roles: control.Technician, Own: control.Technician}
		ask := control.BreakGlass{Role: "desk", Reason: "patient-safety", Reference: "INC-4711", Seconds: 1800}
		took, err := b.Open(ctx, tom, ask)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-bell:
		default:
			t.Error("the desk is not told")
		}
		if _, err := b.Open(ctx, tom, ask); err == nil {
			t.Error("it was prolonged")
		}
		if r := b.Granted(tom.Actor); r != control.Desk {
			t.Errorf("granted %v", r)
		}
		if r := b.Granted(kiosk.Actor{Kind: kiosk.ActorStaff, ID: "eve"}); r != 0 {
			t.Errorf("somebody else has %v", r)
		}
		if err := b.Used(ctx, tom, control.Desk|control.Admin, "queue/list"); err != nil {
			t.Error(err)
		}
		if err := b.Used(ctx, tom, control.PINs|control.Admin, "desk/pin"); err == nil {
			t.Error("a role that was not taken was used")
		}
		eve := control.Caller{Actor: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "eve"}, Own: control.Technician}
		if _, err := b.End(ctx, eve, control.GlassEnd{ID: took.ID}); err == nil {
			t.Error("another technician ended it")
		}
		if shown := g.glassesShown(); len(shown) != 1 || shown[0].By != "tom" {
			t.Errorf("the desk sees %+v", shown)
		}
		time.Sleep(30 * time.Minute)
		if r := b.Granted(tom.Actor); r != 0 {
			t.Errorf("after its time: %v", r)
		}
		time.Sleep(2 * glassRound)
		again, err := b.Open(ctx, tom, ask)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.End(ctx, tom, control.GlassEnd{ID: again.ID}); err != nil || b.Granted(tom.Actor) != 0 {
			t.Errorf("ended by hand: %v", err)
		}
		if _, err := b.Open(ctx, tom, ask); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		closed()

		g, closed = glassKit(t, dir, keys) // the next process
		defer closed()
		for range 2 {
			if err := g.sayGlassesEnded(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if r := (glassBackend{g}).Granted(tom.Actor); r != 0 {
			t.Errorf("it outlived the process: %v", r)
		}
		opened := "BREAK_GLASS_OPENED tom take desk for 30 min: patient-safety, INC-4711"
		want := []string{opened, "BREAK_GLASS_USED tom queue/list", "BREAK_GLASS_ENDED service its time was over",
			opened, "BREAK_GLASS_ENDED tom ended by hand", opened, "BREAK_GLASS_ENDED service ended with the service's process"}
		if got := onRecord(t, g); !slices.Equal(got, want) {
			t.Errorf("on record:\n%q\nwant\n%q", got, want)
		}
	})
}

// What cannot be put on record is not done.
func TestBreakGlassNeedsTheAuditLog(t *testing.T) {
	g, closed := glassKit(t, t.TempDir(), storagetest.NewKeys("lobby-1"))
	b := glassBackend{g}
	tom := control.Caller{Actor: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "tom"}, Own: control.Technician}
	ask := control.BreakGlass{Role: "desk", Reason: "disaster", Reference: "P-1", Seconds: 60}
	if _, err := b.Open(t.Context(), tom, ask); err == nil {
		t.Error("a reference of one letter was taken")
	}
	ask.Reference = "PAPER-1"
	if _, err := b.Open(t.Context(), tom, ask); err != nil {
		t.Fatal(err)
	}
	closed()
	if err := b.Used(t.Context(), tom, control.Desk, "queue/list"); err == nil {
		t.Error("used without a record")
	}
	ask.Role = "pins"
	if _, err := b.Open(t.Context(), tom, ask); err == nil || b.Granted(tom.Actor)&control.PINs != 0 {
		t.Errorf("taken without a record: %v", err)
	}
}
