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
)

// from is an act of ana's that is entered later, at some time before now.
func (k *kit) from(ago time.Duration) kiosk.Act {
	act := kiosk.NewAct(ana)
	act.Happened = k.instant().Wall.Add(-ago)
	return act
}

// After an outage the paper is entered: who came then stands before who came since,
// by her arrival or her appointment, and the audit log says who entered it.
func TestDeskEntersArrivalsFromPaper(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	now, err := k.admit("apt-1") // 09:15, comes at 09:00
	if err != nil {
		t.Fatal(err)
	}
	paper := k.from(40 * time.Minute)
	var walked queue.State
	wrote := k.wrote(func() {
		walked, err = k.WalkIn(context.Background(), paper, checkin.WalkIn{Department: "cardiology", Reason: "medicine", Name: phi.New("Quixote, Hermione")})
	})
	if err != nil || walked.Entry.Status != kiosk.Waiting || walked.Entry.EstimatedWait != 0 {
		t.Fatalf("%+v, %v", walked.Entry, err)
	}
	if !slices.Contains(wrote, "1 audit/WALK_IN_ADMITTED") || !slices.Contains(wrote, "1 queue/PATIENT_ADDED") {
		t.Errorf("wrote %q", wrote)
	}
	came, err := k.Admit(context.Background(), k.from(30*time.Minute), "apt-2") // 09:30, came at 08:30
	if err != nil || came.Entry.Status != kiosk.Waiting {
		t.Fatalf("%+v, %v", came.Entry, err)
	}
	if e := came.Entry; !e.CheckInTime.Equal(morning.Add(-30*time.Minute)) || !e.Metadata.OrderAt.Equal(morning.Add(15*time.Minute)) { // early: the appointment less 15 minutes
		t.Errorf("came %v, stands at %v", e.CheckInTime, e.Metadata.OrderAt)
	}
	if e := walked.Entry; !e.CheckInTime.Equal(paper.Happened) || !e.Metadata.OrderAt.Equal(paper.Happened) || queue.Compare(e, now.Entry) >= 0 {
		t.Errorf("the walk-in of 08:20 came %v, stands at %v", e.CheckInTime, e.Metadata.OrderAt)
	}
	// The same act again, after a lost answer, is done once.
	again, err := k.WalkIn(context.Background(), paper, checkin.WalkIn{Department: "cardiology", Reason: "medicine", Name: phi.New("Quixote, Hermione")})
	if err != nil || again.Entry.ID != walked.Entry.ID {
		t.Errorf("again: %v, %v", again.Entry, err)
	}
	late := 0
	for _, a := range k.audits() {
		if a.EventType != kiosk.WalkInAdmitted && a.EventType != kiosk.PatientAdmitted {
			continue
		}
		if strings.HasSuffix(a.Action, ", late entry") && a.Actor.UserID == "ana" && !a.Metadata.HappenedAt.IsZero() {
			late++
		}
	}
	if late != 2 {
		t.Errorf("%d late entries in the audit log, want 2", late)
	}
}

// Who was half-way through the page when it failed did not come before that; nobody
// comes tomorrow or came yesterday.
func TestDeskEntersNothingImpossible(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	k.scan("s1", "apt-3", "en") // by video, at 09:00
	k.pass(time.Hour)
	for name, tt := range map[string]struct {
		ago  time.Duration
		want error
	}{"before the scan": {61 * time.Minute, queue.ErrEarlier}, "tomorrow": {-time.Minute, queue.ErrFuture}, "yesterday": {24 * time.Hour, queue.ErrDayBegan}} {
		before := len(k.audits())
		_, err := k.Admit(context.Background(), k.from(tt.ago), "apt-3")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if n := len(k.audits()) - before; n != 0 {
			t.Errorf("%s: %d audit events", name, n)
		}
		if tt.want == queue.ErrEarlier {
			continue
		}
		if _, err = k.Admit(context.Background(), k.from(tt.ago), "apt-1"); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if _, err = k.WalkIn(context.Background(), k.from(tt.ago), checkin.WalkIn{Department: "cardiology", Reason: "medicine"}); !errors.Is(err, tt.want) {
			t.Errorf("%s, walk-in: %v, want %v", name, err, tt.want)
		}
	}
	if n := len(k.queue.States(today)); n != 1 {
		t.Errorf("%d entries", n)
	}
	if s, err := k.Admit(context.Background(), k.from(30*time.Minute), "apt-3"); err != nil || s.Entry.Status != kiosk.CheckedIn {
		t.Errorf("video, from paper: %v, %v", s.Entry, err) // its consent is to be given yet
	}
}

// audits gives the audit log.
func (k *kit) audits() (list []kiosk.AuditEvent) {
	k.t.Helper()
	d, _ := kiosk.Defined("audit/EVENT")
	for _, r := range k.records() {
		if r.Kind != d.Name {
			continue
		}
		m, err := kiosk.Decode(d, r.Body)
		if err != nil {
			k.t.Fatal(err)
		}
		list = append(list, *m.(*kiosk.AuditEvent))
	}
	return list
}
