package gateway

import (
	"context"
	"slices"
	"strings"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// queueBackend is the queue as the desk's terminal uses it.
type queueBackend struct{ *Gateway }

// List gives today's entries in queue order.
func (g queueBackend) List(context.Context, control.Caller) (control.QueueList, error) {
	day := g.queue.Today()
	out := control.QueueList{Day: string(day), Entries: []control.QueueEntry{}, Providers: []control.Provider{}}
	for _, s := range g.queue.States(day) {
		out.Entries = append(out.Entries, g.shown(s))
	}
	for _, p := range g.cfg.Providers {
		out.Providers = append(out.Providers, g.providerShown(kiosk.ProviderID(p.ID)))
	}
	return out, nil
}

func (g queueBackend) shown(s queue.State) control.QueueEntry {
	e := s.Entry
	q := control.QueueEntry{ID: e.ID, Ticket: e.Metadata.Ticket, Department: e.Department, Provider: e.Provider, Status: e.Status,
		Priority: e.Priority, Mode: e.Metadata.Mode, CheckIn: e.CheckInTime, Called: s.Call.At, Conflict: len(s.Conflicts) > 0}
	if s.Call.Times > 0 {
		q.Room = g.queue.CallRoom(s).String() // what an app sent as the room may be any text
	}
	if low, high, known := g.queue.Wait(e.ID); known {
		q.WaitLow, q.WaitHigh = low, high
	}
	for _, f := range e.Metadata.Flags {
		q.Flags = append(q.Flags, string(f))
	}
	return q
}

func (g queueBackend) providerShown(id kiosk.ProviderID) control.Provider {
	for _, p := range g.cfg.Providers {
		if p.ID == string(id) {
			return control.Provider{ID: id, Name: p.Name, Department: kiosk.DepartmentID(p.Department), Status: g.queue.Availability(id), Room: g.queue.RoomOf(id).String()}
		}
	}
	return control.Provider{ID: id}
}

// entry finds an entry by its id or by today's ticket.
func (g queueBackend) entry(text string) (kiosk.EntryID, error) {
	if t, err := queue.ParseTicket(text); err == nil {
		if e, ok := g.queue.Find(t, g.queue.Today()); ok {
			return e.ID, nil
		}
		return kiosk.EntryID{}, errNotFound
	}
	id, err := kiosk.ParseEntryID(text)
	if err != nil {
		return id, &control.Error{Code: control.Invalid, Message: "an entry is named by its number, such as A-017, or by its id",
			Next: "`clinicgate queue list` shows the entries"}
	}
	if _, ok := g.queue.Entry(id); !ok {
		return id, errNotFound
	}
	return id, nil
}

// act runs one act on an entry and shows what became of it.
func (g queueBackend) act(ctx context.Context, by control.Caller, text string, do func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error) (control.QueueEntry, error) {
	id, err := g.entry(text)
	if err != nil {
		return control.QueueEntry{}, err
	}
	act := kiosk.NewAct(by.Actor)
	if err := g.queue.Act(ctx, act, func(tx *storage.Tx) error { return do(tx, act, id) }); err != nil {
		return control.QueueEntry{}, refusedAct(err)
	}
	s, ok := g.queue.State(id)
	if !ok {
		return control.QueueEntry{}, errNotFound
	}
	return g.shown(s), nil
}

// Call asks a patient to a room, by default the provider's.
func (g queueBackend) Call(ctx context.Context, by control.Caller, in control.CallEntry) (control.QueueEntry, error) {
	if err := g.checkRoom(in.Room); err != nil {
		return control.QueueEntry{}, err
	}
	return g.act(ctx, by, in.Entry, func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		_, err := g.queue.Call(tx, act, id, in.Room)
		return err
	})
}

// checkRoom refuses a room that the board may not show: the patient would not be
// told where to go.
func (g queueBackend) checkRoom(text string) error {
	if text == "" || g.queue.RoomNamed(text).String() != "" {
		return nil
	}
	var rooms []string
	for _, p := range g.cfg.Providers {
		if p.Room != "" && !slices.Contains(rooms, p.Room) {
			rooms = append(rooms, p.Room)
		}
	}
	slices.Sort(rooms)
	next := "the rooms are those of the providers: " + strings.Join(rooms, ", ")
	if len(rooms) == 0 {
		next = "give the providers a `room` in the config"
	}
	return &control.Error{Code: control.Invalid, Message: "there is no such room in the config, so the board cannot show it", Next: next}
}

// SetStatus makes one of the nine transitions.
func (g queueBackend) SetStatus(ctx context.Context, by control.Caller, in control.SetStatus) (control.QueueEntry, error) {
	return g.act(ctx, by, in.Entry, func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		_, err := g.queue.SetStatus(tx, act, id, in.Status)
		return err
	})
}

// SetPriority changes how urgent an entry is.
func (g queueBackend) SetPriority(ctx context.Context, by control.Caller, in control.SetPriority) (control.QueueEntry, error) {
	return g.act(ctx, by, in.Entry, func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		_, err := g.queue.SetPriority(tx, act, id, in.Priority)
		return err
	})
}

// departmentIDs lists the ids of the clinic's departments.
func (g queueBackend) departmentIDs() (list []string) {
	for _, d := range g.departments {
		list = append(list, string(d))
	}
	return list
}

// Transfer moves an entry to another department.
func (g queueBackend) Transfer(ctx context.Context, by control.Caller, in control.Transfer) (control.QueueEntry, error) {
	if !slices.Contains(g.departments, in.Department) {
		return control.QueueEntry{}, &control.Error{Code: control.Invalid, Message: "there is no such department in the config",
			Next: "the departments are: " + strings.Join(g.departmentIDs(), ", ")}
	}
	return g.act(ctx, by, in.Entry, func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		_, err := g.queue.Transfer(tx, act, id, in.Department)
		return err
	})
}

// Undo takes back the caller's own last act on an entry.
func (g queueBackend) Undo(ctx context.Context, by control.Caller, in control.Undo) (control.QueueEntry, error) {
	return g.act(ctx, by, in.Entry, func(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) error {
		_, err := g.queue.Undo(tx, act, id)
		return err
	})
}

// SetProvider says whether a provider sees patients, and where.
func (g queueBackend) SetProvider(ctx context.Context, by control.Caller, in control.SetProvider) (control.Provider, error) {
	if err := g.checkRoom(in.Room); err != nil {
		return control.Provider{}, err
	}
	act := kiosk.NewAct(by.Actor)
	if err := g.queue.Update(ctx, func(tx *storage.Tx) error {
		return g.queue.SetProvider(tx, act, in.Provider, in.Status, in.Room)
	}); err != nil {
		return control.Provider{}, refusedAct(err)
	}
	return g.providerShown(in.Provider), nil
}

// Help lists the calls for help that are not resolved.
func (g queueBackend) Help(context.Context, control.Caller) (control.HelpList, error) {
	out := control.HelpList{Help: []control.Help{}}
	for _, h := range g.checkin.ActiveHelp() {
		out.Help = append(out.Help, helpShown(h))
	}
	return out, nil
}

func helpShown(h checkin.Help) control.Help {
	out := control.Help{ID: h.ID.String(), Kind: string(h.Kind), Department: h.Department, Kiosk: h.Kiosk, Raised: h.At}
	if h.Status != kiosk.EscalationActive {
		out.AcknowledgedBy = h.By
	}
	return out
}

// AcknowledgeHelp says that a person takes care of it.
func (g queueBackend) AcknowledgeHelp(ctx context.Context, by control.Caller, in control.AcknowledgeHelp) (control.Help, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return control.Help{}, &control.Error{Code: control.Invalid, Message: "a call for help is named by its id", Next: "`clinicgate help list` shows them"}
	}
	h, err := g.checkin.Acknowledge(ctx, kiosk.NewAct(by.Actor), id)
	if err != nil {
		return control.Help{}, err
	}
	return helpShown(h), nil
}
