package checkin_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func readAll(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

func TestHelpIsOnUntilAPersonAcknowledges(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	ctx := context.Background()
	rung, cancel := k.WatchHelp()
	defer cancel()
	id := k.scan("s1", "apt-1", "en")
	var h checkin.Help
	got := k.wrote(func() {
		for range 3 { // pressing again while it is on is the same call
			again, err := k.Help(ctx, "s1", checkin.Ill)
			if err != nil || h.ID != uuid.Nil && again.ID != h.ID {
				t.Errorf("pressed again: %+v, %v", again, err)
			}
			h = again
		}
	})
	if diff := cmp.Diff([]string{"1 audit/EMERGENCY_ESCALATION_TRIGGERED", "1 emergency/EMERGENCY_ESCALATION"}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	select {
	case <-rung:
	default:
		t.Error("the watch did not ring")
	}
	e, _ := k.queue.Entry(id.Entry)
	if !h.Durable || h.Severity != "critical" || h.Department != "cardiology" || h.Ticket != e.Metadata.Ticket || h.Kiosk != "lobby-1" {
		t.Errorf("call: %+v", h)
	}
	if other, err := k.Help(ctx, "s1", checkin.NeedHelp); err != nil || other.ID == h.ID || other.Severity != "urgent" {
		t.Errorf("another kind of help: %+v, %v", other, err)
	}
	// A restart does not silence it.
	k.reopen('A')
	if n := len(k.ActiveHelp()); n != 2 {
		t.Fatalf("%d calls are on after a restart", n)
	}
	act := kiosk.NewAct(ana)
	got = k.wrote(func() {
		for range 2 {
			if a, err := k.Acknowledge(ctx, act, h.ID); err != nil || a.Status != kiosk.EscalationAcknowledged || a.By != "staff:ana" {
				t.Errorf("acknowledged: %+v, %v", a, err)
			}
		}
		if open := k.OpenHelp(); len(open) != 2 || open[0].ID != h.ID || open[0].By != "staff:ana" {
			t.Errorf("an acknowledged call is not open until it is resolved: %+v", open)
		}
		if r, err := k.Resolve(ctx, kiosk.NewAct(ana), h.ID); err != nil || r.Status != kiosk.EscalationResolved {
			t.Errorf("resolved: %+v, %v", r, err)
		}
		if open := k.OpenHelp(); len(open) != 1 || open[0].ID == h.ID {
			t.Errorf("a resolved call is open: %+v", open)
		}
		if a, err := k.Acknowledge(ctx, kiosk.NewAct(ana), h.ID); err != nil || a.Status != kiosk.EscalationResolved {
			t.Errorf("acknowledged after it was resolved: %+v, %v", a, err)
		}
	})
	if diff := cmp.Diff([]string{"1 audit/EMERGENCY_ESCALATION_ACKNOWLEDGED", "1 audit/EMERGENCY_ESCALATION_RESOLVED", "2 emergency/EMERGENCY_ESCALATION"}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if n := len(k.ActiveHelp()); n != 1 {
		t.Errorf("%d calls are on", n)
	}
	if _, err := k.Acknowledge(ctx, act, uuid.New()); err == nil {
		t.Error("a call that does not exist was acknowledged")
	}
	for _, kind := range []checkin.HelpKind{checkin.AtConsent, checkin.Elsewhere, "pizza", ""} {
		if _, err := k.Help(ctx, "s1", kind); err == nil {
			t.Errorf("help of kind %q", kind)
		}
	}
}

// The alarm does not wait for the disk, and the event is not lost.
func TestHelpIsOnBeforeItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, "lobby-1", 'A')
		defer func() { _ = k.store.Close(context.Background()) }()
		ctx, cancel := context.WithCancel(context.Background())
		k.store.set(storage.ErrFenced, nil)
		h, err := k.Help(ctx, "s1", checkin.Ill)
		if err != nil || h.Durable || len(k.ActiveHelp()) != 1 {
			t.Fatalf("while the store is fenced: %+v, %v", h, err)
		}
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		time.Sleep(10*time.Second + 500*time.Millisecond) // between two tries
		synctest.Wait()
		if now, _ := k.HelpCall(h.ID); now.Durable {
			t.Error("durable while the store is fenced")
		}
		k.store.set(nil, nil)
		got := k.wrote(func() {
			time.Sleep(5 * time.Second)
			synctest.Wait()
		})
		if diff := cmp.Diff([]string{"1 audit/EMERGENCY_ESCALATION_TRIGGERED", "1 emergency/EMERGENCY_ESCALATION"}, got); diff != "" {
			t.Errorf("written when the store was back (-want +got):\n%s", diff)
		}
		if now, _ := k.HelpCall(h.ID); !now.Durable {
			t.Error("still not durable")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Somebody answers before the disk does: both events are written, once.
func TestHelpAcknowledgedBeforeItIsWritten(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	ctx := context.Background()
	k.store.set(storage.ErrFenced, nil)
	h, err := k.Help(ctx, "s1", checkin.NeedHelp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Acknowledge(ctx, kiosk.NewAct(ana), h.ID); err == nil {
		t.Error("acknowledged while nothing can be written")
	}
	if len(k.ActiveHelp()) != 1 {
		t.Error("the alarm went off without anybody on record")
	}
	k.store.set(nil, nil)
	got := k.wrote(func() {
		if _, err := k.Acknowledge(ctx, kiosk.NewAct(ana), h.ID); err != nil {
			t.Error(err)
		}
	})
	want := []string{"1 audit/EMERGENCY_ESCALATION_ACKNOWLEDGED", "1 audit/EMERGENCY_ESCALATION_TRIGGERED", "2 emergency/EMERGENCY_ESCALATION"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

// Calls of other kiosks and of providers are shown, and only go forward.
func TestHelpFromElsewhere(t *testing.T) {
	a, b := newKit(t, "lobby-1", 'A'), newKit(t, "lobby-2", 'B')
	ctx := context.Background()
	h, err := a.Help(ctx, "s1", checkin.Ill)
	if err != nil {
		t.Fatal(err)
	}
	bring(t, a, b)
	if calls := b.ActiveHelp(); len(calls) != 1 || calls[0].ID != h.ID || calls[0].Kiosk != "lobby-1" || calls[0].Severity != "critical" {
		t.Fatalf("at the other kiosk: %+v", calls)
	}
	if _, err := b.Acknowledge(ctx, kiosk.NewAct(ana), h.ID); err != nil {
		t.Fatal(err)
	}
	bring(t, b, a)
	bring(t, a, b) // the old message again
	for _, k := range []*kit{a, b} {
		if got, _ := k.HelpCall(h.ID); got.Status != kiosk.EscalationAcknowledged || got.By != "staff:ana" {
			t.Errorf("%s: %+v", k.id, got)
		}
	}
	say := func(status kiosk.EscalationStatus, id uuid.UUID) kiosk.Result {
		var got kiosk.Result
		m := kiosk.Received{Channel: "emergency.radiology", ID: uuid.New(), Publisher: "dr-okafor",
			Origin:  storage.Origin{Kiosk: "@dr-okafor", HLC: storage.NewHLC(morning), Synced: true, Timetoken: 1},
			Message: &kiosk.EmergencyEscalation{ID: id, EscalatedBy: "dr-okafor", Severity: "life-threatening", Status: status}}
		if err := a.queue.Update(ctx, func(tx *storage.Tx) (err error) { got, err = a.Apply(tx, m); return err }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	raised := uuid.New()
	if got := say(kiosk.EscalationActive, raised); got != kiosk.Applied || len(a.ActiveHelp()) != 1 {
		t.Errorf("raised by a provider: %s", got)
	}
	if got := say(kiosk.EscalationResolved, raised); got != kiosk.Applied || len(a.ActiveHelp()) != 0 {
		t.Errorf("resolved by a provider: %s", got)
	}
	if got := say(kiosk.EscalationActive, raised); got != kiosk.Known || len(a.ActiveHelp()) != 0 {
		t.Errorf("the first message again: %s", got)
	}
	if got := say("asleep", raised); got != kiosk.Ignored {
		t.Errorf("an unknown status: %s", got)
	}
}

// Another kiosk's staff answer before our disk does: writing the call later does
// not set the alarm off again.
func TestLateWriteDoesNotUndoAnAnswer(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	k.store.set(storage.ErrFenced, nil)
	h, err := k.Help(ctx, "s1", checkin.Ill)
	if err != nil {
		t.Fatal(err)
	}
	k.store.set(nil, nil)
	m := kiosk.Received{Channel: "emergency.cardiology", ID: uuid.New(), Origin: storage.Origin{Kiosk: "lobby-2", Inc: 1, Seq: 1, HLC: storage.NewHLC(morning), Synced: true},
		Message: &kiosk.EmergencyEscalation{ID: h.ID, Severity: "critical", Status: kiosk.EscalationAcknowledged, UpdatedBy: "staff:ben"}}
	if err := k.queue.Update(ctx, func(tx *storage.Tx) error { _, err := k.Apply(tx, m); return err }); err != nil {
		t.Fatal(err)
	}
	rung, stop := k.WatchHelp()
	defer stop()
	got := k.wrote(func() {
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		for now, _ := k.HelpCall(h.ID); !now.Durable; now, _ = k.HelpCall(h.ID) {
			select {
			case <-rung:
			case <-time.After(20 * time.Second):
				t.Fatal("the call was never written")
			}
		}
		cancel()
		<-ended
	})
	if diff := cmp.Diff([]string{"1 audit/EMERGENCY_ESCALATION_TRIGGERED", "1 emergency/EMERGENCY_ESCALATION"}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if now, _ := k.HelpCall(h.ID); now.Status != kiosk.EscalationAcknowledged || now.By != "staff:ben" || len(k.ActiveHelp()) != 0 {
		t.Errorf("after the late write: %+v", now)
	}
	for _, r := range k.records() {
		if r.Kind == "emergency/EMERGENCY_ESCALATION" && !strings.Contains(string(r.Body), `"status":"active"`) {
			t.Errorf("raised as %s", r.Body)
		}
	}
	k.reopen('A')
	if n := len(k.ActiveHelp()); n != 0 {
		t.Errorf("%d calls are on after a restart", n)
	}
}

// Who does not answer in half a minute is not the only one who is told, once. The
// page tells of the call until a person answers it, and a while longer.
func TestHelpWidens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, "lobby-1", 'A')
		defer func() { _ = k.store.Close(context.Background()) }()
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		pass := func(d time.Duration) {
			k.pass(d)
			time.Sleep(d)
			synctest.Wait()
		}
		if _, ok := k.KioskHelp(); ok {
			t.Error("the page tells of a call before there is one")
		}
		h, err := k.Help(ctx, "s1", checkin.NeedHelp)
		if err != nil {
			t.Fatal(err)
		}
		if got := k.wrote(func() { pass(25 * time.Second) }); len(got) != 0 {
			t.Errorf("written before half a minute: %v", got)
		}
		got := k.wrote(func() { pass(10 * time.Second); pass(time.Minute) })
		if diff := cmp.Diff([]string{"1 audit/EMERGENCY_ESCALATION_WIDENED", "1 emergency/EMERGENCY_ESCALATION"}, got); diff != "" {
			t.Errorf("written after half a minute (-want +got):\n%s", diff)
		}
		if now, ok := k.KioskHelp(); !ok || now.ID != h.ID || now.Status != kiosk.EscalationActive || !now.Widened {
			t.Errorf("the page tells of %+v", now)
		}
		if _, err := k.Acknowledge(ctx, kiosk.NewAct(ana), h.ID); err != nil {
			t.Fatal(err)
		}
		if now, ok := k.KioskHelp(); !ok || now.Status != kiosk.EscalationAcknowledged {
			t.Errorf("once answered the page tells of %+v, %v", now, ok)
		}
		if got := k.wrote(func() { pass(4 * time.Minute) }); len(got) != 0 {
			t.Errorf("written after the answer: %v", got)
		}
		if now, ok := k.KioskHelp(); ok {
			t.Errorf("long after the answer the page still tells of %+v", now)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A button that is wired to the kiosk calls as the page does, in its own name.
func TestHelpByAButton(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	ctx := context.Background()
	rung, cancel := k.WatchHelp()
	defer cancel()
	var h checkin.Help
	got := k.wrote(func() {
		for range 3 { // pressing again while it is on is the same call
			again, err := k.Press(ctx, "lobby-button", "")
			if err != nil || h.ID != uuid.Nil && again.ID != h.ID {
				t.Errorf("pressed again: %+v, %v", again, err)
			}
			h = again
		}
	})
	if diff := cmp.Diff([]string{"1 audit/EMERGENCY_ESCALATION_TRIGGERED", "1 emergency/EMERGENCY_ESCALATION"}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	select {
	case <-rung:
	default:
		t.Error("the watch did not ring")
	}
	if !h.Durable || h.Kind != checkin.NeedHelp || h.Severity != "urgent" || h.Kiosk != "lobby-1" || h.Ticket != "" {
		t.Errorf("call: %+v", h)
	}
	if page, err := k.Help(ctx, "s1", checkin.NeedHelp); err != nil || page.ID == h.ID {
		t.Errorf("the page's call: %+v, %v, want one of its own", page, err)
	}
	k.reopen('A') // a restart does not silence it, and the button still has it
	if again, err := k.Press(ctx, "lobby-button", ""); err != nil || again.ID != h.ID {
		t.Errorf("pressed after a restart: %+v, %v, want call %v", again, err, h.ID)
	}
	if on, ok := k.KioskHelp(); !ok || on.ID != h.ID {
		t.Errorf("the page tells of %+v, want the button's call", on)
	}
	if _, err := k.Acknowledge(ctx, kiosk.NewAct(ana), h.ID); err != nil {
		t.Fatal(err)
	}
	if next, err := k.Press(ctx, "lobby-button", ""); err != nil || next.ID == h.ID {
		t.Errorf("pressed after a person came: %+v, %v, want a new call", next, err)
	}
	if _, err := k.Press(ctx, "no device", ""); err == nil {
		t.Error("a call in the name of no device")
	}
}

// A press that names itself is one call, however often it is said again: captured
// and replayed it calls nobody, also when the call was answered, after a restart and
// when the call is no longer kept.
func TestNamedPressIsOneCall(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	ctx := context.Background()
	press, other := uuid.NewString(), uuid.NewString()
	h, err := k.Press(ctx, "wc-button", press)
	if err != nil || !h.Durable {
		t.Fatalf("pressed: %+v, %v", h, err)
	}
	if _, err := k.Acknowledge(ctx, kiosk.NewAct(ana), h.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Resolve(ctx, kiosk.NewAct(ana), h.ID); err != nil {
		t.Fatal(err)
	}
	replayed := func(when string) {
		t.Helper()
		got := k.wrote(func() {
			if again, err := k.Press(ctx, "wc-button", press); err != nil || again.ID != h.ID || !again.Durable {
				t.Errorf("replayed %s: %+v, %v, want call %v", when, again, err, h.ID)
			}
		})
		if len(got) > 0 || len(k.ActiveHelp()) > 0 {
			t.Errorf("replayed %s: written %v, on %v", when, got, k.ActiveHelp())
		}
	}
	replayed("at once")
	k.reopen('A')
	replayed("after a restart")
	k.pass(25 * time.Hour)
	k.reopen('A')
	replayed("when the call is no longer kept")
	if elsewhere, err := k.Press(ctx, "door-button", press); err != nil || elsewhere.ID == h.ID {
		t.Errorf("another button's press of that name: %+v, %v, want a call of its own", elsewhere, err)
	}
	if next, err := k.Press(ctx, "wc-button", other); err != nil || next.ID == h.ID {
		t.Errorf("another press: %+v, %v, want a call of its own", next, err)
	}
}
