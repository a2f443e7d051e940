package desk

import (
	"slices"
	"time"

	"clinicgate/kiosk"
)

// picture is the whole of what the page shows. The page draws it and adds
// nothing but words. Without a session it holds nothing of the clinic.
type picture struct {
	Build   string   `json:"build"`
	Epoch   string   `json:"epoch"`
	Rev     uint64   `json:"rev"`
	Session string   `json:"session,omitempty"`
	Person  string   `json:"person,omitempty"`
	May     []Event  `json:"may,omitempty"`
	IdleMs  int64    `json:"idleMs,omitempty"` // without a sign of the person until the logoff
	Clinic  *clinics `json:"clinic,omitempty"`
}

type clinics struct {
	Day         kiosk.Day            `json:"day"`
	Zone        string               `json:"zone"`
	Online      bool                 `json:"online"`
	Departments []departmentPicture  `json:"departments"`
	Rooms       []string             `json:"rooms"`
	Reasons     []string             `json:"reasons"`
	Statuses    []kiosk.Availability `json:"statuses"`
	Priorities  []kiosk.Priority     `json:"priorities"`
	Entries     []entryPicture       `json:"entries"`
	Left        []entryPicture       `json:"left"`
	LeftMore    bool                 `json:"leftMore,omitempty"` // more have left than are listed
	Providers   []providerPicture    `json:"providers"`
	Help        []helpPicture        `json:"help"`
	Held        []heldPicture        `json:"held"`
	Ailing      []ailingPicture      `json:"ailing"`
	Glasses     []glassPicture       `json:"glasses"`
}

type departmentPicture struct {
	ID   kiosk.DepartmentID `json:"id"`
	Name string             `json:"name"`
}

type entryPicture struct {
	ID          string             `json:"id"`
	Ticket      string             `json:"ticket"`
	Name        string             `json:"name,omitempty"`
	Department  kiosk.DepartmentID `json:"department"`
	Provider    kiosk.ProviderID   `json:"provider,omitempty"`
	Status      kiosk.Status       `json:"status"`
	Priority    kiosk.Priority     `json:"priority"`
	Video       bool               `json:"video,omitempty"`
	CheckIn     string             `json:"checkIn"`
	Appointment string             `json:"appointment,omitempty"`
	Unfinished  bool               `json:"unfinished,omitempty"`
	Room        string             `json:"room,omitempty"`
	Called      string             `json:"called,omitempty"`
	Calls       int                `json:"calls,omitempty"`
	WaitLow     int                `json:"waitLow,omitempty"`
	WaitHigh    int                `json:"waitHigh,omitempty"`
	Language    string             `json:"language,omitempty"`
	Interpreter bool               `json:"interpreter,omitempty"`
	Needs       []kiosk.Need       `json:"needs,omitempty"`
	Flags       []kiosk.Flag       `json:"flags,omitempty"`
	Consents    []ConsentNote      `json:"consents,omitempty"`
	Reason      string             `json:"reason,omitempty"`
	Born        string             `json:"born,omitempty"`
	Unlisted    bool               `json:"unlisted,omitempty"`
	Removed     kiosk.Removal      `json:"removed,omitempty"`
	MayUndo     bool               `json:"mayUndo,omitempty"`
}

type providerPicture struct {
	ID         kiosk.ProviderID   `json:"id"`
	Name       string             `json:"name"`
	Department kiosk.DepartmentID `json:"department"`
	Status     kiosk.Availability `json:"status"`
	Room       string             `json:"room,omitempty"`
}

type helpPicture struct {
	ID         string             `json:"id"`
	Kind       string             `json:"kind"`
	Department kiosk.DepartmentID `json:"department"`
	Kiosk      kiosk.KioskID      `json:"kiosk,omitempty"`
	Ticket     string             `json:"ticket,omitempty"`
	At         string             `json:"at"`
	By         string             `json:"by,omitempty"`
}

type heldPicture struct {
	ID    string   `json:"id"`
	Why   string   `json:"why"`
	Since string   `json:"since"`
	Rows  int      `json:"rows,omitempty"`
	Days  []string `json:"days,omitempty"`

	Importable bool `json:"importable,omitempty"`
}

type ailingPicture struct {
	Device string `json:"device"`
	Why    string `json:"why"`
	Since  string `json:"since,omitempty"`
}

type glassPicture struct {
	ID        string `json:"id"`
	By        string `json:"by"`
	Role      string `json:"role"`
	Reference string `json:"reference"`
	Until     string `json:"until"`
}

const (
	maxLeft = 40 // rows of who left; more is the printed list's
	maxHeld = 3  // lists; who has decided about them is shown the next
)

// picture makes what a session's pages show; without one it is an empty desk
// that asks who is there. Server.mu is held.
func (s *Server) picture(x *session) picture {
	p := picture{Build: s.build, Epoch: s.epoch, Rev: s.rev}
	if x == nil {
		return p
	}
	p.Session, p.Person, p.IdleMs = x.id, x.staff.Name, s.idle.Milliseconds()
	for _, e := range events {
		if x.staff.may(e) {
			p.May = append(p.May, e)
		}
	}
	if s.view == nil {
		return p
	}
	v := s.view
	c := &clinics{Day: v.Day, Zone: s.cfg.Zone, Online: v.Online, Rooms: slices.Concat([]string{}, v.Rooms), Reasons: slices.Concat([]string{}, v.Reasons),
		Statuses:    []kiosk.Availability{kiosk.Available, kiosk.Busy, kiosk.Away, kiosk.Offline},
		Priorities:  kiosk.Priorities(),
		Departments: []departmentPicture{}, Entries: []entryPicture{}, Left: []entryPicture{}, Providers: []providerPicture{}, Help: []helpPicture{}, Held: []heldPicture{}, Ailing: []ailingPicture{}, Glasses: []glassPicture{}}
	for _, d := range v.Departments {
		c.Departments = append(c.Departments, departmentPicture(d))
	}
	me := x.actor().String()
	for _, e := range v.Entries {
		c.Entries = append(c.Entries, entryShown(e, me))
	}
	c.LeftMore = len(v.Left) > maxLeft
	for _, e := range v.Left[:min(len(v.Left), maxLeft)] {
		c.Left = append(c.Left, entryShown(e, me))
	}
	for _, d := range v.Providers {
		c.Providers = append(c.Providers, providerPicture(d))
	}
	for _, h := range v.Help {
		c.Help = append(c.Help, helpPicture{h.ID, h.Kind, h.Department, h.Kiosk, h.Ticket, stamp(h.At), h.By})
	}
	for _, l := range v.Held[:min(len(v.Held), maxHeld)] {
		c.Held = append(c.Held, heldPicture{l.ID, l.Why, stamp(l.Since), l.Rows, l.Days, l.Importable})
	}
	for _, o := range v.Glasses {
		c.Glasses = append(c.Glasses, glassPicture{o.ID, o.By, o.Role, o.Reference, stamp(o.Until)})
	}
	for _, a := range v.Ailing {
		shown := ailingPicture{Device: a.Device, Why: a.Why}
		if !a.Since.IsZero() {
			shown.Since = stamp(a.Since)
		}
		c.Ailing = append(c.Ailing, shown)
	}
	p.Clinic = c
	return p
}

// entryShown reveals the name: it goes to the page of a person who has logged in.
func entryShown(e Entry, me string) entryPicture {
	return entryPicture{
		ID: e.ID.String(), Ticket: e.Ticket, Name: e.Name.Reveal(), Department: e.Department, Provider: e.Provider, Status: e.Status,
		Priority: e.Priority, Video: e.Mode == kiosk.Video, CheckIn: stamp(e.CheckIn), Appointment: stamp(e.Appointment), Unfinished: e.Unfinished,
		Room: e.Room, Called: stamp(e.Called), Calls: e.Calls, WaitLow: e.WaitLow, WaitHigh: e.WaitHigh, Language: e.Language,
		Interpreter: e.Interpreter, Needs: e.Needs, Flags: e.Flags, Consents: e.Consents, Reason: e.Reason, Born: e.Born.Reveal(), Unlisted: e.Unlisted,
		Removed: e.Removed, MayUndo: e.LastBy == me,
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// expectedPicture is a row of who is expected.
type expectedPicture struct {
	Appointment kiosk.AppointmentID `json:"appointment"`
	Name        string              `json:"name,omitempty"`
	Born        string              `json:"born,omitempty"`
	At          string              `json:"at"`
	Department  kiosk.DepartmentID  `json:"department"`
	Provider    string              `json:"provider,omitempty"`
}

func expectedShown(list []Expected) []expectedPicture {
	out := []expectedPicture{}
	for _, e := range list {
		out = append(out, expectedPicture{e.Appointment, e.Name.Reveal(), e.Born.Reveal(), stamp(e.At), e.Department, e.Provider})
	}
	return out
}

// dayPicture is the list for paper.
type dayPicture struct {
	Day  kiosk.Day    `json:"day"`
	Zone string       `json:"zone"`
	Rows []rowPicture `json:"rows"`
}

type rowPicture struct {
	At          string       `json:"at"`
	Name        string       `json:"name,omitempty"`
	Department  string       `json:"department"`
	Provider    string       `json:"provider,omitempty"`
	Ticket      string       `json:"ticket,omitempty"`
	Status      kiosk.Status `json:"status,omitempty"`
	Language    string       `json:"language,omitempty"`
	Interpreter bool         `json:"interpreter,omitempty"`
	Needs       []kiosk.Need `json:"needs,omitempty"`
	WalkIn      bool         `json:"walkIn,omitempty"`

	Removed kiosk.Removal `json:"removed,omitempty"`
}

func dayShown(d Day, zone string) dayPicture {
	out := dayPicture{Day: d.Day, Zone: zone, Rows: []rowPicture{}}
	for _, r := range d.Rows {
		out.Rows = append(out.Rows, rowPicture{stamp(r.At), r.Name.Reveal(), r.Department, r.Provider, r.Ticket, r.Status, r.Language, r.Interpreter, r.Needs, r.WalkIn, r.Removed})
	}
	return out
}
