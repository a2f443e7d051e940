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
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"

	"github.com/google/uuid"
)

const head = "appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,mode,language\n"

func claim(birth, name string) identity.Claim {
	return identity.Claim{Birth: phi.New(birth), Name: phi.New(name)}
}

func (k *kit) provisional(session string, c identity.Claim) checkin.Identified {
	k.t.Helper()
	got, err := k.Provisional(context.Background(), checkin.PersonInput{Session: session, Claim: c, Language: "en", Request: uuid.New()})
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

func (k *kit) reconcile() {
	k.t.Helper()
	if err := k.Reconcile(context.Background()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) match(id kiosk.EntryID, appointment kiosk.AppointmentID) (queue.State, error) {
	return k.Match(context.Background(), kiosk.NewAct(ana), id, appointment)
}

func online(c *checkin.Config) { c.Online = func() bool { return true } }

// The offer depends on the kiosk alone: on a list that is of today and a way to a
// newer one, never on who asks.
func TestProvisionIsOfferedByTheListNotByThePerson(t *testing.T) {
	t.Parallel()
	stranger, wrongBirth := claim("1999-09-09", "Nemo, Nobody"), claim("1980-02-28", "Quixote, Marguerite")
	for name, tt := range map[string]struct {
		change func(*checkin.Config)
		days   time.Duration
		want   bool
	}{
		"online, list of today":       {online, 0, false},
		"offline, list of today":      {func(c *checkin.Config) { c.Online = func() bool { return false } }, 0, true},
		"online, list older than day": {online, 24 * time.Hour, true}, // apt-7's list came the day before
		"online, no list":             {online, 48 * time.Hour, true},
	} {
		k := newKit(t, "lobby-1", 'A', tt.change)
		k.pass(tt.days)
		for i, c := range []identity.Claim{stranger, wrongBirth} {
			got, err := k.IdentifyPerson(context.Background(), checkin.PersonInput{Session: "s1", Claim: c, Language: "en", Request: uuid.New()})
			if err != nil || got.Outcome != checkin.NotFound || got.MayProvision != tt.want {
				t.Errorf("%s, claim %d: %v, offered %v, want %v; %v", name, i, got.Outcome, got.MayProvision, tt.want, err)
			}
		}
		// Who takes it anyway gets what IdentifyPerson says, and that is counted.
		if !tt.want {
			if got := k.provisional("s1", stranger); got.Outcome != checkin.NotFound {
				t.Errorf("%s: %v, want not found", name, got.Outcome)
			}
			if got := k.provisional("s1", stranger); got.Outcome != checkin.Locked {
				t.Errorf("%s: %v after three tries, want locked", name, got.Outcome)
			}
		}
	}
}

func TestProvisionalArrival(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A')
	var got checkin.Identified
	wrote := k.wrote(func() { got = k.provisional("s1", claim("1990-01-02", "Quixote, Hermione")) })
	want := []string{"1 audit/PROVISIONAL_ARRIVAL", "1 audit/QUEUE_ENTRY_ADDED", "1 queue/PATIENT_ADDED", "1 roster/ROSTER_PERSON"}
	if !slices.Equal(wrote, want) {
		t.Errorf("wrote %q, want %q", wrote, want)
	}
	if got.Outcome != checkin.Provisional || got.Place.Ticket != "A-001" || got.Place.Status != kiosk.CheckedIn {
		t.Errorf("got %v, %+v", got.Outcome, got.Place)
	}
	list := k.Unfinished()
	if len(list) != 1 || !list[0].HasFlag(kiosk.FlagProvisional) || list[0].Department != "cardiology" {
		t.Errorf("the desk's list: %v", list)
	}
	for _, r := range k.records() {
		if !strings.HasPrefix(r.Channel, "roster.") && (strings.Contains(string(r.Body), "Hermione") || strings.Contains(string(r.Body), "1990-01-02")) {
			t.Errorf("%s on %s holds the person", r.Kind, r.Channel)
		}
	}
	// Who is on the list is checked in, not provisional.
	if got := k.provisional("s2", claim("1980-02-29", "Quixote, Marguerite")); got.Outcome != checkin.OK {
		t.Errorf("a person on the list: %v", got.Outcome)
	}
}

// What help a provisional arrival asked for is kept and on record; what the page does
// not offer is refused.
func TestProvisionalArrivalKeepsItsNeeds(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A')
	in := checkin.PersonInput{Session: "s1", Claim: claim("1990-01-02", "Quixote, Hermione"), Language: "en", Needs: []kiosk.Need{kiosk.NeedHearing}, Request: uuid.New()}
	var got checkin.Identified
	wrote := k.wrote(func() {
		var err error
		if got, err = k.Provisional(context.Background(), in); err != nil {
			t.Fatal(err)
		}
	})
	if e, _ := k.queue.Entry(got.Entry); !slices.Equal(e.Metadata.Needs, in.Needs) || !slices.Contains(wrote, "1 audit/PATIENT_NEEDS_STATED") {
		t.Errorf("needs %v, wrote %q", e.Metadata.Needs, wrote)
	}
	in.Needs, in.Request = []kiosk.Need{"a name"}, uuid.New()
	if _, err := k.Provisional(context.Background(), in); !errors.Is(err, checkin.ErrInput) {
		t.Errorf("a need that nobody offers: %v", err)
	}
}

// A list that comes later matches the arrival, here and, by the same event, on
// the other kiosk.
func TestNewerListMatchesTheArrival(t *testing.T) {
	t.Parallel()
	k, other := newKit(t, "lobby-1", 'A'), newKit(t, "lobby-2", 'B')
	got := k.provisional("s1", claim("1990-01-02", "quixote hermione"))
	bring(t, k, other)
	k.importRows(head + "apt-8,MRN-8,Quixote,Hermione,1990-01-02,cardiology,dr-vega,2026-11-23 09:50,in-person,en\n")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	for range 500 {
		if e, _ := k.queue.Entry(got.Entry); e.Appointment == "apt-8" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, at := range []*kit{k, other} {
		if at == other {
			bring(t, k, other)
		}
		e, _ := at.queue.Entry(got.Entry)
		if e.Appointment != "apt-8" || e.Status != kiosk.Waiting || e.HasFlag(kiosk.FlagProvisional) || e.Provider != "dr-vega" ||
			e.Patient != kiosk.NewPatientRef(refKey, phi.New("MRN-8")) || e.Metadata.Ticket != "A-001" || !e.CheckInTime.Equal(morning) {
			t.Errorf("%s shows %v, flags %v", at.id, e, e.Metadata.Flags)
		}
		// The patient who scans the code later has arrived: no second entry.
		if s := at.scan("s9", "apt-8", "en"); s.Outcome != checkin.Already || s.Place.Ticket != "A-001" {
			t.Errorf("%s: a scan after gives %v, %q", at.id, s.Outcome, s.Place.Ticket)
		}
		if n := len(at.queue.States(today)); n != 1 {
			t.Errorf("%s has %d entries", at.id, n)
		}
	}
	if wrote := k.wrote(func() { k.reopen('A'); k.reconcile() }); len(wrote) > 0 {
		t.Errorf("a restart wrote %q", wrote)
	}
}

// What is not exactly one appointment that nobody came for is the desk's.
func TestListsThatDoNotMatch(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rows string
		flag bool
	}{
		"nobody":           {"apt-8,MRN-8,Quixote,Hermione,1990-01-03,cardiology,,2026-11-23 09:50,in-person,en\n", false},
		"two of one name":  {"apt-8,MRN-8,Quixote,Hermione,1990-01-02,cardiology,,2026-11-23 09:50,in-person,en\napt-9,MRN-9,Quixote,Hermione,1990-01-02,cardiology,,2026-11-23 10:50,in-person,en\n", false},
		"two appointments": {"apt-8,MRN-8,Quixote,Hermione,1990-01-02,cardiology,,2026-11-23 09:50,in-person,en\napt-9,MRN-8,Quixote,Hermione,1990-01-02,cardiology,,2026-11-23 10:50,in-person,en\n", false},
		"not served here":  {"apt-8,MRN-8,Quixote,Hermione,1990-01-02,radiology,,2026-11-23 09:50,in-person,en\n", false},
		"too early":        {"apt-8,MRN-8,Quixote,Hermione,1990-01-02,cardiology,,2026-11-23 12:00,in-person,en\n", false},
	} {
		k := newKit(t, "lobby-1", 'A')
		got := k.provisional("s1", claim("1990-01-02", "Quixote, Hermione"))
		k.importRows(head + tt.rows)
		before := len(k.records())
		k.reconcile()
		e, _ := k.queue.Entry(got.Entry)
		if n := len(k.records()); e.Appointment != "" || !e.HasFlag(kiosk.FlagProvisional) || n != before {
			t.Errorf("%s: %v, %d events more", name, e, n-before)
		}
	}
}

// An appointment that somebody has arrived for is never given to a second entry.
func TestArrivedTwiceIsForStaff(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A')
	first := k.provisional("s1", claim("1990-01-02", "Quixote, Hermione"))
	second := k.provisional("s2", claim("1990-01-02", "Quixote, Hermione"))
	k.importRows(head + "apt-8,MRN-8,Quixote,Hermione,1990-01-02,cardiology,,2026-11-23 09:50,in-person,en\n")
	both := func() (a, b kiosk.Entry) {
		a, _ = k.queue.Entry(first.Entry)
		b, _ = k.queue.Entry(second.Entry)
		return a, b
	}
	k.reconcile()
	a, b := both()
	if a.Appointment == "" {
		a, b = b, a
	}
	if a.Appointment != "apt-8" || b.Appointment != "" || !b.HasFlag(kiosk.FlagArrived) || !b.HasFlag(kiosk.FlagProvisional) {
		t.Errorf("one matched, one flagged: %v %v, %v %v", a, a.Metadata.Flags, b, b.Metadata.Flags)
	}
	wrote := k.wrote(func() {
		if _, err := k.match(b.ID, "apt-8"); !errors.Is(err, queue.ErrArrived) {
			t.Errorf("matched to an appointment that has arrived: %v", err)
		}
	})
	if want := []string{"1 audit/QUEUE_ACT_REFUSED"}; !slices.Equal(wrote, want) {
		t.Errorf("wrote %q, want %q", wrote, want)
	}
	// Staff decide: the matched one was somebody else.
	act := kiosk.NewAct(ana)
	if err := k.cancel(act, a.ID); err != nil {
		t.Fatal(err)
	}
	if s, err := k.match(b.ID, "apt-8"); err != nil || s.Entry.Status != kiosk.Waiting || s.Entry.HasFlag(kiosk.FlagArrived) || s.Entry.HasFlag(kiosk.FlagProvisional) {
		t.Errorf("after the other was cancelled: %v %v, %v", s.Entry, s.Entry.Metadata.Flags, err)
	}
}

func TestStaffMatch(t *testing.T) {
	t.Parallel()
	k := newKit(t, "lobby-1", 'A', reasons)
	p := k.provisional("s1", claim("1990-01-02", "Quixote, Hermione"))
	s, err := k.match(p.Entry, "apt-4") // of another department
	if err != nil || s.Entry.Department != "radiology" || s.Entry.Provider != "dr-okafor" || s.Entry.Status != kiosk.Waiting || s.Entry.Appointment != "apt-4" {
		t.Errorf("matched: %v, %v", s.Entry, err)
	}
	// It was the wrong one.
	if s, err = k.match(p.Entry, "apt-2"); err != nil || s.Entry.Appointment != "apt-2" || s.Entry.Department != "cardiology" || s.Entry.Provider != "" {
		t.Errorf("matched again: %v, %v", s.Entry, err)
	}
	if got := k.scan("s2", "apt-4", "en"); got.Outcome != checkin.WrongDepartment {
		t.Errorf("the first one is free again, and gave %v", got.Outcome)
	}
	// A walk-in who was expected after all.
	w := k.walkIn(checkin.WalkIn{Department: "cardiology", Reason: "medicine"})
	if s, err = k.match(w.Entry.ID, "apt-1"); err != nil || s.Entry.Appointment != "apt-1" {
		t.Errorf("walk-in: %v, %v", s.Entry, err)
	}
	own, err := k.admit("apt-5")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		entry       kiosk.EntryID
		appointment kiosk.AppointmentID
		want        error
	}{
		"an entry by appointment": {own.Entry.ID, "apt-6", queue.ErrListed},
		"an arrived appointment":  {w.Entry.ID, "apt-5", queue.ErrArrived},
		"no such appointment":     {w.Entry.ID, "apt-0", checkin.ErrNoAppointment},
		"no such entry":           {kiosk.RandomEntryID(), "apt-6", queue.ErrNotFound},
	} {
		if _, err := k.match(tt.entry, tt.appointment); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}
