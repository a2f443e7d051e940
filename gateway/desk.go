package gateway

import (
	"context"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"
)

// queueBackend is the queue as the desk's terminal uses it.
type queueBackend struct{ *Gateway }

// List gives today's entries in queue order.
func (g queueBackend) List(context.Context, control.Caller) (control.QueueList, error) {
	day := g.queue.Today()
	out := control.QueueList{Day: string(day), Entries: []control.QueueEntry{}, Providers: []control.Provider{}}
	unfinished := g.unfinished()
	for _, s := range g.queue.States(day) {
		e := g.shown(s)
		e.Unfinished = unfinished[e.ID]
		out.Entries = append(out.Entries, e)
	}
	for _, p := range g.cfg.Providers {
		out.Providers = append(out.Providers, g.providerShown(kiosk.ProviderID(p.ID)))
	}
	return out, nil
}

// Reveal gives the list with the names that this kiosk's roster holds. That they were
// read is recorded before they are given.
func (g queueBackend) Reveal(ctx context.Context, by control.Caller, _ control.None) (control.QueueList, error) {
	err := g.audit(ctx, kiosk.NewAct(by.Actor), kiosk.QueueNamesRead, kiosk.AuditFacts{Action: "list names", Resource: string(g.queue.Today())})
	if err != nil {
		return control.QueueList{}, err
	}
	return g.named(ctx)
}

// named is List with names.
func (g queueBackend) named(ctx context.Context) (control.QueueList, error) {
	out, err := g.List(ctx, control.Caller{})
	if err != nil {
		return out, err
	}
	return out, g.store.View(ctx, func(r *storage.Reader) error {
		for i, e := range out.Entries {
			entry, ok := g.queue.Entry(e.ID)
			if !ok {
				continue
			}
			name, _, err := g.whoIs(r, entry)
			if err != nil {
				return err
			}
			out.Entries[i].Name = name.Reveal()
		}
		return nil
	})
}

// unfinished says which entries were identified without anybody going on with
// them.
func (g *Gateway) unfinished() map[kiosk.EntryID]bool {
	list := map[kiosk.EntryID]bool{}
	for _, e := range g.checkin.Unfinished() {
		list[e.ID] = true
	}
	return list
}

func (g queueBackend) shown(s queue.State) control.QueueEntry {
	e := s.Entry
	q := control.QueueEntry{ID: e.ID, Ticket: e.Metadata.Ticket, Department: e.Department, Provider: e.Provider, Status: e.Status,
		Priority: e.Priority, Mode: e.Metadata.Mode, CheckIn: e.CheckInTime, Called: s.Call.At, Needs: e.Metadata.Needs, Conflict: len(s.Conflicts) > 0,
		Reason: e.Metadata.Reason, Removed: s.Removed}
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

// did shows what became of an entry, or why nothing did.
func (g queueBackend) did(s queue.State, err error) (control.QueueEntry, error) {
	if err != nil {
		return control.QueueEntry{}, refusedAct(err)
	}
	return g.shown(s), nil
}

// Admit takes in a person whom staff have identified.
func (g queueBackend) Admit(ctx context.Context, by control.Caller, in control.Admit) (control.QueueEntry, error) {
	return g.did(staffActs(g).admit(ctx, kiosk.NewAct(by.Actor), in.Appointment, in.HappenedAt))
}

// WalkIn takes in a person without an appointment.
func (g queueBackend) WalkIn(ctx context.Context, by control.Caller, in control.WalkIn) (control.QueueEntry, error) {
	return g.did(staffActs(g).walkIn(ctx, kiosk.NewAct(by.Actor),
		checkin.WalkIn{Department: in.Department, Reason: in.Reason, Name: phi.New(in.Name), Birth: phi.New(in.Birth)}, in.HappenedAt))
}

// Match says which appointment an entry was for.
func (g queueBackend) Match(ctx context.Context, by control.Caller, in control.Match) (control.QueueEntry, error) {
	return g.did(staffActs(g).match(ctx, kiosk.NewAct(by.Actor), in.Entry, in.Appointment))
}

// Call asks a patient to a room, by default the provider's.
func (g queueBackend) Call(ctx context.Context, by control.Caller, in control.CallEntry) (control.QueueEntry, error) {
	return g.did(staffActs(g).call(ctx, kiosk.NewAct(by.Actor), in.Entry, in.Room, in.HappenedAt))
}

// SetStatus makes one of the nine transitions.
func (g queueBackend) SetStatus(ctx context.Context, by control.Caller, in control.SetStatus) (control.QueueEntry, error) {
	return g.did(staffActs(g).setStatus(ctx, kiosk.NewAct(by.Actor), in.Entry, in.Status, in.HappenedAt))
}

// Remove takes a patient off the lists who will not be seen today.
func (g queueBackend) Remove(ctx context.Context, by control.Caller, in control.Remove) (control.QueueEntry, error) {
	return g.did(staffActs(g).remove(ctx, kiosk.NewAct(by.Actor), in.Entry, in.Reason, in.HappenedAt))
}

// SetPriority changes how urgent an entry is.
func (g queueBackend) SetPriority(ctx context.Context, by control.Caller, in control.SetPriority) (control.QueueEntry, error) {
	return g.did(staffActs(g).setPriority(ctx, kiosk.NewAct(by.Actor), in.Entry, in.Priority))
}

// Transfer moves an entry to another department.
func (g queueBackend) Transfer(ctx context.Context, by control.Caller, in control.Transfer) (control.QueueEntry, error) {
	return g.did(staffActs(g).transfer(ctx, kiosk.NewAct(by.Actor), in.Entry, in.Department))
}

// Undo takes back the caller's own last act on an entry.
func (g queueBackend) Undo(ctx context.Context, by control.Caller, in control.Undo) (control.QueueEntry, error) {
	return g.did(staffActs(g).undo(ctx, kiosk.NewAct(by.Actor), in.Entry))
}

// SetProvider says whether a provider sees patients, and where.
func (g queueBackend) SetProvider(ctx context.Context, by control.Caller, in control.SetProvider) (control.Provider, error) {
	if err := staffActs(g).setProvider(ctx, kiosk.NewAct(by.Actor), in.Provider, in.Status, in.Room); err != nil {
		return control.Provider{}, refusedAct(err)
	}
	return g.providerShown(in.Provider), nil
}

// Help lists the calls for help that are not resolved.
func (g queueBackend) Help(context.Context, control.Caller) (control.HelpList, error) {
	out := control.HelpList{Help: []control.Help{}}
	for _, h := range g.checkin.OpenHelp() {
		out.Help = append(out.Help, helpShown(h))
	}
	return out, nil
}

func helpShown(h checkin.Help) control.Help {
	out := control.Help{ID: h.ID.String(), Kind: string(h.Kind), Department: h.Department, Kiosk: h.Kiosk, Raised: h.At}
	if h.Status != kiosk.EscalationActive {
		out.AcknowledgedBy, out.Acknowledged = h.By, h.Answered
	}
	return out
}

// AcknowledgeHelp says that a person takes care of it.
func (g queueBackend) AcknowledgeHelp(ctx context.Context, by control.Caller, in control.AcknowledgeHelp) (control.Help, error) {
	h, err := staffActs(g).answerHelp(ctx, kiosk.NewAct(by.Actor), in.ID, g.checkin.Acknowledge)
	if err != nil {
		return control.Help{}, err
	}
	return helpShown(h), nil
}
