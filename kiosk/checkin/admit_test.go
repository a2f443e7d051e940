package checkin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

func reasons(c *checkin.Config) { c.Reasons = []string{"new-problem", "medicine"} }

func (k *kit) admit(appointment kiosk.AppointmentID) (queue.State, error) {
	return k.Admit(context.Background(), kiosk.NewAct(ana), appointment)
}

func (k *kit) walkIn(in checkin.WalkIn) queue.State {
	k.t.Helper()
	s, err := k.WalkIn(context.Background(), kiosk.NewAct(ana), in)
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

// who gives what this kiosk knows of the person of an entry without appointment.
func (k *kit) who(id kiosk.EntryID) roster.Unlisted {
	k.t.Helper()
	var u roster.Unlisted
	err := k.store.View(context.Background(), func(r *storage.Reader) (err error) {
		u, _, err = k.list.Unlisted(r, today, id)
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return u
}

func TestDeskAdmits(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A')
	var s queue.State
	got := k.wrote(func() {
		var err error
		if s, err = k.admit("apt-1"); err != nil {
			t.Fatal(err)
		}
	})
	want := []string{"1 audit/NOTIFICATION_SENT", "1 audit/PATIENT_ADMITTED", "1 audit/PHI_MESSAGE_SENT", "1 audit/QUEUE_ENTRY_ADDED",
		"1 audit/QUEUE_STATUS_CHANGED", "1 notification/PATIENT_READY", "1 queue/PATIENT_ADDED", "1 queue/STATUS_UPDATED", "1 waiting-room/PATIENT_CHECKED_IN"}
	if !slices.Equal(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if e := s.Entry; e.Status != kiosk.Waiting || e.Metadata.Ticket != "A-001" || e.ID != kiosk.NewEntryID(refKey, "apt-1", today) {
		t.Errorf("entry %s %s", e.Status, e.Metadata.Ticket)
	}
	// The patient who scans now has arrived already: one entry, the same number.
	if got := k.scan("s1", "apt-1", "en"); got.Outcome != checkin.Already || got.Place.Ticket != "A-001" {
		t.Errorf("scan after: %+v", got)
	}
	if _, err := k.admit("apt-1"); !errors.Is(err, queue.ErrArrived) {
		t.Errorf("a second time: %v", err)
	}
	// Who walked away from the page half-way is put into the queue.
	k.scan("s2", "apt-2", "en")
	if s, err := k.admit("apt-2"); err != nil || s.Entry.Status != kiosk.Waiting || s.Entry.Metadata.Ticket != "A-002" {
		t.Errorf("unfinished: %v, %v", s.Entry, err)
	}
	// A video visit waits for its consent.
	if s, err := k.admit("apt-3"); err != nil || s.Entry.Status != kiosk.CheckedIn || !s.Entry.HasFlag(kiosk.FlagConsentMissing) {
		t.Errorf("video: %v %v, %v", s.Entry, s.Entry.Metadata.Flags, err)
	}
	for _, unknown := range []kiosk.AppointmentID{"apt-0", "apt-7", ""} { // none, another day's
		if _, err := k.admit(unknown); !errors.Is(err, checkin.ErrNoAppointment) {
			t.Errorf("%q: %v", unknown, err)
		}
	}
}

// The same act again, after a crash or a lost answer, is done once.
func TestAdmittingIsDoneOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	act, walk := kiosk.NewAct(ana), kiosk.NewAct(ana)
	in := checkin.WalkIn{Department: "radiology", Reason: "medicine", Name: phi.New("Quixote, Hermione"), Birth: phi.New("1990-01-02")}
	for i := range 3 {
		s, err := k.Admit(context.Background(), act, "apt-1")
		if err != nil || s.Entry.Metadata.Ticket != "A-001" {
			t.Errorf("admitted %d times: %v, %v", i+1, s.Entry.Metadata.Ticket, err)
		}
		if s, err = k.WalkIn(context.Background(), walk, in); err != nil || s.Entry.Metadata.Ticket != "A-002" || s.Entry.Status != kiosk.Waiting {
			t.Errorf("walked in %d times: %v, %v", i+1, s.Entry, err)
		}
		if i == 1 {
			k.reopen('A')
		}
	}
	if n := len(k.queue.States(today)); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
}

// Who comes for an appointment by phone and is taken in by the desk is here in person.
func TestAdmittingWhoIsExpectedElsewhere(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	s, err := k.Admit(context.Background(), kiosk.NewAct(ana), "apt-8")
	if err != nil || s.Entry.Metadata.Mode != kiosk.InPerson || s.Entry.Status != kiosk.Waiting {
		t.Errorf("%+v, %v", s.Entry, err)
	}
}

func TestWalkIn(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	var s queue.State
	got := k.wrote(func() {
		s = k.walkIn(checkin.WalkIn{Department: "cardiology", Reason: "new-problem", Name: phi.New("Quixote, Hermione"), Birth: phi.New("1990-01-02")})
	})
	want := []string{"1 audit/QUEUE_ENTRY_ADDED", "1 audit/QUEUE_STATUS_CHANGED", "1 audit/WALK_IN_ADMITTED", "1 queue/PATIENT_ADDED", "1 queue/STATUS_UPDATED", "1 roster/ROSTER_PERSON"}
	if !slices.Equal(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if e := s.Entry; e.Status != kiosk.Waiting || e.Metadata.Ticket != "A-001" || e.Metadata.Reason != "new-problem" || e.Appointment != "" || !s.Unlisted {
		t.Errorf("entry %v, %q", e, e.Metadata.Reason)
	}
	if u := k.who(s.Entry.ID); u.Name().Reveal() != "Quixote, Hermione" || u.Birth.Reveal() != "1990-01-02" {
		t.Errorf("the name was not kept")
	}
	// Another kiosk shows the same queue, and its desk the name.
	other := newKit(t, "lobby-2", 'B', reasons)
	bring(t, k, other)
	if e, ok := other.queue.Entry(s.Entry.ID); !ok || e.Metadata.Reason != "new-problem" || e.Status != kiosk.Waiting {
		t.Errorf("the other kiosk has %v, %v", e, ok)
	}
	if u := other.who(s.Entry.ID); u.Family.Reveal() != "Quixote" || u.Given.Reveal() != "Hermione" {
		t.Errorf("the other kiosk does not know the name")
	}
	// The name travels on the roster's channel and nowhere else.
	for _, r := range k.records() {
		if strings.HasPrefix(r.Channel, "roster.") {
			continue
		}
		for _, secret := range []string{"Hermione", "Quixote", "1990-01-02"} {
			if strings.Contains(string(r.Body), secret) {
				t.Errorf("%s on %s holds the person", r.Kind, r.Channel)
			}
		}
	}
	if strings.Contains(k.logs.String(), "Hermione") {
		t.Error("the log holds the name")
	}
	// It is forgotten with the day.
	k.pass(48 * time.Hour)
	if err := k.list.Forget(context.Background(), today.Add(1)); err != nil {
		t.Fatal(err)
	}
	if u := k.who(s.Entry.ID); !u.IsZero() {
		t.Error("the name is still there two days later")
	}
}

// A salvaged store finds the names again in its log.
func TestWalkInsAreRebuilt(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	s := k.walkIn(checkin.WalkIn{Department: "cardiology", Reason: "medicine", Name: phi.New("Quixote, Hermione")})
	fresh := newKit(t, "lobby-1", 'A', reasons)
	if err := fresh.Rebuild(context.Background(), k.store); err != nil {
		t.Fatal(err)
	}
	if u := fresh.who(s.Entry.ID); u.Name().Reveal() != "Quixote, Hermione" {
		t.Error("the name is lost")
	}
}

func TestWalkInsThatAreRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	good := checkin.WalkIn{Department: "cardiology", Reason: "medicine", Name: phi.New("Quixote"), Birth: phi.New("1990-01-02")}
	for name, tt := range map[string]struct {
		change func(*checkin.WalkIn)
		want   error
	}{
		"department":    {func(w *checkin.WalkIn) { w.Department = "oncology" }, checkin.ErrDepartment},
		"reason":        {func(w *checkin.WalkIn) { w.Reason = "because" }, checkin.ErrReason},
		"no reason":     {func(w *checkin.WalkIn) { w.Reason = "" }, checkin.ErrReason},
		"long name":     {func(w *checkin.WalkIn) { w.Name = phi.New(strings.Repeat("n", 201)) }, checkin.ErrName},
		"markup":        {func(w *checkin.WalkIn) { w.Name = phi.New("<b>Quixote</b>") }, checkin.ErrName},
		"control":       {func(w *checkin.WalkIn) { w.Name = phi.New("a\x1b[31m") }, checkin.ErrName},
		"bidi override": {func(w *checkin.WalkIn) { w.Name = phi.New("a\u202eb") }, checkin.ErrName},
		"broken text":   {func(w *checkin.WalkIn) { w.Name = phi.New("a\xffb") }, checkin.ErrName},
		"no date":       {func(w *checkin.WalkIn) { w.Birth = phi.New("1990-02-30") }, checkin.ErrBirth},
		"to be born":    {func(w *checkin.WalkIn) { w.Birth = phi.New("2030-01-01") }, checkin.ErrBirth},
	} {
		in := good
		tt.change(&in)
		_, err := k.WalkIn(context.Background(), kiosk.NewAct(ana), in)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if n := len(k.queue.States(today)); n != 0 {
		t.Errorf("%d entries were made", n)
	}
	if _, err := k.WalkIn(context.Background(), kiosk.Act{ID: uuid.New(), Actor: ana}, checkin.WalkIn{Department: "cardiology", Reason: "medicine"}); err != nil {
		t.Errorf("without a name: %v", err)
	}
}
