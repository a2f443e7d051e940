package desk

import (
	"context"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
)

// Clinic is the clinic's side of the desk. It may be used from several
// goroutines.
type Clinic interface {
	// Watch gives a channel that is rung when View would give something else.
	// Several changes may ring once. Call cancel when done.
	Watch() (changed <-chan struct{}, cancel func())
	// View gives everything that the page shows, as it is now.
	View(ctx context.Context) (View, error)
	// Do carries out one act of staff; nil means that it is durable. Doing the same
	// act again writes nothing a second time. What the rules refuse is a *Refusal.
	Do(ctx context.Context, act kiosk.Act, in Act) error
	// Expected lists today's appointments that nobody has arrived for.
	Expected(ctx context.Context) ([]Expected, error)
	// Day lists today for paper: the appointments, and who came without one.
	Day(ctx context.Context) (Day, error)
}

// Refusal is an act that the clinic's rules refuse. Reason is the last part of
// a key of the page's texts, as in "refused.not-called"; an unknown one is shown
// as a failure.
type Refusal struct {
	Reason string
	Err    error
}

func (r *Refusal) Error() string { return "act refused: " + r.Reason }

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Event is one thing that a person at the desk asks for.
type Event string

// The events. The last five change nothing in the queue.
const (
	Admit       Event = "admit"
	WalkIn      Event = "walk-in"
	Match       Event = "match"
	Call        Event = "call"
	SetStatus   Event = "status"
	Remove      Event = "remove"
	SetPriority Event = "priority"
	Transfer    Event = "transfer"
	Undo        Event = "undo"
	SetProvider Event = "provider"
	Acknowledge Event = "acknowledge"
	Resolve     Event = "resolve"
	List        Event = "expected"
	Print       Event = "print"
	Stay        Event = "stay"
	LogOff      Event = "logoff"
)

var events = []Event{Admit, WalkIn, Match, Call, SetStatus, Remove, SetPriority, Transfer, Undo, SetProvider, Acknowledge, Resolve, List, Print, Stay, LogOff}

// Role is what a person may do at the desk.
type Role string

// The roles. Each sees the queue.
const (
	RoleDesk Role = "desk" // everything
	RoleHelp Role = "help" // answer calls for help
	RoleView Role = "view" // nothing else
)

// Roles lists all roles.
func Roles() []Role { return []Role{RoleDesk, RoleHelp, RoleView} }

// May reports whether a role includes an event.
func (r Role) May(e Event) bool {
	switch r {
	case RoleDesk:
		return slices.Contains(events, e)
	case RoleHelp:
		return e == Acknowledge || e == Resolve || e == Stay || e == LogOff
	case RoleView:
		return e == Stay || e == LogOff
	}
	return false
}

// Staff is a person who may log in.
type Staff struct {
	ID    kiosk.StaffID
	Name  string
	Roles []Role
}

func (s Staff) may(e Event) bool {
	return slices.ContainsFunc(s.Roles, func(r Role) bool { return r.May(e) })
}

// Act is an event with what it names. Only the members that the event needs
// are set, and they are well formed.
type Act struct {
	Event        Event
	Entry        string // id of the entry
	Room         string // empty: the provider's
	Status       kiosk.Status
	Removal      kiosk.Removal // remove: why the patient will not be seen today
	Priority     kiosk.Priority
	Department   kiosk.DepartmentID
	Provider     kiosk.ProviderID
	Availability kiosk.Availability
	Help         string // id of the call for help
	HappenedAt   string // admit, walk-in, call, status, remove: "09:40" of what is entered later; empty: now

	Appointment         kiosk.AppointmentID // admit, match
	Reason              string              // walk-in: one of View.Reasons
	Family, Given, Born phi.Text            // walk-in; each may be empty
}

// View is what staff see.
type View struct {
	Day         kiosk.Day
	Online      bool // there is a way to the internet
	Departments []Department
	Rooms       []string
	Reasons     []string // codes of why a walk-in may come
	Entries     []Entry  // in queue order
	Left        []Entry  // off the lists, the last one first
	Providers   []Provider
	Help        []Help     // not resolved, oldest first
	Held        []HeldList // of appointments, that wait for a person; oldest first
	Glasses     []Glass    // roles that somebody has taken in an emergency
	Ailing      []Ailing   // what a person has to mend at this kiosk
}

// Department is one of the clinic's departments.
type Department struct {
	ID   kiosk.DepartmentID
	Name string
}

// Entry is a visit.
type Entry struct {
	ID          kiosk.EntryID
	Ticket      string
	Name        phi.Text // empty: this kiosk does not hold it
	Department  kiosk.DepartmentID
	Provider    kiosk.ProviderID
	Status      kiosk.Status
	Priority    kiosk.Priority
	Mode        kiosk.Mode
	CheckIn     time.Time
	Appointment time.Time // zero: none
	Unfinished  bool      // identified, and nobody goes on with it
	Room        string    // of the call
	Called      time.Time // the latest call; zero: none
	Calls       int
	WaitLow     int // minutes; both 0: not known
	WaitHigh    int
	Language    string
	Interpreter bool
	Needs       []kiosk.Need
	Flags       []kiosk.Flag
	Consents    []ConsentNote // what the entry lacks, by type
	Reason      string        // why a walk-in came
	Born        phi.Text      // of who came without an appointment: what the person said
	Unlisted    bool          // came in without an appointment: it may be matched with one
	Removed     kiosk.Removal // why it is off the lists
	LastBy      string        // whose act the last one was
}

// Expected is an appointment that nobody has arrived for.
type Expected struct {
	Appointment kiosk.AppointmentID
	Name        phi.Text
	Born        phi.Text
	At          time.Time
	Department  kiosk.DepartmentID
	Provider    string // as patients see it
}

// Provider is a provider with what she does.
type Provider struct {
	ID         kiosk.ProviderID
	Name       string
	Department kiosk.DepartmentID
	Status     kiosk.Availability
	Room       string
}

// Help is a call for help.
type Help struct {
	ID         string
	Kind       string
	Department kiosk.DepartmentID
	Kiosk      kiosk.KioskID
	Ticket     string
	At         time.Time
	By         string // who takes care of it; empty: nobody yet
}

// HeldList is a list of appointments that was not imported, since it is not sure to
// be right. ID is what the commands that decide about it take.
type HeldList struct {
	ID    string
	Why   string // last part of a key of the page's texts, as in "held.shrunk"
	Since time.Time
	Rows  int
	Days  []string // that the rows are for

	Importable bool // it can be accepted; else only refused
}

// Ailing is a device of the kiosk that needs somebody. Why is the last part of a key
// of the page's texts, as in "ailing.paper".
type Ailing struct {
	Device string
	Why    string
	Since  time.Time // zero: not known
}

// Glass is a role that an account has taken in an emergency, which the desk is told.
type Glass struct {
	ID        string
	By        string // account
	Role      string // last part of a key of the page's texts, as in "glass.desk"
	Reference string
	Until     time.Time
}

// Day is today's list for paper.
type Day struct {
	Day  kiosk.Day
	Rows []Row // by time
}

// Row is one line of it.
type Row struct {
	At          time.Time // of the appointment, or of the arrival without one
	Name        phi.Text
	Department  string
	Provider    string
	Ticket      string // empty: has not come yet
	Status      kiosk.Status
	Language    string
	Interpreter bool
	Needs       []kiosk.Need
	WalkIn      bool
	Removed     kiosk.Removal // why it is off the lists
}

// ConsentNote says that a consent is not in effect, and why: "unsigned",
// "declined", "revoked", "expired", "stale".
type ConsentNote struct {
	Type     kiosk.ConsentType `json:"type"`
	Standing string            `json:"standing"`
}
