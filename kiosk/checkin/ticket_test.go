package checkin_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"

	"github.com/google/uuid"
)

func withTickets(c *checkin.Config) { c.TicketKey = []byte("a ticket key of a clinic") }

func (k *kit) readTicket(session, code string) checkin.Identified {
	k.t.Helper()
	got, err := k.Identify(context.Background(), checkin.IdentifyInput{Session: session, Method: roster.Scanned, Value: phi.New(code), Language: "en", Request: uuid.New()})
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

// A ticket shows its patient's place, at the kiosk that gave it and at another of
// the clinic; a forged one, and one of another day, are wrong codes like any.
func TestTicketShowsItsPlace(t *testing.T) {
	a, b := newKit(t, "lobby-1", 'A', withTickets), newKit(t, "lobby-2", 'B', withTickets)
	first := a.scan("s1", "apt-1", "en")
	a.finish("s1", first, true)
	code := a.TicketCode(first.Entry)
	if !strings.HasPrefix(code, "TKT1:") {
		t.Fatalf("code %q", code)
	}
	bring(t, a, b)
	for name, k := range map[string]*kit{"its own kiosk": a, "another kiosk": b} {
		got := k.readTicket("t-"+string(k.id), code)
		if got.Outcome != checkin.Already || got.Entry != first.Entry || got.Place.Ticket != "A-001" || got.Place.Status != kiosk.Waiting {
			t.Errorf("%s: %+v", name, got)
		}
	}
	a.reopen('A')
	if got := a.readTicket("s3", strings.ToLower(code)); got.Outcome != checkin.Already || got.Place.Ticket != "A-001" {
		t.Errorf("after a restart: %+v", got)
	}
	for name, wrong := range map[string]string{"forged": code[:len(code)-1] + "A", "short": "TKT1:", "no code": "TKT1:" + strings.Repeat("A", 26)} {
		if wrong == code {
			wrong = code[:len(code)-1] + "B"
		}
		if got := a.readTicket("w-"+name[:2], wrong); got.Outcome != checkin.NotFound || got.Place.Ticket != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	a.pass(24 * time.Hour)
	if got := a.readTicket("next-day", code); got.Outcome != checkin.NotFound {
		t.Errorf("the day after: %+v", got)
	}
}

// Who came without an appointment has a ticket too, and no list to be found on.
func TestTicketOfAWalkIn(t *testing.T) {
	k := newKit(t, "lobby-1", 'A', withTickets, func(c *checkin.Config) { c.Reasons = []string{"injury"} })
	st, err := k.WalkIn(context.Background(), kiosk.NewAct(ana), checkin.WalkIn{Department: "cardiology", Reason: "injury"})
	if err != nil {
		t.Fatal(err)
	}
	var got checkin.Identified
	wrote := k.wrote(func() { got = k.readTicket("s1", k.TicketCode(st.Entry.ID)) })
	if got.Outcome != checkin.Already || got.Place.Ticket != "A-001" || len(got.Actions) == 0 || got.Visit.Department != "Cardiology" {
		t.Errorf("%+v", got)
	}
	if len(wrote) != 1 || wrote[0] != "1 audit/PATIENT_IDENTIFIED" {
		t.Errorf("wrote %v", wrote)
	}
	if err := k.Leave(context.Background(), "s1", st.Entry.ID, uuid.New()); err != nil {
		t.Errorf("leaving by ticket: %v", err)
	}
	if got := k.readTicket("s2", k.TicketCode(st.Entry.ID)); got.Outcome != checkin.Already || got.Place.Status != kiosk.Cancelled {
		t.Errorf("after leaving: %+v", got)
	}
}

func TestWithoutATicketKeyThereAreNoCodes(t *testing.T) {
	k := newKit(t, "lobby-1", 'A')
	id := k.scan("s1", "apt-1", "en")
	if code := k.TicketCode(id.Entry); code != "" {
		t.Errorf("code %q", code)
	}
}
