package checkin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestCheckInWritesExactlyItsEventsInOneCommitEach(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	var id checkin.Identified
	k.store.updates.Store(0)
	got := k.wrote(func() { id = k.scan("s1", "apt-1", "en") })
	if diff := cmp.Diff([]string{"1 audit/PATIENT_IDENTIFIED", "1 audit/QUEUE_ENTRY_ADDED", "1 queue/PATIENT_ADDED"}, got); diff != "" {
		t.Errorf("identifying wrote (-want +got):\n%s", diff)
	}
	if n := k.store.updates.Load(); n != 1 {
		t.Errorf("identifying took %d commits", n)
	}
	if id.Outcome != checkin.OK || id.Visit.Department != "Cardiology" || id.Visit.Provider != "Dr. Vega" || id.Visit.Name.Reveal() != "M… Q…" ||
		!id.Visit.Appointment.Equal(morning.Add(15*time.Minute)) || len(id.Forms) != 1 || id.DeskSign {
		t.Errorf("identified: %+v", id)
	}
	if e, _ := k.queue.Entry(id.Entry); e.Status != kiosk.CheckedIn || e.Metadata.Ticket != "A-001" || e.Metadata.ConsentGiven {
		t.Errorf("entry after identifying: %+v", e)
	}
	k.store.updates.Store(0)
	var done checkin.Done
	got = k.wrote(func() { done = k.finish("s1", id, true) })
	want := []string{"1 audit/NOTIFICATION_SENT", "1 audit/PATIENT_CONSENT_GIVEN", "1 audit/PHI_MESSAGE_SENT", "1 audit/QUEUE_STATUS_CHANGED",
		"1 consent/CONSENT_RECORDED", "1 notification/PATIENT_READY", "1 queue/STATUS_UPDATED", "1 waiting-room/PATIENT_CHECKED_IN"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("finishing wrote (-want +got):\n%s", diff)
	}
	if n := k.store.updates.Load(); n != 1 {
		t.Errorf("finishing took %d commits", n)
	}
	if !done.CheckedIn || done.Ticket != "A-001" || done.Where != "blue seats" || done.StaffFlag || done.Status != kiosk.Waiting {
		t.Errorf("done: %+v", done)
	}
	if e, _ := k.queue.Entry(id.Entry); e.Status != kiosk.Waiting || !e.Metadata.ConsentGiven {
		t.Errorf("entry when done: %+v", e)
	}
	// A store that is almost full still takes all of it: one event that it refused
	// would refuse the whole commit.
	for _, r := range k.records() {
		if d, _ := kiosk.Defined(r.Kind); !d.Priority && r.Kind != "roster/ROSTER" {
			t.Errorf("%s is part of a check-in and has no priority", r.Kind)
		}
	}
}

// A second press, and a retry after a crash, give the same number and write
// nothing.
func TestFinishAgainGivesTheSameNumber(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	in := checkin.FinishInput{Session: "s1", Entry: id.Entry, Decisions: decisions(id.Forms, true), Request: uuid.New()}
	first, err := k.Finish(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	again := func(when string) {
		t.Helper()
		got := k.wrote(func() {
			k.pass(time.Minute)
			d, err := k.Finish(context.Background(), in)
			if err != nil || d.Ticket != first.Ticket || d.CheckedIn != first.CheckedIn || d.StaffFlag != first.StaffFlag {
				t.Errorf("%s: %+v, %v; want %+v", when, d, err, first)
			}
		})
		if len(got) != 0 {
			t.Errorf("%s wrote %v", when, got)
		}
	}
	again("pressed twice")
	k.reopen('A')
	again("after a crash")
}

// The disk said nothing and the commit is there all the same: the retry finds it.
func TestFinishAfterAnUnknownOutcome(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	in := checkin.FinishInput{Session: "s1", Entry: id.Entry, Decisions: decisions(id.Forms, true), Request: uuid.New()}
	k.store.set(nil, storage.ErrOutcomeUnknown)
	if _, err := k.Finish(context.Background(), in); !errors.Is(err, storage.ErrOutcomeUnknown) {
		t.Fatalf("unknown outcome was reported as %v", err)
	}
	k.store.set(nil, nil)
	got := k.wrote(func() {
		if d, err := k.Finish(context.Background(), in); err != nil || d.Ticket != "A-001" {
			t.Errorf("retry: %+v, %v", d, err)
		}
	})
	if len(got) != 0 {
		t.Errorf("retry wrote %v", got)
	}
	// Memory catches up with the disk by itself.
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	changed, stop := k.queue.Watch()
	defer stop()
	go func() { ended <- k.queue.Run(ctx) }()
	for e, _ := k.queue.Entry(id.Entry); e.Status != kiosk.Waiting; e, _ = k.queue.Entry(id.Entry) {
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatal("memory did not catch up")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestIdentifyAgainIsOneVisit(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	in := checkin.IdentifyInput{Session: "s1", Method: roster.Scanned, Value: qr(t, "apt-1"), Language: "en", Request: uuid.New()}
	first, err := k.Identify(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	got := k.wrote(func() {
		again, err := k.Identify(context.Background(), in)
		if err != nil || again.Entry != first.Entry || again.Outcome != checkin.OK || len(again.Forms) != len(first.Forms) {
			t.Errorf("repeated: %+v, %v", again, err)
		}
	})
	if len(got) != 0 {
		t.Errorf("a repeated request wrote %v", got)
	}
	// A new session at the same kiosk goes on where the first one stopped.
	got = k.wrote(func() {
		if next := k.scan("s2", "apt-1", "en"); next.Outcome != checkin.OK || next.Entry != first.Entry {
			t.Errorf("next session: %+v", next)
		}
	})
	if diff := cmp.Diff([]string{"1 audit/PATIENT_IDENTIFIED"}, got); diff != "" {
		t.Errorf("another session's scan wrote (-want +got):\n%s", diff)
	}
	if _, err := k.Finish(context.Background(), checkin.FinishInput{Session: "s1", Entry: first.Entry, Decisions: decisions(first.Forms, true), Request: uuid.New()}); !errors.Is(err, checkin.ErrSession) {
		t.Errorf("the session that lost the visit finished it: %v", err)
	}
}

func TestOutcomesEndAtAPersonWithTheirAudit(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.SessionAttempts = 100 })
	forged := roster.Maker{Site: "main", RefKey: refKey, Key: append(slices.Clone(maker.Key[:32]), maker.Key[32:]...)}
	forged.Key = slices.Clone(forged.Key)
	forged.Key[0] ^= 1
	forgedQR, _ := forged.QR("apt-1", today)
	unlisted, _ := maker.QR("apt-99", today)
	for _, c := range []struct {
		name   string
		method roster.Method
		value  phi.Text
		want   checkin.Outcome
		action string
	}{
		{"unknown", roster.Typed, phi.New("WWWW-WWWW"), checkin.NotFound, "typed not-found"},
		{"mistyped", roster.Typed, phi.New("AAAAAAAB"), checkin.NotFound, "typed not-found"},
		{"forged", roster.Scanned, phi.New(forgedQR), checkin.NotFound, "scan not-found"},
		{"not on the list", roster.Scanned, phi.New(unlisted), checkin.NotFound, "scan not-found"},
		{"tomorrow", roster.Scanned, qr(t, "apt-7"), checkin.WrongDay, "scan wrong-day"},
		{"tomorrow, typed", roster.Typed, phi.New(roster.TypedCode(refKey, "apt-7", "2026-11-24")), checkin.WrongDay, "typed wrong-day"},
		{"by phone", roster.Scanned, qr(t, "apt-8"), checkin.NotInPerson, "scan not-in-person"},
		{"other department", roster.Scanned, qr(t, "apt-4"), checkin.WrongDepartment, "scan wrong-department"},
		{"too early", roster.Scanned, qr(t, "apt-5"), checkin.Early, "scan early"},
		{"too late", roster.Scanned, qr(t, "apt-6"), checkin.Late, "scan late"},
	} {
		in := checkin.IdentifyInput{Session: "s1", Method: c.method, Value: c.value, Language: "en", Request: uuid.New()}
		var got checkin.Identified
		written := k.wrote(func() {
			for range 2 { // a repeated request is audited once
				var err error
				if got, err = k.Identify(context.Background(), in); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got.Outcome != c.want || got.Sentence != "outcome."+string(c.want) || !got.Entry.IsZero() {
			t.Errorf("%s: %+v", c.name, got)
		}
		if diff := cmp.Diff([]string{"1 audit/PATIENT_IDENTIFICATION_REFUSED"}, written); diff != "" {
			t.Errorf("%s wrote (-want +got):\n%s", c.name, diff)
		}
		audits := k.records()
		last := audits[slices.IndexFunc(audits, func(r storage.Record) bool {
			return r.Kind == "audit/EVENT" && r.ID == kiosk.Act{ID: in.Request}.EventID("audit/PATIENT_IDENTIFICATION_REFUSED", "s1")
		})]
		var a kiosk.AuditEvent
		if err := json.Unmarshal(last.Body, &a); err != nil || a.Action != c.action || a.Outcome != "refused" || a.Metadata.SessionID != "s1" {
			t.Errorf("%s: audit %+v, %v", c.name, a, err)
		}
	}
	if got := k.scan("s1", "apt-4", "en").Visit; got.Department != "Radiology" || got.Where != "second floor" {
		t.Errorf("where to go from the wrong department: %+v", got)
	}
	if k.queue.Open() != 0 {
		t.Errorf("%d entries from refused codes", k.queue.Open())
	}
}

// Outside the opening hours nobody is put into a queue; who is in it already is told
// the place.
func TestClosed(t *testing.T) {
	opening := kiosk.Opening{Days: [7]bool{1: true}, From: 8 * time.Hour, To: 9*time.Hour + 20*time.Minute}
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.Hours, c.Zone = kiosk.Hours{opening}, calendar().Zone })
	k.finish("s1", k.scan("s1", "apt-1", "en"), true)
	k.pass(20 * time.Minute)
	if got := k.scan("s2", "apt-2", "en"); got.Outcome != checkin.Closed || !got.Entry.IsZero() {
		t.Errorf("at the end of the hours: %+v", got)
	}
	if got := k.scan("s3", "apt-1", "en"); got.Outcome != checkin.Already {
		t.Errorf("a patient who waits: %+v", got)
	}
	k.mu.Lock()
	k.now.Synced = false
	k.mu.Unlock()
	if got := k.scan("s4", "apt-2", "en"); got.Outcome != checkin.OK {
		t.Errorf("with a clock that nobody set: %+v", got)
	}
}

// Wrong, unknown and forged give the same answer, to the last member.
func TestWrongAndUnknownAnswerAlike(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.SessionAttempts = 100 })
	unlisted, _ := maker.QR("apt-99", today)
	var answers []string
	for _, value := range []string{unlisted, unlisted[:60], "CHK1:", "garbage", "'; DROP TABLE", strings.Repeat("A", 5000)} {
		got, err := k.Identify(context.Background(), checkin.IdentifyInput{Session: "s1", Method: roster.Scanned, Value: phi.New(value), Language: "en", Request: uuid.New()})
		answers = append(answers, fmt.Sprintf("%+v %v", got, err))
	}
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
}

func TestGuessingIsLimited(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', func(c *checkin.Config) { c.KioskAttempts = 8 })
	guess := func(session string) checkin.Outcome {
		got, err := k.Identify(context.Background(), checkin.IdentifyInput{Session: session, Method: roster.Typed, Value: phi.New("WWWWWWWW"), Language: "en", Request: uuid.New()})
		if err != nil {
			t.Fatal(err)
		}
		return got.Outcome
	}
	for i := range 3 {
		if got := guess("s1"); got != checkin.NotFound {
			t.Fatalf("guess %d: %s", i+1, got)
		}
	}
	if guess("s1") != checkin.Locked {
		t.Error("a session may guess a fourth time")
	}
	if got := k.typed("s1", "apt-1"); got.Outcome != checkin.Locked {
		t.Errorf("a locked session got %s for a right code", got.Outcome)
	}
	if got := k.scan("s2", "apt-1", "en"); got.Outcome != checkin.OK {
		t.Errorf("another session got %s", got.Outcome)
	}
	// New sessions do not help: the kiosk itself counts.
	for i := range 5 {
		guess(fmt.Sprint("t", i))
	}
	if got := k.typed("s3", "apt-2"); got.Outcome != checkin.Locked {
		t.Errorf("after eight wrong codes at the kiosk: %s", got.Outcome)
	}
	// A signed code is no guess, whatever others have tried, and one that is on no
	// list counts as none.
	if got := k.scan("s3", "apt-2", "en"); got.Outcome != checkin.OK {
		t.Errorf("a signed code: %s", got.Outcome)
	}
	for range 5 {
		if got := k.scan("s4", "apt-unknown", "en"); got.Outcome != checkin.NotFound {
			t.Errorf("a signed code that is on no list: %s", got.Outcome)
		}
	}
	k.pass(10 * time.Minute)
	if got := k.typed("s4", "apt-2"); got.Outcome != checkin.OK {
		t.Errorf("ten minutes later: %s", got.Outcome)
	}
	if guess("s1"); guess("s1") != checkin.Locked {
		t.Error("the session's own limit does not pass with time")
	}
	if err := k.EndSession(context.Background(), "s1", "idle"); err != nil || guess("s1") != checkin.NotFound {
		t.Error("a session that has ended is still locked")
	}
}

func TestDecliningTurnsNobodyAway(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	done := k.finish("s1", id, false)
	if !done.CheckedIn || !done.StaffFlag || done.Status != kiosk.Waiting {
		t.Errorf("in person, declined: %+v", done)
	}
	if e, _ := k.queue.Entry(id.Entry); !e.HasFlag(kiosk.FlagConsentDeclined) || e.Metadata.ConsentGiven {
		t.Errorf("entry: %+v", e.Metadata)
	}
	// By video without telehealth consent: not waiting, staff are called.
	video := k.scan("s2", "apt-3", "en")
	if len(video.Forms) != 2 {
		t.Fatalf("%d forms for a video visit", len(video.Forms))
	}
	in := checkin.FinishInput{Session: "s2", Entry: video.Entry, Decisions: decisions(video.Forms, false), Request: uuid.New()}
	got := k.wrote(func() {
		d, err := k.Finish(context.Background(), in)
		if err != nil || d.CheckedIn || !d.StaffFlag || d.Ticket == "" {
			t.Errorf("by video, declined: %+v, %v", d, err)
		}
		if d, err = k.Finish(context.Background(), in); err != nil || d.CheckedIn {
			t.Errorf("pressed again: %+v, %v", d, err)
		}
	})
	if diff := cmp.Diff([]string{"1 audit/STAFF_CALLED", "2 audit/PATIENT_CONSENT_DECLINED", "2 consent/CONSENT_RECORDED"}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if e, _ := k.queue.Entry(video.Entry); e.Status != kiosk.CheckedIn || !e.HasFlag(kiosk.FlagConsentMissing) {
		t.Errorf("entry: %s %v", e.Status, e.Metadata.Flags)
	}
	if calls := k.ActiveHelp(); len(calls) != 1 || calls[0].Kind != checkin.AtConsent || calls[0].Ticket == "" {
		t.Errorf("calls: %+v", calls)
	}
	// The patient changes her mind.
	again := k.scan("s3", "apt-3", "en")
	if again.Outcome != checkin.OK || len(again.Forms) != 2 {
		t.Fatalf("scanned again: %+v", again)
	}
	if d := k.finish("s3", again, true); !d.CheckedIn {
		t.Errorf("by video, granted: %+v", d)
	}
}

// Consents in effect are not asked for again; the visit still ends at a number.
func TestConsentInEffectIsNotAskedAgain(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	k.finish("s1", id, true)
	leave(t, k, "s2", "apt-1")
	if err := k.Back(context.Background(), "s2", id.Entry, uuid.New()); err != nil {
		t.Fatal(err)
	}
	next := k.scan("s3", "apt-1", "en")
	if next.Outcome != checkin.OK || len(next.Forms) != 0 || next.DeskSign {
		t.Fatalf("with a consent in effect: %+v", next)
	}
	if d := k.finish("s3", next, true); !d.CheckedIn || d.StaffFlag || d.Ticket != "A-001" {
		t.Errorf("done: %+v", d)
	}
}

func TestNoFormInTheLanguageMeansTheDeskHelps(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "vi")
	if id.Outcome != checkin.OK || len(id.Forms) != 0 || !id.DeskSign {
		t.Fatalf("identified: %+v", id)
	}
	got := k.wrote(func() {
		if d := k.finish("s1", id, true); !d.CheckedIn || !d.StaffFlag {
			t.Errorf("done: %+v", d)
		}
	})
	if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "CONSENT") }) {
		t.Errorf("something was signed: %v", got)
	}
	if e, _ := k.queue.Entry(id.Entry); !e.HasFlag(kiosk.FlagConsentDesk) || e.Metadata.Language != "vi" {
		t.Errorf("entry: %+v", e.Metadata)
	}
	// By video it means that staff come first.
	video := k.scan("s2", "apt-3", "vi")
	if d := k.finish("s2", video, true); d.CheckedIn || !d.StaffFlag {
		t.Errorf("by video: %+v", d)
	}
}

func TestFinishRefusesWhatThePageCannotSend(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-3", "en")
	good := checkin.FinishInput{Session: "s1", Entry: id.Entry, Decisions: decisions(id.Forms, true), Request: uuid.New()}
	for name, c := range map[string]struct {
		spoil func(*checkin.FinishInput)
		want  error
	}{
		"undecided form":    {func(in *checkin.FinishInput) { in.Decisions = in.Decisions[:1] }, checkin.ErrIncomplete},
		"no decisions":      {func(in *checkin.FinishInput) { in.Decisions = nil }, checkin.ErrIncomplete},
		"decided twice":     {func(in *checkin.FinishInput) { in.Decisions = append(in.Decisions, in.Decisions[0]) }, checkin.ErrInput},
		"another text":      {func(in *checkin.FinishInput) { in.Decisions[0].SHA256 = strings.Repeat("0", 64) }, checkin.ErrForm},
		"another session":   {func(in *checkin.FinishInput) { in.Session = "s2" }, checkin.ErrSession},
		"no such visit":     {func(in *checkin.FinishInput) { in.Entry = kiosk.RandomEntryID() }, checkin.ErrSession},
		"no request id":     {func(in *checkin.FinishInput) { in.Request = uuid.Nil }, checkin.ErrInput},
		"malformed session": {func(in *checkin.FinishInput) { in.Session = "a b" }, checkin.ErrInput},
		"too many":          {func(in *checkin.FinishInput) { in.Decisions = slices.Repeat(in.Decisions, 20) }, checkin.ErrInput},
	} {
		in := good
		in.Decisions, in.Request = slices.Clone(good.Decisions), uuid.New()
		c.spoil(&in)
		got := k.wrote(func() {
			if _, err := k.Finish(context.Background(), in); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		})
		if len(got) != 0 {
			t.Errorf("%s wrote %v", name, got)
		}
	}
	if d := k.finish("s1", id, true); !d.CheckedIn {
		t.Errorf("after all that: %+v", d)
	}
}

func leave(t *testing.T, k *kit, session, appointment string) checkin.Identified {
	t.Helper()
	id := k.scan(session, appointment, "en")
	if err := k.Leave(context.Background(), session, id.Entry, uuid.New()); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestScanningAgainOffersPlaceLeavingAndComingBack(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.finish("s0", k.scan("s0", "apt-2", "en"), true)
	k.pass(time.Minute)
	first := k.scan("s1", "apt-1", "en")
	k.finish("s1", first, true)
	k.pass(time.Minute)
	again := k.scan("s2", "apt-1", "en")
	if again.Outcome != checkin.Already || again.Place.Ticket != "A-002" || again.Place.Status != kiosk.Waiting || again.Place.Ahead != 0 ||
		!slices.Equal(again.Actions, []checkin.Action{checkin.ShowPlace, checkin.Leave}) || again.Sentence != "outcome.already.waiting" {
		t.Errorf("while waiting: %+v", again)
	}
	// Who came earlier has the later appointment, and so the later place.
	if p := k.scan("s9", "apt-2", "en").Place; p.Ticket != "A-001" || p.Ahead != 1 {
		t.Errorf("the other's place: %+v", p)
	}
	if err := k.Leave(context.Background(), "s1", first.Entry, uuid.New()); !errors.Is(err, checkin.ErrSession) {
		t.Errorf("a session that is over: %v", err)
	}
	request := uuid.New()
	got := k.wrote(func() {
		for range 2 {
			if err := k.Leave(context.Background(), "s2", first.Entry, request); err != nil {
				t.Error(err)
			}
		}
	})
	if diff := cmp.Diff([]string{"1 audit/QUEUE_ENTRY_REMOVED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/PATIENT_REMOVED", "1 queue/STATUS_UPDATED"}, got); diff != "" {
		t.Errorf("leaving wrote (-want +got):\n%s", diff)
	}
	gone := k.scan("s3", "apt-1", "en")
	if gone.Outcome != checkin.Already || !slices.Equal(gone.Actions, []checkin.Action{checkin.Back}) {
		t.Errorf("after leaving: %+v", gone)
	}
	if err := k.Back(context.Background(), "s3", first.Entry, uuid.New()); err != nil {
		t.Error(err)
	}
	// A no-show comes back within the grace period, and not after.
	id := k.scan("s4", "apt-1", "en")
	k.finish("s4", id, true)
	noShow := func() {
		t.Helper()
		act := kiosk.NewAct(ana)
		if err := k.queue.Update(context.Background(), func(tx *storage.Tx) error {
			if _, err := k.queue.Call(tx, act, id.Entry, "Room 4"); err != nil {
				return err
			}
			_, err := k.queue.SetStatus(tx, act, id.Entry, kiosk.NoShow)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	noShow()
	if got := k.scan("s5", "apt-1", "en"); !slices.Equal(got.Actions, []checkin.Action{checkin.Back}) {
		t.Errorf("within the grace period: %+v", got)
	}
	if err := k.Back(context.Background(), "s5", id.Entry, uuid.New()); err != nil {
		t.Error(err)
	}
	if p, err := k.PlaceOf("s5", id.Entry); err != nil || p.Status != kiosk.Waiting || p.Called {
		t.Errorf("place after coming back: %+v, %v", p, err)
	}
	noShow()
	k.pass(16 * time.Minute)
	late := k.scan("s6", "apt-1", "en")
	if len(late.Actions) != 0 || late.Place.Ticket == "" {
		t.Errorf("after the grace period: %+v", late)
	}
	if err := k.Back(context.Background(), "s6", id.Entry, uuid.New()); err == nil {
		t.Error("came back after the grace period")
	}
}

func TestAbandonedCheckInStaysOnTheDesksList(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	if n := len(k.Unfinished()); n != 0 {
		t.Errorf("%d unfinished while the session holds it", n)
	}
	got := k.wrote(func() {
		for range 2 {
			if err := k.EndSession(context.Background(), "s1", "left"); err != nil {
				t.Error(err)
			}
		}
	})
	if diff := cmp.Diff([]string{"1 audit/CHECK_IN_ABANDONED", "1 audit/SESSION_ENDED"}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if list := k.Unfinished(); len(list) != 1 || list[0].ID != id.Entry {
		t.Errorf("unfinished: %+v", list)
	}
	// After a restart nobody holds anything.
	k.scan("s2", "apt-2", "en")
	k.reopen('A')
	if n := len(k.Unfinished()); n != 2 {
		t.Errorf("%d unfinished after a restart", n)
	}
	if err := k.EndSession(context.Background(), "s9", "idle"); err != nil {
		t.Error(err)
	}
}

// Two kiosks that cannot hear each other check in the same appointment: one
// visit, and both numbers lead to it.
func TestTwoOfflineKiosksMakeOneVisit(t *testing.T) {
	a, b := newKit(t, "lobby-1", 'A'), newKit(t, "lobby-2", 'B')
	one := a.scan("s1", "apt-1", "en")
	a.finish("s1", one, true)
	b.pass(time.Minute)
	two := b.scan("s1", "apt-1", "en")
	b.finish("s1", two, true)
	if one.Entry != two.Entry {
		t.Fatal("two entries for one appointment")
	}
	bring(t, a, b)
	bring(t, b, a)
	for _, k := range []*kit{a, b} {
		s, _ := k.queue.State(one.Entry)
		if diff := cmp.Diff([]string{"A-001", "B-001"}, s.Tickets); diff != "" || s.Entry.Status != kiosk.Waiting || len(s.Conflicts) != 0 || !s.Entry.Metadata.ConsentGiven {
			t.Errorf("%s: %+v\n%s", k.id, s, diff)
		}
		if n := k.queue.Open(); n != 1 {
			t.Errorf("%s has %d open entries", k.id, n)
		}
		// Whichever number the patient was told, the board has it.
		b := k.queue.Board()
		if len(b.Next) != 2 || b.Next[0].String() != "A-001" || b.Next[1].String() != "B-001" {
			t.Errorf("%s: the board has %v", k.id, b.Next)
		}
	}
	if got := b.scan("s9", "apt-1", "en"); got.Place.Ticket != "B-001" {
		t.Errorf("the second kiosk tells its own patient %q", got.Place.Ticket)
	}
	if got := a.scan("s9", "apt-1", "en"); got.Place.Ticket != "A-001" {
		t.Errorf("the first kiosk tells %q", got.Place.Ticket)
	}
}

// What is about a person stays in the roster: no event, answer in a log or
// error holds it.
func TestNothingAboutAPersonLeavesTheRoster(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	k.finish("s1", id, false)
	video := k.scan("s2", "apt-3", "es")
	k.finish("s2", video, false)
	if _, err := k.Help(context.Background(), "s2", checkin.Ill); err != nil {
		t.Fatal(err)
	}
	k.scan("s3", "apt-4", "en")
	_, err := k.Identify(context.Background(), checkin.IdentifyInput{Session: "s4", Method: "name", Value: phi.New("Quixote"), Request: uuid.New()})
	texts := map[string]string{"log": k.logs.String(), "answer": fmt.Sprintf("%+v %#v %v", id, video, k.ActiveHelp()), "error": fmt.Sprint(err)}
	for _, r := range k.records() {
		if r.Kind != "roster/ROSTER" {
			texts[r.Channel+" "+r.Kind] += string(r.Body)
		}
		texts["channels"] += r.Channel + "\n"
	}
	for where, text := range texts {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s holds %q", where, s)
			}
		}
	}
	// The stored bytes do not hold them in the clear either.
	if files := readAll(t, k.dir); strings.Contains(files, "Quixote") || strings.Contains(files, "MRN-") {
		t.Error("the store holds names in the clear")
	}
}

// With no trusted time since boot the clinic day is that of the newest list, and
// nobody is early or late by a clock that nobody trusts.
func TestBeforeTheTimeIsKnown(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	k.mu.Lock()
	k.now.Wall, k.now.Synced = time.Date(2019, 1, 1, 12, 0, 0, 0, time.UTC), false
	k.mu.Unlock()
	if got := k.scan("s1", "apt-1", "en"); got.Outcome != checkin.WrongDay {
		t.Errorf("an appointment of the day before the newest list: %s", got.Outcome)
	}
	// A clock that stands on a day that there is a list for may be believed that far.
	k.mu.Lock()
	k.now.Wall = morning
	k.mu.Unlock()
	if got := k.scan("s2", "apt-1", "en"); got.Outcome != checkin.OK {
		t.Errorf("an appointment of the clock's own day: %s", got.Outcome)
	}
	if err := k.EndSession(context.Background(), "s2", "idle"); err != nil {
		t.Error(err)
	}
	k.mu.Lock()
	k.now.Wall = time.Date(2019, 1, 1, 12, 0, 0, 0, time.UTC)
	k.mu.Unlock()
	id := k.scan("s1", "apt-7", "en")
	if d := k.finish("s1", id, true); id.Outcome != checkin.OK || d.Ticket != "A-001" || !d.CheckedIn {
		t.Errorf("an appointment of the newest list: %+v, %+v", id, d)
	}
	for _, r := range k.records() {
		if r.Kind == "queue/PATIENT_ADDED" && r.Synced {
			t.Error("an event of an untrusted clock says that it is trusted")
		}
	}
	// The time comes: the visit is where it was.
	k.mu.Lock()
	k.now.Wall, k.now.Synced = morning.Add(24*time.Hour), true
	k.mu.Unlock()
	if p, ok := k.queue.Entry(id.Entry); !ok || p.Metadata.Day != k.queue.Today() || k.queue.Open() != 1 {
		t.Errorf("after the time is known: %+v", p)
	}
}

// A patient who consented last month and is checked in at another kiosk today
// has consented on this one's list too.
func TestConsentsShowOnEntriesOfOtherKiosks(t *testing.T) {
	a, b := newKit(t, "lobby-1", 'A'), newKit(t, "lobby-2", 'B')
	id := a.scan("s1", "apt-1", "en")
	a.finish("s1", id, true)
	bring(t, a, b)
	b.reopen('B') // forgets what it had in memory
	if e, _ := b.queue.Entry(id.Entry); !e.Metadata.ConsentGiven {
		t.Errorf("after a restart: %+v", e.Metadata)
	}
	// The queue's messages alone, on a kiosk that had the consent before.
	c := newKit(t, "side-door", 'C')
	for _, family := range []kiosk.Family{kiosk.ConsentFamily, kiosk.QueueFamily} {
		for _, r := range a.records() {
			if ch, _ := kiosk.ParseChannel(r.Channel); ch.Family == family {
				give(t, a, c, r)
			}
		}
		if family == kiosk.ConsentFamily {
			c.reopen('C')
		}
	}
	if e, _ := c.queue.Entry(id.Entry); !e.Metadata.ConsentGiven {
		t.Errorf("known before the entry came: %+v", e.Metadata)
	}
}

// Nor does such a clock cost the list of names.
func TestAnUntrustedClockKeepsTheRoster(t *testing.T) {
	run := func(k *kit) {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		time.Sleep(time.Second)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, "lobby-1", 'A')
		defer func() { _ = k.store.Close(context.Background()) }()
		k.mu.Lock()
		k.now.Wall, k.now.Synced = morning.AddDate(10, 0, 0), false
		k.mu.Unlock()
		run(k)
		if n := k.list.Days()[today].Rows; n != 7 {
			t.Errorf("%d rows are left", n)
		}
		k.mu.Lock()
		k.now.Wall, k.now.Synced = morning.Add(48*time.Hour), true
		k.mu.Unlock()
		run(k)
		if n := k.list.Days()[today].Rows; n != 0 {
			t.Errorf("%d rows are left two days later", n)
		}
	})
}

// Something of the visit is not right: the patient waits like everybody else, and
// staff see it, also at another kiosk and after a restart.
func TestDetailsThatAreNotRightAreFlagged(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	in := checkin.FinishInput{Session: "s1", Entry: id.Entry, NotRight: true, Decisions: decisions(id.Forms, true), Request: uuid.New()}
	got := k.wrote(func() {
		d, err := k.Finish(context.Background(), in)
		if err != nil || !d.CheckedIn || !d.StaffFlag || d.Ticket != "A-001" {
			t.Errorf("finished: %+v, %v", d, err)
		}
	})
	if !slices.Contains(got, "1 queue/PATIENT_ADDED") || !slices.Contains(got, "1 queue/STATUS_UPDATED") {
		t.Errorf("wrote %v", got)
	}
	for _, when := range []string{"at once", "after a restart"} {
		if e, _ := k.queue.Entry(id.Entry); !e.HasFlag(kiosk.FlagDetails) || e.Status != kiosk.Waiting {
			t.Errorf("%s: %+v", when, e)
		}
		k.reopen('A')
	}
	if got := k.wrote(func() { _, _ = k.Finish(context.Background(), in) }); len(got) != 0 {
		t.Errorf("pressed twice wrote %v", got)
	}
}

// Who comes before the early allowance, or after the appointment, is told.
func TestTimingIsTold(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	for _, c := range []struct {
		pass time.Duration
		id   string
		want checkin.Timing
	}{{0, "apt-3", checkin.ComesEarly}, {0, "apt-1", checkin.OnTime}, {40 * time.Minute, "apt-2", checkin.ComesLate}} {
		k.pass(c.pass)
		if got := k.scan("s-"+c.id, c.id, "en"); got.Outcome != checkin.OK || got.Timing != c.want {
			t.Errorf("%s: %s, timing %q, want %q", c.id, got.Outcome, got.Timing, c.want)
		}
	}
}

// A cancelled appointment is said to be cancelled, and its code is no guess.
func TestCancelledAppointmentIsSaid(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	if _, err := k.list.Cancel(context.Background(), kiosk.NewAct(ana), []roster.Cancellation{{ID: "apt-2", Day: today}}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if got := k.typed("s1", "apt-2"); got.Outcome != checkin.Cancelled {
			t.Errorf("outcome %s", got.Outcome)
		}
	}
	if got := k.typed("s1", "apt-1"); got.Outcome != checkin.OK {
		t.Errorf("the session's next code: %s", got.Outcome)
	}
}

// A visit by video waits once its devices were tried; where they fail staff come. All
// that the last button says is kept, also where it is several things at once.
func TestDevicesOfAVisitByVideo(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	video := k.scan("s1", "apt-3", "en")
	finish := func(devices checkin.Devices, notRight bool) checkin.Done {
		t.Helper()
		d, err := k.Finish(context.Background(), checkin.FinishInput{Session: "s1", Entry: video.Entry, Decisions: decisions(video.Forms, true),
			Devices: devices, NotRight: notRight, Request: uuid.New()})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := finish(checkin.DevicesFail, true)
	e, _ := k.queue.Entry(video.Entry)
	if d.CheckedIn || !d.StaffFlag || e.Metadata.DeviceReady || !e.HasFlag(kiosk.FlagDevices) || !e.HasFlag(kiosk.FlagDetails) || len(k.ActiveHelp()) != 1 {
		t.Errorf("devices fail: %+v, %+v, %v", d, e.Metadata, k.ActiveHelp())
	}
	video = k.scan("s1", "apt-3", "en")
	d = finish(checkin.DevicesReady, false)
	k.reopen('A')
	if e, _ = k.queue.Entry(video.Entry); !d.CheckedIn || !e.Metadata.DeviceReady || e.Status != kiosk.Waiting {
		t.Errorf("devices work: %+v, %+v", d, e)
	}
	if _, err := k.Finish(context.Background(), checkin.FinishInput{Session: "s1", Entry: video.Entry, Devices: "perhaps", Request: uuid.New()}); !errors.Is(err, checkin.ErrInput) {
		t.Errorf("an answer that nobody can give: %v", err)
	}
}
