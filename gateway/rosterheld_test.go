package gateway

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"

	"github.com/google/go-cmp/cmp"
)

var deskActor = kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}

// expect compares the audit events since the last look at them.
func (w *watched) expect(what string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.said); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	w.said = nil
}

func (w *watched) heldOne() control.HeldList {
	w.t.Helper()
	list := w.shown()
	if len(list) != 1 {
		w.t.Fatalf("%d lists are held: %+v", len(list), list)
	}
	return list[0]
}

// A held list is on record once, whatever looks, restarts and repeated exports there
// are, and so is what a person decides.
func TestHeldListsAreOnRecordOnce(t *testing.T) {
	w := watch(t)
	w.put("a.csv", rowsOf("2026-11-23", 1, 10))
	w.pass(10 * time.Second)
	w.expect("a good list")
	shrunk := rowsOf("2026-11-23", 1, 6)
	w.mute = errors.New("the store is full")
	w.put(canary+".csv", shrunk)
	w.pass(20 * time.Second)
	if w.why() != "1 shrunk" {
		t.Errorf("held %q", w.why())
	}
	w.mute = nil
	w.pass(2 * time.Second)
	w.expect("held", "ROSTER_HELD shrunk by system:folder")
	h := w.heldOne()
	if h.Why != "shrunk" || h.Rows != 6 || !slices.Equal(h.Days, []string{"2026-11-23"}) || !h.Importable || h.Since.IsZero() || strings.Contains(h.ID, "anary") {
		t.Errorf("staff are shown %+v", h)
	}
	w.pass(time.Minute)
	w.waiting = map[string]heldFile{} // a restart
	w.pass(10 * time.Second)
	w.put(canary+".csv", shrunk) // exported again
	if err := os.Chtimes(w.dir+"/"+canary+".csv", w.now, w.now); err != nil {
		t.Fatal(err)
	}
	w.pass(20 * time.Second)
	w.expect("the same list again")
	if again := w.heldOne(); again.ID != h.ID {
		t.Errorf("it is %s now, and was %s", again.ID, h.ID)
	}
	w.mustRelease(shrunk) // a person imported it
	w.expect("accepted", "ROSTER_ACCEPTED shrunk by staff:ana")
	if len(w.shown()) != 0 || w.why() != "" {
		t.Error("staff are shown what was decided")
	}
	w.pass(4 * time.Second)
	if w.files() != "" {
		t.Errorf("left %q", w.files())
	}
	w.mustRelease(shrunk)
	w.expect("afterwards")
	w.day = "2026-11-24" // the same export on another day is told again
	w.rows = nil
	w.put("b.csv", rowsOf("2026-11-20", 1, 6))
	w.pass(10 * time.Second)
	w.expect("next day", "ROSTER_HELD other-day by system:folder")
}

// A person throws a list away by its id, or by hand.
func TestHeldListsAreRefused(t *testing.T) {
	w := watch(t)
	wrong := rowsOf("2025-11-23", 1, 10)
	w.put("a.csv", wrong)
	w.put("b.csv", wrong) // two files of one list
	w.pass(10 * time.Second)
	w.expect("held", "ROSTER_HELD other-day by system:folder")
	id := w.heldOne().ID
	ctx, act := context.Background(), kiosk.NewAct(deskActor)
	for _, unknown := range []string{"", "00000000", "a.csv"} {
		if err := w.refuse(ctx, act, unknown); !errors.Is(err, errNotHeld) {
			t.Errorf("refuse %q: %v", unknown, err)
		}
		if _, err := w.read(unknown); !errors.Is(err, errNotHeld) {
			t.Errorf("read %q: %v", unknown, err)
		}
	}
	if data, err := w.read(id); err != nil || string(data) != wrong {
		t.Errorf("read %d bytes, %v", len(data), err)
	}
	w.rosterFolder.remove = func(string) error { return os.ErrPermission }
	if e, ok := errors.AsType[*control.Error](w.refuse(ctx, act, id)); !ok || e.Next == "" || len(w.shown()) != 1 {
		t.Errorf("a file that stays: %v", e)
	}
	w.rosterFolder.remove = os.Remove
	w.mute = errors.New("the store is full")
	if err := w.refuse(ctx, act, id); err == nil || w.files() == "" {
		t.Errorf("it was thrown away without a record: %v", err)
	}
	w.mute = nil
	w.said = nil
	if err := w.refuse(ctx, kiosk.NewAct(deskActor), id); err != nil {
		t.Fatal(err)
	}
	w.pass(10 * time.Second)
	w.expect("refused", "ROSTER_REFUSED other-day by staff:ana")
	if w.files() != "" || w.lists != 0 || len(w.shown()) != 0 {
		t.Errorf("left %q, %d imported", w.files(), w.lists)
	}

	w.put("c.csv", rowsOf("2025-11-23", 1, 9))
	w.pass(10 * time.Second)
	if err := os.Remove(w.dir + "/c.csv"); err != nil {
		t.Fatal(err)
	}
	w.pass(4 * time.Second)
	w.expect("taken away", "ROSTER_HELD other-day by system:folder", "ROSTER_REFUSED other-day, taken away by system:folder")

	w.put("d.csv", "invoice,total\n1,2\n")
	w.pass(10 * time.Second)
	d := w.heldOne()
	if _, err := w.read(d.ID); err == nil || d.Importable {
		t.Errorf("a list that cannot be read may be accepted: %+v", d)
	}
	w.put("d.csv", wrong) // changed a moment ago
	if err := w.refuse(ctx, act, d.ID); !errors.Is(err, errChanged) {
		t.Errorf("a file that changed was refused: %v", err)
	}
}
