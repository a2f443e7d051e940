package control

import (
	"context"
	"time"

	"clinicgate/kiosk"
)

// QueueList is the queue of every department, in queue order.
type QueueList struct {
	Day       string       `json:"day"`
	Entries   []QueueEntry `json:"entries"`
	Providers []Provider   `json:"providers"`
}

// QueueEntry is one visit as a terminal may show it: no birth date, no reason, and a
// name only in the answer of [Client.QueueReveal].
type QueueEntry struct {
	ID         kiosk.EntryID      `json:"id"`
	Ticket     string             `json:"ticket"`
	Name       string             `json:"name,omitempty"`
	Department kiosk.DepartmentID `json:"department"`
	Provider   kiosk.ProviderID   `json:"provider,omitempty"`
	Status     kiosk.Status       `json:"status"`
	Priority   kiosk.Priority     `json:"priority"`
	Mode       kiosk.Mode         `json:"mode,omitempty"`
	Room       string             `json:"room,omitempty"`
	CheckIn    time.Time          `json:"checkIn"`
	Called     time.Time          `json:"called,omitzero"`
	WaitLow    int                `json:"waitLow,omitempty"` // minutes; both 0 where not known
	WaitHigh   int                `json:"waitHigh,omitempty"`
	Needs      []kiosk.Need       `json:"needs,omitempty"`
	Flags      []string           `json:"flags,omitempty"`
	Reason     string             `json:"reason,omitempty"`     // why a walk-in came: a code of the clinic's
	Unfinished bool               `json:"unfinished,omitempty"` // identified, and nobody goes on with it
	Removed    kiosk.Removal      `json:"removed,omitempty"`    // why it left the lists
	Conflict   bool               `json:"conflict,omitempty"`   // a forbidden change by somebody else waits for a decision
}

// Admit takes in a person of today's list whom staff have identified.
//
// HappenedAt says, here and below, when it happened that staff enter later, from
// what they wrote on paper: "09:40" by the clinic's clock of today, or an RFC 3339
// instant. Empty: it happens now.
type Admit struct {
	Appointment kiosk.AppointmentID `json:"appointment"`
	HappenedAt  string              `json:"happenedAt,omitempty"`
}

// WalkIn takes in a person without an appointment. Name and Birth travel over the
// local channel only and are never logged; either may be empty.
type WalkIn struct {
	Department kiosk.DepartmentID `json:"department"`
	Reason     string             `json:"reason"`
	Name       string             `json:"name,omitempty"`  // family name, comma, given names
	Birth      string             `json:"birth,omitempty"` // 2006-01-02
	HappenedAt string             `json:"happenedAt,omitempty"`
}

// Match says which of today's appointments an entry was for that came in without
// one.
type Match struct {
	Entry       string              `json:"entry"`
	Appointment kiosk.AppointmentID `json:"appointment"`
}

// CallEntry calls a patient. Entry is an entry's id or today's ticket, here and
// below. An empty Room is the provider's.
type CallEntry struct {
	Entry      string `json:"entry"`
	Room       string `json:"room,omitempty"`
	HappenedAt string `json:"happenedAt,omitempty"`
}

// SetStatus is one of the nine transitions.
type SetStatus struct {
	Entry      string       `json:"entry"`
	Status     kiosk.Status `json:"status"`
	HappenedAt string       `json:"happenedAt,omitempty"`
}

// Remove takes a patient who will not be seen today off the lists. Reason is
// cancelled or rescheduled.
type Remove struct {
	Entry      string        `json:"entry"`
	Reason     kiosk.Removal `json:"reason"`
	HappenedAt string        `json:"happenedAt,omitempty"`
}

// SetPriority changes how urgent an entry is.
type SetPriority struct {
	Entry    string         `json:"entry"`
	Priority kiosk.Priority `json:"priority"`
}

// Transfer moves an entry to another department.
type Transfer struct {
	Entry      string             `json:"entry"`
	Department kiosk.DepartmentID `json:"department"`
}

// Undo takes back the caller's own last action on an entry.
type Undo struct {
	Entry string `json:"entry"`
}

// SetProvider says whether a provider sees patients, and where. An empty Room
// keeps the one before.
type SetProvider struct {
	Provider kiosk.ProviderID   `json:"provider"`
	Status   kiosk.Availability `json:"status"`
	Room     string             `json:"room,omitempty"`
}

// Provider is a provider as staff see one.
type Provider struct {
	ID         kiosk.ProviderID   `json:"id"`
	Name       string             `json:"name"`
	Department kiosk.DepartmentID `json:"department"`
	Status     kiosk.Availability `json:"status"`
	Room       string             `json:"room,omitempty"`
}

// HelpList is the calls for help that are not resolved, oldest first.
type HelpList struct {
	Help []Help `json:"help"`
}

// Help is one call for help.
type Help struct {
	ID             string             `json:"id"`
	Kind           string             `json:"kind"` // "ill" or "need-help"
	Department     kiosk.DepartmentID `json:"department"`
	Kiosk          kiosk.KioskID      `json:"kiosk"`
	Raised         time.Time          `json:"raised"`
	Acknowledged   time.Time          `json:"acknowledged,omitzero"`
	AcknowledgedBy string             `json:"acknowledgedBy,omitempty"`
}

// AcknowledgeHelp says that a person takes care of it.
type AcknowledgeHelp struct {
	ID string `json:"id"`
}

// QueueList asks for the queue.
func (c *Client) QueueList(ctx context.Context) (QueueList, error) {
	return call[QueueList](ctx, c, "queue/list", nil)
}

// QueueReveal asks for the queue with the patients' names. Who did is in the audit log.
func (c *Client) QueueReveal(ctx context.Context) (QueueList, error) {
	return call[QueueList](ctx, c, "queue/reveal", None{})
}

// Admit takes in a person of today's list.
func (c *Client) Admit(ctx context.Context, in Admit) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/admit", in)
}

// WalkIn takes in a person without an appointment.
func (c *Client) WalkIn(ctx context.Context, in WalkIn) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/walk-in", in)
}

// Match matches an entry with an appointment.
func (c *Client) Match(ctx context.Context, in Match) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/match", in)
}

// CallEntry calls a patient.
func (c *Client) CallEntry(ctx context.Context, in CallEntry) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/call", in)
}

// SetStatus changes an entry's status.
func (c *Client) SetStatus(ctx context.Context, in SetStatus) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/status", in)
}

// Remove takes an entry off the lists.
func (c *Client) Remove(ctx context.Context, in Remove) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/remove", in)
}

// SetPriority changes an entry's priority.
func (c *Client) SetPriority(ctx context.Context, in SetPriority) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/priority", in)
}

// Transfer moves an entry to another department.
func (c *Client) Transfer(ctx context.Context, in Transfer) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/transfer", in)
}

// Undo takes back the caller's last action on an entry.
func (c *Client) Undo(ctx context.Context, in Undo) (QueueEntry, error) {
	return call[QueueEntry](ctx, c, "queue/undo", in)
}

// SetProvider changes a provider's availability.
func (c *Client) SetProvider(ctx context.Context, in SetProvider) (Provider, error) {
	return call[Provider](ctx, c, "provider/status", in)
}

// HelpList asks for the calls for help.
func (c *Client) HelpList(ctx context.Context) (HelpList, error) {
	return call[HelpList](ctx, c, "help/list", nil)
}

// AcknowledgeHelp acknowledges a call for help.
func (c *Client) AcknowledgeHelp(ctx context.Context, in AcknowledgeHelp) (Help, error) {
	return call[Help](ctx, c, "help/acknowledge", in)
}
