package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// staffActs is what staff do at the queue, once for the desk's page and the
// desk's terminal: the same acts, rules and refusals.
type staffActs struct{ *Gateway }

// refusedInput is an act that names something which is not there. reason is the
// page's word for it, shown is what a terminal says.
type refusedInput struct {
	reason string
	shown  *control.Error
}

func (r *refusedInput) Error() string { return r.shown.Message }

// Hint tells what to do next.
func (r *refusedInput) Hint() string { return r.shown.Next }

// Unwrap gives the terminal's form.
func (r *refusedInput) Unwrap() error { return r.shown }

func refusedAs(reason string, code control.Code, message, next string) error {
	return &refusedInput{reason, &control.Error{Code: code, Message: message, Next: next}}
}

var (
	errNotFound  = refusedAs("not-found", control.NotFound, "there is no such entry today", "`clinicgate queue list` shows the entries")
	errEntryName = refusedAs("not-found", control.Invalid, "an entry is named by its number, such as A-017, or by its id", "`clinicgate queue list` shows the entries")
	errNoHelp    = refusedAs("no-help", control.NotFound, "there is no such call for help", "`clinicgate queue alarms` shows them")
	errHelpName  = refusedAs("no-help", control.Invalid, "a call for help is named by its id", "`clinicgate queue alarms` shows them")
)

// refusedAct puts a refusal of the queue's rules into the channel's words.
func refusedAct(err error) error {
	r, isRefusal := errors.AsType[*queue.Refusal](err)
	t, isTime := errors.AsType[*queue.TimeError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, queue.ErrNotFound):
		return errNotFound
	case isRefusal && r.Err == queue.ErrRemoval:
		return &control.Error{Code: control.Invalid, Message: r.Err.Error(), Next: "`clinicgate queue remove --reason rescheduled`, or `clinicgate queue status`"}
	case isTime:
		return &control.Error{Code: control.Conflict, Message: err.Error(), Next: t.Hint()}
	case isRefusal:
		return &control.Error{Code: control.Conflict, Message: r.Error(), Next: "`clinicgate queue list` shows the present state"}
	case errors.Is(err, storage.ErrFull):
		return &control.Error{Code: control.Unavailable, Message: "the store is full", Next: "restore the connection to PubNub, or raise storage.budget"}
	}
	return err
}

// reasons are the page's words for what the rules refuse.
var reasons = []struct {
	err    error
	reason string
}{
	{queue.ErrNotFound, "not-found"}, {queue.ErrNotCalled, "not-called"}, {queue.ErrGrace, "grace"}, {queue.ErrNotLast, "not-last"},
	{queue.ErrRemoval, "removal"}, {queue.ErrListed, "listed"}, {queue.ErrArrived, "arrived"}, {queue.ErrOtherDay, "other-day"}, {queue.ErrTransition, "transition"}, {queue.ErrBusy, "busy"}, {checkin.ErrNoHelp, "no-help"},
	{queue.ErrFuture, "future"}, {queue.ErrDayBegan, "day-began"}, {queue.ErrEarlier, "earlier"},
	{storage.ErrFull, "full"},
}

// reasonOf gives the page's word for an act that was refused, or "" for one
// that failed.
func reasonOf(err error) string {
	if r, ok := errors.AsType[*refusedInput](err); ok {
		return r.reason
	}
	for _, row := range reasons {
		if errors.Is(err, row.err) {
			return row.reason
		}
	}
	return ""
}

// late says of an act when it happened, in a person's words; empty: it is done now.
func (g staffActs) late(act kiosk.Act, happened string) (kiosk.Act, error) {
	if happened == "" {
		return act, nil
	}
	var err error
	if act.Happened, err = g.queue.Moment(happened); err != nil {
		return act, refusedAs("time", control.Invalid, "the time cannot be read", "write it as 09:40, by the clinic's clock of today, or as 2026-11-22T09:40:00-05:00")
	}
	return act, nil
}

// entry finds an entry by its id or by today's ticket.
func (g staffActs) entry(text string) (kiosk.EntryID, error) {
	if t, err := queue.ParseTicket(text); err == nil {
		if e, ok := g.queue.Find(t, g.queue.Today()); ok {
			return e.ID, nil
		}
		return kiosk.EntryID{}, errNotFound
	}
	id, err := kiosk.ParseEntryID(text)
	if err != nil {
		return id, errEntryName
	}
	if _, ok := g.queue.Entry(id); !ok {
		return id, errNotFound
	}
	return id, nil
}

// on runs one act on an entry and gives what became of it.
func (g staffActs) on(ctx context.Context, act kiosk.Act, text string, do func(tx *storage.Tx, id kiosk.EntryID) error) (queue.State, error) {
	id, err := g.entry(text)
	if err != nil {
		return queue.State{}, err
	}
	if err := g.queue.Act(ctx, act, func(tx *storage.Tx) error { return do(tx, id) }); err != nil {
		return queue.State{}, err
	}
	s, ok := g.queue.State(id)
	if !ok {
		return queue.State{}, errNotFound
	}
	return s, nil
}

// admit takes in a person of today's list whom staff have identified.
func (g staffActs) admit(ctx context.Context, act kiosk.Act, id kiosk.AppointmentID, happened string) (queue.State, error) {
	act, err := g.late(act, happened)
	if err != nil {
		return queue.State{}, err
	}
	s, err := g.checkin.Admit(ctx, act, id)
	return s, g.refusedArrival(err)
}

// walkIn takes in a person without an appointment.
func (g staffActs) walkIn(ctx context.Context, act kiosk.Act, in checkin.WalkIn, happened string) (queue.State, error) {
	act, err := g.late(act, happened)
	if err != nil {
		return queue.State{}, err
	}
	s, err := g.checkin.WalkIn(ctx, act, in)
	return s, g.refusedArrival(err)
}

// match says which appointment an entry was for that came in without one.
func (g staffActs) match(ctx context.Context, act kiosk.Act, text string, appointment kiosk.AppointmentID) (queue.State, error) {
	id, err := g.entry(text)
	if err != nil {
		return queue.State{}, err
	}
	s, err := g.checkin.Match(ctx, act, id, appointment)
	return s, g.refusedArrival(err)
}

// refusedArrival puts what an arrival is refused for into words. They do not
// repeat what was typed.
func (g staffActs) refusedArrival(err error) error {
	switch {
	case errors.Is(err, checkin.ErrNoAppointment):
		return refusedAs("appointment", control.NotFound, "there is no such appointment on today's list",
			"the id is the one in the clinic's own list; `clinicgate queue walk-in` takes in a person without an appointment")
	case errors.Is(err, checkin.ErrDepartment):
		return g.noDepartment()
	case errors.Is(err, checkin.ErrReason):
		return refusedAs("reason", control.Invalid, "there is no such reason in the config",
			"the reasons are: "+strings.Join(g.cfg.CheckIn.WalkInReasons, ", ")+"; checkin.walk_in_reasons sets them")
	case errors.Is(err, checkin.ErrName):
		return refusedAs("name", control.Invalid, "the name cannot be read", "write it in letters, at most 200 bytes: family name, comma, given names")
	case errors.Is(err, checkin.ErrBirth):
		return refusedAs("birth", control.Invalid, "the birth date cannot be read", "write it as 1980-02-29")
	}
	return err
}

func (g staffActs) noDepartment() error {
	return refusedAs("department", control.Invalid, "there is no such department in the config",
		"the departments are: "+strings.Join(g.departmentIDs(), ", "))
}

// call asks a patient to a room, by default the provider's.
func (g staffActs) call(ctx context.Context, act kiosk.Act, entry, room, happened string) (queue.State, error) {
	act, err := g.late(act, happened)
	if err != nil {
		return queue.State{}, err
	}
	if err := g.checkRoom(room); err != nil {
		return queue.State{}, err
	}
	return g.on(ctx, act, entry, func(tx *storage.Tx, id kiosk.EntryID) error {
		_, err := g.queue.Call(tx, act, id, room)
		return err
	})
}

// setStatus makes one of the nine transitions.
func (g staffActs) setStatus(ctx context.Context, act kiosk.Act, entry string, to kiosk.Status, happened string) (queue.State, error) {
	act, err := g.late(act, happened)
	if err != nil {
		return queue.State{}, err
	}
	return g.on(ctx, act, entry, func(tx *storage.Tx, id kiosk.EntryID) error {
		_, err := g.queue.SetStatus(tx, act, id, to)
		return err
	})
}

// remove takes a patient who will not be seen today off the lists.
func (g staffActs) remove(ctx context.Context, act kiosk.Act, entry string, why kiosk.Removal, happened string) (queue.State, error) {
	act, err := g.late(act, happened)
	if err != nil {
		return queue.State{}, err
	}
	return g.on(ctx, act, entry, func(tx *storage.Tx, id kiosk.EntryID) error {
		_, err := g.queue.Remove(tx, act, id, why)
		return err
	})
}

// setPriority changes how urgent an entry is.
func (g staffActs) setPriority(ctx context.Context, act kiosk.Act, entry string, p kiosk.Priority) (queue.State, error) {
	return g.on(ctx, act, entry, func(tx *storage.Tx, id kiosk.EntryID) error {
		_, err := g.queue.SetPriority(tx, act, id, p)
		return err
	})
}

// transfer moves an entry to another department.
func (g staffActs) transfer(ctx context.Context, act kiosk.Act, entry string, to kiosk.DepartmentID) (queue.State, error) {
	if !slices.Contains(g.departments, to) {
		return queue.State{}, g.noDepartment()
	}
	return g.on(ctx, act, entry, func(tx *storage.Tx, id kiosk.EntryID) error {
		_, err := g.queue.Transfer(tx, act, id, to)
		return err
	})
}

// undo takes back the actor's own last act on an entry.
func (g staffActs) undo(ctx context.Context, act kiosk.Act, entry string) (queue.State, error) {
	return g.on(ctx, act, entry, func(tx *storage.Tx, id kiosk.EntryID) error {
		_, err := g.queue.Undo(tx, act, id)
		return err
	})
}

// setProvider says whether a provider sees patients, and where.
func (g staffActs) setProvider(ctx context.Context, act kiosk.Act, id kiosk.ProviderID, status kiosk.Availability, room string) error {
	var ids []string
	for _, p := range g.cfg.Providers {
		ids = append(ids, p.ID)
	}
	if !slices.Contains(ids, string(id)) {
		next := "the providers are: " + strings.Join(ids, ", ")
		if len(ids) == 0 {
			next = "add a [[provider]] table to the config"
		}
		return refusedAs("provider", control.Invalid, "there is no such provider in the config", next)
	}
	if !status.Valid() {
		return refusedAs("provider", control.Invalid, "there is no such provider status", "the statuses are: available, in-consultation, away, offline")
	}
	if err := g.checkRoom(room); err != nil {
		return err
	}
	return g.queue.Update(ctx, func(tx *storage.Tx) error { return g.queue.SetProvider(tx, act, id, status, room) })
}

// checkRoom refuses a room that the board may not show: the patient would not be
// told where to go.
func (g staffActs) checkRoom(text string) error {
	if text == "" || g.queue.RoomNamed(text).String() != "" {
		return nil
	}
	rooms := g.rooms()
	next := "the rooms are those of the providers: " + strings.Join(rooms, ", ")
	if len(rooms) == 0 {
		next = "give the providers a `room` in the config"
	}
	return refusedAs("room", control.Invalid, "there is no such room in the config, so the board cannot show it", next)
}

// rooms lists the clinic's rooms.
func (g staffActs) rooms() (rooms []string) {
	for _, p := range g.cfg.Providers {
		if p.Room != "" && !slices.Contains(rooms, p.Room) {
			rooms = append(rooms, p.Room)
		}
	}
	slices.Sort(rooms)
	return rooms
}

// departmentIDs are the ids of the clinic's departments.
func (g staffActs) departmentIDs() (list []string) {
	for _, d := range g.departments {
		list = append(list, string(d))
	}
	return list
}

// answerHelp acknowledges or resolves a call for help.
func (g staffActs) answerHelp(ctx context.Context, act kiosk.Act, text string, answer func(context.Context, kiosk.Act, uuid.UUID) (checkin.Help, error)) (checkin.Help, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return checkin.Help{}, errHelpName
	}
	h, err := answer(ctx, act, id)
	if errors.Is(err, checkin.ErrNoHelp) {
		return h, errNoHelp
	}
	return h, err
}
